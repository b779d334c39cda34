"""Markdown and data, piece by piece, as one Typst document: pandoc reads, this file mends, pandoc writes."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote
from urllib.request import urlopen

from bs4 import BeautifulSoup
from pandocfilters import CodeBlock, Math, Para, RawBlock, RawInline, Str, Strong, stringify, walk

from mnist_helpers.report.pdf.links import Links
from mnist_helpers.report.pdf.pandoc import ANCHOR, as_jupyter_reads, read_markdown, write_typst
from mnist_helpers.report.pdf.pieces import PdfError, Piece
from mnist_helpers.report.pdf.tables import read_tables, wrap


def to_typst(pieces: list[Piece], build: Path, bibliography: Path) -> tuple[str, list[dict], list[str]]:
    """The body of the Typst document, the items that it draws, and each reference by number that leads nowhere.

    build: the folder that pictures are put into; bibliography: the BibTeX file of what is cited.
    """
    document = _Document(pieces, build, bibliography)
    tree = read_markdown([document.source(index) for index in range(len(pieces))])
    tree["blocks"] = [document.section(block) for block in tree["blocks"]]
    body, warnings = write_typst(walk(tree, document.mend, "typst", {}))
    document.refuse_unread_formulas(warnings)
    for cell in (
        cell for item in document.items if item.get("kind") == "table" for row in item["rows"] for cell in row
    ):
        cell["section"] = document.links.section(cell["text"])
    return body, document.items, document.links.dead


class _Document:
    """The state of one conversion: items, links, formulas, and the piece that is being walked through."""

    def __init__(self, pieces: list[Piece], build: Path, bibliography: Path):
        self.pieces, self.build, self.links = pieces, build, Links(pieces, bibliography)
        self.items: list[dict] = []
        self.formulas: dict[str, str] = {}  # LaTeX -> where
        self.level = 0

    def enter(self, index: int) -> None:
        """Let the piece with this index be the one that the document is in."""
        self.index, self.piece = index, self.pieces[index]

    def source(self, index: int) -> str:
        """A piece as Markdown, headed by a mark that says which one it is."""
        self.enter(index)
        raw = f"#item({self.add(self.piece.item)})" if self.piece.item else self.piece.raw
        text = f"```{{=typst}}\n{raw}\n```" if raw else as_jupyter_reads(self.piece.markdown)
        return f"```{{=piece}}\n{index}\n```\n\n{text}"

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
        if block["t"] == "RawBlock" and block["c"][0] == "piece":
            self.enter(int(block["c"][1]))
        if block["t"] != "Header":
            return block
        level, (_, classes, _), inlines = block["c"]
        words = stringify(Para(inlines)).strip()
        if not words:
            return Para([])
        anchor = f"section-{len(self.items)}"
        number = self.links.add_heading(self.piece.origin.name, level, words, anchor)
        if number and inlines[0] == Str(number):  # Typst sets the number; one in bold letters stays with the words
            inlines = inlines[2:]
        else:
            number = None
        self.level = min(level, self.level + 1)  # an accessible document leaves no level out
        item = {"level": self.level, "number": number, "anchor": anchor, "listed": "unlisted" not in classes}
        return Para([RawInline("typst", f"#section({self.add(item)})["), *inlines, RawInline("typst", "]")])

    def mend(self, key, value, _format, _meta):
        """What takes the place of an element of pandoc's tree; None leaves it as it is."""
        if key == "RawBlock" and value[0] == "piece":
            self.enter(int(value[1]))
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
            language = re.findall(r"[\w+#-]+", " ".join(value[0][1]))[:1]  # of ```python title="train.py"
            return {"t": key, "c": [["", language, []], wrap(value[1])]}
        if key == "Link":
            return self.links.link(value, self.piece, ANCHOR.format(self.index))
        if key == "Image":
            return self._picture(value[2][0], stringify(Para(value[1])))
        if key == "Math":
            return self._math(*value)
        if key == "Str" and "$$" in value:
            raise PdfError(f"{self.piece.where}: a formula in $$ must not contain an empty line. Remove it.")
        if key == "Str" and (number := re.fullmatch(r"(\(?)-(\d.*)", value)):  # Typst sees this only after a blank
            return Str(f"{number[1]}−{number[2]}")
        return None

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
        if not re.fullmatch(r"\s*\\begin\{(\w+\*?)\}.*\\end\{\1\}\s*", tex, re.S):
            return Str(tex) if key == "RawInline" else Para([Str(tex)])
        formula = re.sub(r"\\(begin|end)\{equation\*?\}", "", tex).strip()  # the others pandoc knows
        kind = {"t": "DisplayMath"}
        return Para([Math(kind, formula)]) if key == "RawBlock" else self._math(kind, formula)  # walk enters a Para

    def refuse_unread_formulas(self, warnings: str) -> None:
        for warning in re.findall(r"Could not convert TeX math (.*?), rendering as TeX", warnings, re.S):
            formula = " ".join(warning.split())
            where = self.formulas.get(formula, "the report")
            raise PdfError(f"{where}: the formula {formula} cannot be read. Write it in LaTeX that pandoc knows.")

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
        if soup.pre and key == "RawBlock":
            return CodeBlock(("", [], []), soup.get_text().strip("\n"))
        shown += [Str(words)] if (words := soup.get_text(" ", strip=True)) else []
        return Para(shown) if key == "RawBlock" else shown

    def _picture(self, url: str, alt: str, width: float | None = None) -> dict:
        if re.match(r"https?:", url):
            raise PdfError(f"{self.piece.where} shows {url}, and a report fetches nothing. Save the picture as a file.")
        alt, file = (alt or "a picture", url) if url.startswith("data:") else (alt or Path(url).stem, unquote(url))
        return RawInline("typst", f"#item({self.add({'kind': 'picture', 'file': file, 'alt': alt, 'width': width})})")

    def _copy(self, file: str) -> str:
        """Put a picture beside the document; its name there. It is a file, or is written out in its address."""
        origin, kind, advice = self.piece.origin, Path(file).suffix, "that does not exist, {}. Put it there."
        try:
            if file.startswith("data:"):
                advice = "that is damaged, {}. Insert it again."
                with urlopen(file) as opened:  # these words themselves: nothing is fetched
                    content, kind = opened.read(), "." + opened.headers.get_content_subtype().split("+")[0]
            else:
                content = origin.files[file] if file in origin.files else (origin.folder / file).read_bytes()
        except (OSError, ValueError) as error:  # a name may be too long, or none
            shown = advice.format(file[:60] or "without a name")
            raise PdfError(f"{self.piece.where} shows a picture {shown}") from error
        name = f"picture-{len(self.items)}{kind}"
        (self.build / name).write_bytes(content)
        return name
