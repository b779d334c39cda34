"""Markdown and data, piece by piece, as one Typst document: pandoc reads, this file mends, pandoc writes."""

import re
from html import escape
from pathlib import Path
from urllib.parse import unquote
from urllib.request import urlopen

from pandocfilters import Math, Para, RawBlock, RawInline, Str, Strong, stringify, walk

from mnist_helpers.report.pdf.links import Links, with_references
from mnist_helpers.report.pdf.pandoc import read_html, to_html, write_typst
from mnist_helpers.report.pdf.pieces import PdfError, Piece
from mnist_helpers.report.pdf.tables import wrap


def to_typst(pieces: list[Piece], build: Path, bibliography: Path) -> tuple[str, list[dict], list[str]]:
    """The body of the Typst document, the items that it draws, and each reference by number that leads nowhere.

    build: the folder that pictures are put into; bibliography: the BibTeX file of what is cited.
    """
    document = _Document(pieces, build, bibliography)
    tree = read_html("".join(map(document.source, range(len(pieces)))))
    tree["blocks"] = [document.section(block) for block in tree["blocks"]]
    body, warnings = write_typst(walk(tree, document.mend, "typst", {}))
    for warning in re.findall(r"Could not convert TeX math (.*?), rendering as TeX", warnings, re.S):
        formula = " ".join(warning.split())
        where = document.formulas.get(formula, "the report")
        raise PdfError(f"{where}: the formula {formula} cannot be read. Write it in LaTeX that pandoc knows.")
    return body, document.items, document.links.dead


class _Document:
    """The state of one conversion: items, links, formulas, and the piece that is being walked through."""

    def __init__(self, pieces: list[Piece], build: Path, bibliography: Path):
        self.pieces, self.build, self.links = pieces, build, Links(pieces, bibliography)
        self.items: list[dict] = []
        self.formulas: dict[str, str] = {}  # LaTeX -> where
        self.level = 0

    def source(self, index: int) -> str:
        """A piece as HTML, after a mark that says which one it is."""
        self.piece = self.pieces[index]
        raw = f"#item({self.add(self.piece.item)})" if self.piece.item else self.piece.raw
        html = with_references(self.piece.html or to_html(self.piece.markdown, index))
        return f'<pre data-piece="{index}">// piece {index}\n{escape(raw)}</pre>{html}'

    def add(self, item: dict) -> int:
        """The place of an item among the items; a figure's file is put beside the document."""
        if item.get("label"):
            item = item | {"anchor": self.links.add_item(item["label"])}
        if "file" in item:
            item = item | {"file": self._copy(item["file"])}
        self.items.append(item)
        return len(self.items) - 1

    def section(self, block: dict) -> dict:
        """A heading as a numbered section that links can find; other blocks as they are."""
        if block["t"] == "CodeBlock" and "piece" in (about := dict(block["c"][0][2])):
            self.piece = self.pieces[int(about["piece"])]
        if block["t"] != "Header":
            return block
        level, (_, classes, _), inlines = block["c"]
        words = stringify(Para(inlines)).strip()
        if not words:
            return Para([])
        anchor = f"section-{len(self.items)}"
        number = self.links.add_heading(self.piece.chapter, level, words, anchor)
        number = number if inlines[0] == Str(number) else None  # one in bold letters stays with the words
        inlines = inlines[2:] if number else inlines  # Typst sets the number
        self.level = min(level, self.level + 1)  # an accessible document leaves no level out
        item = {"level": self.level, "number": number, "anchor": anchor, "listed": "unlisted" not in classes}
        return Para([RawInline("typst", f"#section({self.add(item)})["), *inlines, RawInline("typst", "]")])

    def mend(self, key, value, _format, _meta):
        """What takes the place of an element of pandoc's tree; None leaves it as it is."""
        about = dict(value[0][2]) if key in ("Code", "CodeBlock", "Image", "Span") else {}
        if "piece" in about:
            self.piece = self.pieces[int(about["piece"])]
            return RawBlock("typst", value[1])
        if key == "Span" and "whole" in about:
            return self._math(about["element"], about["whole"])
        if key == "Header":  # inside a list or a quotation
            return Para([Strong(value[2])])
        if key in ("Code", "CodeBlock"):
            language = re.findall(r"[\w+#-]+", " ".join(value[0][1]))[:1]  # of ```{python}
            return {"t": key, "c": [["", language, []], wrap(about.get("whole", value[1]).strip("\n"))]}
        if key == "Link":
            return self.links.link(value, self.piece)
        if key == "Image":
            return self._picture(value[2][0], stringify(Para(value[1])), about.get("width", ""))
        if key == "Str" and (number := re.fullmatch(r"(\(?)-(\d.*)", value)):  # Typst sees this only after a blank
            return Str(f"{number[1]}−{number[2]}")
        return None

    def _math(self, kind: str, formula: str) -> list:
        """A formula, with an item that holds its alternative text around it."""
        formula = re.sub(r"\s*\n\s*", "\n", formula.strip())  # pandoc would not read one with an empty line
        opening = RawInline("typst", f"#formula({self.add({'alt': formula})})[")
        # pandoc would set it as one word, with the limit at its side
        formula = re.sub(r"\\operatorname\*?\{arg\\[,;: ]\s*(max|min)\}", r"\\arg\\\1 ", formula)
        for cases in re.findall(r"\\begin\{cases\}.*?\\end\{cases\}", formula, re.S):
            formula = formula.replace(cases, cases.replace("&", r"&\quad "))  # Typst puts no space there
        self.formulas.setdefault(" ".join(formula.split()), self.piece.where)
        return [opening, Math({"t": kind}, formula), RawInline("typst", "]")]

    def _picture(self, url: str, alt: str, width: str) -> dict:
        if re.match(r"https?:", url):
            raise PdfError(f"{self.piece.where} shows {url}, and a report fetches nothing. Save the picture as a file.")
        alt, file = (alt or "a picture", url) if url.startswith("data:") else (alt or Path(url).stem, unquote(url))
        pixels = re.fullmatch(r"(\d+)(?:px)?", width)
        item = {"kind": "picture", "file": file, "alt": alt, "width": pixels and int(pixels[1]) / 96}
        return RawInline("typst", f"#item({self.add(item)})")

    def _copy(self, file: str) -> str:
        """Put a picture beside the document; its name there. It is a file, or is written out in its address."""
        kind, advice = Path(file).suffix, "that does not exist, {}. Put it there."
        try:
            if file.startswith("data:"):
                advice = "that is damaged, {}. Insert it again."
                with urlopen(file) as opened:  # these words themselves: nothing is fetched
                    content, kind = opened.read(), "." + opened.headers.get_content_subtype().split("+")[0]
            else:
                content = (self.piece.folder / file).read_bytes()
        except (OSError, ValueError) as error:  # a name may be too long, or none
            shown = advice.format(file[:60] or "without a name")
            raise PdfError(f"{self.piece.where} shows a picture {shown}") from error
        name = f"picture-{len(self.items)}{kind}"
        (self.build / name).write_bytes(content)
        return name
