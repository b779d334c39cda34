"""Markdown and data, piece by piece, as one Typst document: pandoc reads, this file mends, pandoc writes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.parse import unquote

from bs4 import BeautifulSoup
from pandocfilters import Math, Para, RawBlock, RawInline, Str, Strong, stringify, walk

from mnist_helpers.report.pdf.links import Links
from mnist_helpers.report.pdf.pandoc import ANCHOR, read_markdown, write_typst
from mnist_helpers.report.pdf.pieces import PdfError, Piece
from mnist_helpers.report.pdf.tables import read_tables, wrap

ALIGNED = ("align", "gather", "multline", "eqnarray", "flalign")  # environments that pandoc takes as aligned


def to_typst(pieces: list[Piece], build: Path) -> tuple[str, list[dict]]:
    """The body of the Typst document and the items that it draws; pictures are put into the folder `build`."""
    document = _Document(pieces, build)
    tree = read_markdown([document.source(index) for index in range(len(pieces))])
    tree["blocks"] = [document.section(block) for block in tree["blocks"]]
    body, warnings = write_typst(walk(tree, document.mend, "typst", {}))
    document.refuse_unread_formulas(warnings)
    return body, document.items


def piece_of_error(diagnostic: str, main: str, pieces: list[Piece]) -> str:
    """Chapter and cell of what Typst could not set: by the line of main.typ, else by the words that it quotes."""
    line, quoted = re.search(r"main\.typ:(\d+)", diagnostic), re.search('`"(.+?)"`', diagnostic)
    if line:
        marks = re.findall(r"^// piece (\d+)$", "\n".join(main.splitlines()[: int(line[1])]), re.M)
        if marks:
            return pieces[int(marks[-1])].where
    inside = [piece.where for piece in pieces if quoted and quoted[1] in f"{piece.markdown}{piece.item}"]
    return inside[0] if inside else "the report"


class _Document:
    """The state of one conversion: items, links, formulas, and the piece that is being walked through."""

    def __init__(self, pieces: list[Piece], build: Path):
        self.pieces, self.build = pieces, build
        self.index = 0  # of the piece that a walk is in
        self.items: list[dict] = []
        self.links = Links(pieces)
        self.formulas: dict[str, str] = {}  # LaTeX -> where
        self.level = 0

    @property
    def piece(self) -> Piece:
        return self.pieces[self.index]

    def source(self, index: int) -> str:
        """A piece as Markdown, headed by a mark that says which one it is."""
        self.index, piece = index, self.pieces[index]
        raw = f"#item({self.add(piece.item)})" if piece.item else piece.raw
        if raw:
            return f"```{{=piece}}\n{index}\n```\n\n```{{=typst}}\n{raw}\n```"
        parts = re.split(r"(^```.*?^```[^\n]*$|`[^`\n]+`)", piece.markdown, flags=re.S | re.M)  # code stays as it is
        # Jupyter takes $ x $ for a formula, pandoc only $x$; what a digit follows is money
        parts[::2] = [re.sub(r"(?<![\\$])\$ *([^$\n]+?) *\$(?![\d$])", r"$\1$", part) for part in parts[::2]]
        return f"```{{=piece}}\n{index}\n```\n\n{''.join(parts)}"

    def add(self, item: dict) -> int:
        """The place of an item among the items; a figure's file is put beside the document."""
        if "file" in item:
            item = item | {"file": self._copy(item["file"])}
        self.items.append(item)
        return len(self.items) - 1

    def section(self, block: dict) -> dict:
        """A heading as a numbered section that links can find; other blocks as they are."""
        if block["t"] == "RawBlock" and block["c"][0] == "piece":
            self.index = int(block["c"][1])
        if block["t"] != "Header":
            return block
        level, (_, classes, _), inlines = block["c"]
        words = stringify(Para(inlines)).strip()
        if not words:
            return Para([])
        found, number = re.match(r"(\d+(?:\.\d+)*) ", words), None
        if found and inlines[0] == Str(found[1]):  # Typst sets the number; one in bold letters stays with the words
            number, inlines = found[1], inlines[2:]
        label = f"section-{len(self.items)}"
        self.links.add_heading(self.piece.origin.name, level, words, number, label)
        self.level = min(level, self.level + 1)  # an accessible document leaves no level out
        item = {"level": self.level, "number": number, "label": label, "listed": "unlisted" not in classes}
        return Para([RawInline("typst", f"#section({self.add(item)})["), *inlines, RawInline("typst", "]")])

    def mend(self, key, value, _format, _meta):
        """What takes the place of an element of pandoc's tree; None leaves it as it is."""
        if key == "RawBlock" and value[0] == "piece":
            self.index = int(value[1])
            return RawBlock("typst", f"// piece {value[1]}")
        if key in ("RawBlock", "RawInline") and value[0] in ("tex", "latex"):
            return self._tex(key, value[1])
        if key in ("RawBlock", "RawInline") and value[0] == "html":
            return self._html(key, value[1])
        if key in ("Para", "Plain"):
            return {"t": key, "c": self.links.refer(value, self.piece)}
        if key == "Header":  # inside a list or a quotation
            return Para([Strong(value[2])])
        if key in ("Code", "CodeBlock"):
            return {"t": key, "c": [value[0], wrap(value[1])]}
        if key == "Link":
            return self.links.link(value, self.piece, ANCHOR.format(self.index))
        if key == "Image":
            return self._picture(unquote(value[2][0]), stringify(Para(value[1])))
        if key == "Math":
            return self._math(*value)
        if key == "Str" and "$$" in value:
            raise PdfError(f"{self.piece.where}: a formula in $$ must not contain an empty line. Remove it.")
        if key == "Str" and (number := re.fullmatch(r"(\(?)-(\d.*)", value)):  # Typst sees this only after a blank
            return Str(f"{number[1]}−{number[2]}")
        return None

    # --- formulas ---------------------------------------------------------------------------------------------

    def _math(self, kind: dict, formula: str) -> list:
        """A formula, with an item that holds its alternative text around it."""
        index = self.add({"alt": formula.strip()})
        # pandoc would set it as one word, with the limit at its side
        formula = re.sub(r"\\operatorname\*?\{arg\\[,;: ]\s*(max|min)\}", r"\\arg\\\1 ", formula)
        for cases in re.findall(r"\\begin\{cases\}.*?\\end\{cases\}", formula, re.S):
            formula = formula.replace(cases, cases.replace("&", r"&\quad "))  # Typst puts no space there
        self.formulas.setdefault(" ".join(formula.split()), self.piece.where)
        return [RawInline("typst", f"#formula({index})["), Math(kind, formula), RawInline("typst", "]")]

    def _tex(self, key: str, tex: str):
        """A bare environment such as align, which Jupyter shows as a formula; other TeX as it is written."""
        found = re.fullmatch(r"\s*\\begin\{(\w+)\*?\}(.*)\\end\{\1\*?\}\s*", tex, re.S)
        if not found:
            return Str(tex) if key == "RawInline" else Para([Str(tex)])
        name, formula = found[1], found[2].strip()
        if name in ALIGNED:
            formula = rf"\begin{{aligned}}{formula}\end{{aligned}}"
        elif name != "equation":
            formula = tex.strip()
        kind = {"t": "DisplayMath"}
        return Para([Math(kind, formula)]) if key == "RawBlock" else self._math(kind, formula)  # walk enters a Para

    def refuse_unread_formulas(self, warnings: str) -> None:
        for warning in re.findall(r"Could not convert TeX math (.*?), rendering as TeX", warnings, re.S):
            formula = " ".join(warning.split())
            where = self.formulas.get(formula, "the report")
            raise PdfError(f"{where}: the formula {formula} cannot be read. Write it in LaTeX that pandoc knows.")

    # --- pictures and HTML ------------------------------------------------------------------------------------

    def _html(self, key: str, html: str):
        """HTML in Markdown: line breaks, small and raised letters, pictures, tables; of the rest its words."""
        tag = re.fullmatch(r"<(/?)(br|sub|sup)\s*/?>", html.strip(), re.I)
        if tag:
            opening = {"br": " \\ ", "sub": "#sub[", "sup": "#super["}[tag[2].lower()]
            return RawInline("typst", "]" if tag[1] else opening)
        tables = [RawBlock("typst", f"#item({self.add(table)})") for table in read_tables(html)]
        if tables and key == "RawBlock":
            return tables
        soup, shown = BeautifulSoup(html, "html.parser"), []
        for image in soup.find_all("img"):
            width = re.fullmatch(r"(\d+)(?:px)?", image.get("width", ""))
            shown.append(self._picture(image.get("src", ""), image.get("alt", ""), width and int(width[1]) / 96))
        shown += [Str(words)] if (words := soup.get_text(" ", strip=True)) else []
        return Para(shown) if key == "RawBlock" else shown

    def _picture(self, url: str, alt: str, width: float | None = None) -> dict:
        if re.match(r"https?:", url):
            raise PdfError(f"{self.piece.where} shows {url}, and a report fetches nothing. Save the picture as a file.")
        item = {"kind": "picture", "file": url, "alt": alt or Path(url).stem, "width": width}
        return RawInline("typst", f"#item({self.add(item)})")

    def _copy(self, file: str) -> str:
        """Put a picture beside the document; its name there."""
        name = f"picture-{len(self.items)}{Path(file).suffix}"
        path = self.piece.origin.folder / file
        if file in self.piece.origin.files:
            (self.build / name).write_bytes(self.piece.origin.files[file])
        elif path.is_file():
            shutil.copyfile(path, self.build / name)
        else:
            shown = file[:60] or "without a name"
            raise PdfError(f"{self.piece.where} shows a picture that does not exist, {shown}. Put it there.")
        return name
