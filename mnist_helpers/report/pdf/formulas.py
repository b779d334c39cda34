"""The formulas of a document: read by MathJax all at once, since one may define what later ones use."""

import re
from html import escape, unescape

from pandocfilters import walk

from mnist_helpers.report.pdf.mathjax import Formula, to_pictures
from mnist_helpers.report.pdf.pieces import Piece

IN_HTML = re.compile(
    r"\$\$(?P<block>[^$]+)\$\$|(?<![\\$])\$(?P<line>[^$`]+)\$(?![\d$])|\\\((?P<round>.+?)\\\)|\\\[(?P<bracket>.+?)\\\]",
    re.S,
)
# tags, what holds no formula, and formulas that are found already; and the words between them
WORDS = re.compile(
    r"(?P<kept><!--.*?-->|<(?P<tag>code|pre|script|style|textarea|svg)\b.*?</(?P=tag)\s*>|"
    r"<span data-element=.*?</span>|"
    r"""<[a-z/!](?:"[^"]*"|'[^']*'|[^'">])*>)|"""
    r"(?:\$\$?(?:[^$`<]|<(?![a-z/!][^$<>]*>))+\$\$?|[^<]|<(?![a-z/!]))+",  # $a<b$ has no tag
    re.I | re.S,
)


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
        self.pictures: dict[Formula, list[dict]] = {}
        for formula, picture in zip(found, to_pictures(found), strict=True):
            self.pictures.setdefault(formula, []).append(picture)

    def widths(self, *formula: str | bool) -> list[float]:
        """In em, of the formulas that take() gives; none of a formula that is a paragraph of its own."""
        return [] if formula[-1] else [picture.get("width", 0) for picture in self.pictures.get(formula, [])]

    def take(self, chapter: str, tex: str, display: bool) -> dict:
        """The picture of the next such formula; the same may stand in a text twice, with other macros."""
        formula = chapter, tex, display
        same = self.pictures.get(formula) or to_pictures([formula])
        return same.pop(0) if len(same) > 1 else same[0]


def with_formulas(html: str) -> str:
    """The HTML with Spans for the formulas in its words, which JupyterLab sets too; all else letter by letter."""
    return WORDS.sub(lambda found: found[0] if found["kept"] else IN_HTML.sub(_span, found[0]), html)


def _span(found: re.Match) -> str:
    kind, tex = next((key, tex) for key, tex in found.groupdict().items() if tex)
    element = "DisplayMath" if kind in ("block", "bracket") else "InlineMath"
    return f'<span data-element="{element}" data-whole="{escape(unescape(tex))}">{escape(unescape(tex))}</span>'


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
