"""The formulas of a document: read by MathJax all at once, since one may define what later ones use."""

import re
from html import escape, unescape

from bs4 import BeautifulSoup
from pandocfilters import walk

from mnist_helpers.report.pdf.mathjax import to_mathml
from mnist_helpers.report.pdf.mathletters import UnknownFormula
from mnist_helpers.report.pdf.mathml import to_typst
from mnist_helpers.report.pdf.pieces import Piece, warn

IN_HTML = re.compile(
    r"\$\$(?P<block>[^$]+)\$\$|(?<![\\$])\$(?P<line>[^$`]+)\$(?![\d$])|\\\((?P<round>.+?)\\\)|\\\[(?P<bracket>.+?)\\\]",
    re.S,
)
Formula = tuple[str, str, bool]  # notebook, LaTeX, and whether it is a paragraph of its own


class Formulas:
    """What MathJax makes of the formulas in pandoc's tree, in which they are Spans."""

    def __init__(self, tree: dict, pieces: list[Piece]):
        found: list[Formula] = []
        chapter = ""

        def note(key, value, _format, _meta) -> None:
            nonlocal chapter
            about = dict(value[0][2]) if key in ("CodeBlock", "Span") else {}
            if "piece" in about:
                chapter = pieces[int(about["piece"])].chapter
            if "whole" in about:
                found.append((chapter, *read(about)))

        walk(tree, note, "typst", {})
        self.mathml: dict[Formula, list[str]] = {}
        for formula, mathml in zip(found, to_mathml(found), strict=True):
            self.mathml.setdefault(formula, []).append(mathml)

    def typst(self, piece: Piece, tex: str, display: bool, item: int) -> str:
        """A formula in Typst's words, where it has been read; else a frame with its source, and a warning.

        item: that of the item with its alternative text.
        """
        formula = piece.chapter, tex, display  # one may stand there twice, with something defined between
        same = self.mathml.get(formula) or to_mathml([formula])
        try:
            markup = to_typst(same.pop(0) if len(same) > 1 else same[0], display)
        except (UnknownFormula, RecursionError) as error:
            what = f"has a formula that is shown as its source: {' '.join(tex.split())} ({error})"
            warn(piece.where, what, "Write it in another way")
            return f"#unset({item}, {str(display).lower()})"
        if not markup.strip("$ "):  # it only defines something
            return ""
        if not display:
            return f"#formula({item})[{markup}]"
        breaks = not re.search(r"mat\(|\\ |^#", markup)  # one line, which can become several where it is too long
        return f"#displayed({item}, {str(breaks).lower()})[{markup}]"


def with_formulas(html: str) -> str:
    """The HTML of an output, with Spans for the formulas in its words: JupyterLab sets these too."""
    soup = BeautifulSoup(html, "html.parser")
    for text in soup.find_all(string=IN_HTML):
        if not text.find_parent(["code", "pre", "script", "style", "textarea"]):
            text.replace_with(BeautifulSoup(IN_HTML.sub(_span, escape(text, quote=False)), "html.parser"))
    return str(soup)


def _span(found: re.Match) -> str:
    kind, tex = next((key, tex) for key, tex in found.groupdict().items() if tex)
    element = "DisplayMath" if kind in ("block", "bracket") else "InlineMath"
    return f'<span data-element="{element}" data-whole="{escape(unescape(tex))}">{tex}</span>'


def without_bars(markdown: str) -> str:
    """The Markdown, with other words for | in the formulas of tables, where that sign would end a cell."""
    parts = re.split(r"(^(?:```|~~~).*?(?:^(?:```|~~~)\s*$|\Z))", markdown, flags=re.M | re.S)
    return "".join(part if i % 2 else re.sub(r"^\|.*$", _row, part, flags=re.M) for i, part in enumerate(parts))


def _row(line: re.Match) -> str:
    formula = r"(?<![\\$`])\$[^$`\n]+\$(?!\d)"
    return re.sub(formula, lambda tex: tex[0].replace(r"\|", r"\Vert ").replace("|", r"\vert "), line[0])


def read(about: dict) -> tuple[str, bool]:
    """LaTeX and kind of a Span that holds a formula."""
    return re.sub(r"\s*\n\s*", "\n", about["whole"].strip()), about["element"] == "DisplayMath"
