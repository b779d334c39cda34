"""Markdown and data, piece by piece, as one Typst document: pandoc reads, this file mends and links, pandoc writes.

Links: headings by Jupyter's anchors, figures, tables, sections and chapters by number, references by DOI.
"""

import re
from html import escape
from pathlib import Path
from urllib.parse import unquote

import bibtexparser
from bibtexparser.bparser import BibTexParser
from pandocfilters import Link, Para, RawBlock, RawInline, Str, Strong, stringify, walk

from mnist_helpers.files import project_path
from mnist_helpers.report.pdf.formulas import Formulas, read, with_formulas, without_bars
from mnist_helpers.report.pdf.markup import REFERENCE, mend
from mnist_helpers.report.pdf.pandoc import read_html, to_html, write_typst
from mnist_helpers.report.pdf.pictures import PAGE, SCREEN, put_beside
from mnist_helpers.report.pdf.pieces import Piece, warn
from mnist_helpers.report.pdf.tables import wrap
from mnist_helpers.report.pdf.words import as_written, words_of

FULL_PAGE = 3_500  # characters of text
SPELLED = {"c#": "cs", "c++": "cpp", "f#": "fs"}  # languages, as Typst has them
ROOM = 44, 57  # em of a page, which no formula is larger than
WIDE = 12  # em of a formula in a line that ends before it
LEAST = 0.6  # of a formula's size, below which it is hard to read


def to_typst(
    pieces: list[Piece], build: Path, bibliography: Path, own_title: bool = False
) -> tuple[str, list[dict], list[str]]:
    """The body of the Typst document, the items that it draws, and each reference by number that leads nowhere.

    build: the folder that pictures are put into; bibliography: the BibTeX file of what is cited; own_title: a
    first heading of level 1 is the document's, an item with "title".
    """
    document = Document(pieces, build, bibliography, own_title)
    tree = read_html("".join(map(document.source, range(len(pieces)))))
    document.formulas = Formulas(tree, pieces)
    tree["blocks"] = [document.section(block) for block in tree["blocks"]]
    body = write_typst(walk(tree, document.mend, "typst", {}))
    for row in (row for item in document.items if item.get("kind") == "table" for row in item["rows"]):
        for cell in row:  # where a cell names a section and nothing else, paper has its page
            if found := REFERENCE.fullmatch(cell["text"]):
                cell["section"] = document.numbers.get(_name(found)) if "section" in _name(found) else None
    return body, document.items, document.dead


class Document:
    """The state of one conversion: items, links, formulas, and the piece that is being walked through."""

    def __init__(self, pieces: list[Piece], build: Path, bibliography: Path, own_title: bool = False):
        self.pieces, self.build, self.level, self.own_title = pieces, build, 0, own_title
        self.top = 0  # 1 below a title that stands for a level 1
        self.items: list[dict] = []
        self.formulas: Formulas
        self.anchors: dict[tuple[str, str], str] = {}  # (chapter, Jupyter's anchor) -> Typst's label
        self.numbers: dict[str, str] = {}  # "figure 3.1", "chapter 3", "section 3.2" -> Typst's label
        self.dead: list[str] = []  # references by number that lead nowhere
        self.last = _last_figures(pieces)
        parser = BibTexParser(ignore_nonstandard_types=False)  # Typst knows @online and more
        entries = bibtexparser.loads(bibliography.read_text(encoding="utf-8"), parser).entries
        self.cited = {_place(entry[key]): entry["ID"] for entry in entries for key in ("doi", "url") if key in entry}

    def source(self, index: int) -> str:
        """A piece as HTML, after a mark that says which one it is."""
        self.piece = self.pieces[index]
        raw = f"#item({self.add(self.piece.item)})" if self.piece.item else self.piece.raw
        html = with_formulas(self.piece.html) if self.piece.html else to_html(without_bars(self.piece.markdown), index)
        html = mend(html, self.add, self.piece.where, None if self.piece.html else self.anchor)
        return f'<pre data-piece="{index}" data-typst="1">// piece {index}\n{escape(raw)}</pre>{html}'

    def anchor(self, name: str) -> str | None:
        """The label of an element's id, for links to it; None where another one has it."""
        place = (self.piece.chapter, name.lower())
        label = f"place-{len(self.anchors)}"
        return label if self.anchors.setdefault(place, label) == label else None

    def add(self, item: dict) -> int:
        """The place of an item among the items; a figure's file is put beside the document."""
        item = item | {"last": id(item) in self.last}
        if item.get("label"):  # where two have one, links go to the first
            name = item["label"].lower()
            item = item | {"anchor": None if name in self.numbers else name.replace(" ", "-")}
            self.numbers.setdefault(name, name.replace(" ", "-"))
        if "file" in item:
            item = put_beside(item, self.piece, self.build / f"picture-{len(self.items)}")
        self.items.append(item)
        return len(self.items) - 1

    def section(self, block: dict) -> dict:
        """A heading as a numbered section that links can find; other blocks as they are."""
        if block["t"] == "CodeBlock" and "piece" in (about := dict(block["c"][0][2])):
            self.piece = self.pieces[int(about["piece"])]
        if block["t"] != "Header":
            return block
        level, (_, classes, _), inlines = block["c"]
        words = words_of(inlines)
        if not words:  # a picture, or nothing
            return Para(inlines)
        anchor = f"section-{len(self.items)}"
        number = self._number(level, words, anchor)
        if self.own_title and level == 1 and self.level == 0:
            return self._title(inlines, anchor)
        number = number if inlines[0] == Str(number) else None  # one in bold letters stays with the words
        inlines = inlines[2:] if number else inlines  # Typst sets the number
        self.top = self.top if level > 1 else 0
        top = 1 if self.piece.chapter.startswith("00_") else self.top
        self.level = min(max(level - top, 1), self.level + 1)  # an accessible document leaves no level out
        item = {"level": self.level, "number": number, "anchor": anchor, "listed": "unlisted" not in classes}
        read = words_of(inlines, drawn=False)
        item["length"] = len(words)
        item["unread"] = "" if re.search(r"[^\W\d]", read) else words_of(inlines)[len(read) :].strip()
        start = "#[]" if re.match(r"\d+\.|[-+=/]", read) else ""  # or 1. would begin a list
        return Para([RawInline("typst", f"#section({self.add(item)})[{start}"), *inlines, RawInline("typst", "]")])

    def _title(self, inlines: list[dict], anchor: str) -> dict:
        """The heading that is the document's title, which has no formulas and pictures: these stay where they are."""
        self.own_title, self.top = False, 1
        self.add({"title": words_of(inlines)})
        drawn = words_of(inlines) != words_of(inlines, drawn=False)
        return Para([RawInline("typst", f"#metadata(none)<{anchor}>"), *([Strong(inlines)] if drawn else [])])

    def mend(self, key, value, _format, _meta):
        """What takes the place of an element of pandoc's tree; None leaves it as it is."""
        about = dict(value[0][2]) if key in ("Code", "CodeBlock", "Image", "Span") else {}
        if "piece" in about:
            self.piece = self.pieces[int(about["piece"])]
        if "typst" in about:
            if key == "CodeBlock":
                return RawBlock("typst", value[1])
            return RawInline("typst", value[1] + ("#[]" if value[1].endswith("[") else ""))  # then 1. begins no list
        if key == "Span" and "whole" in about:
            return RawInline("typst", self._formula(*read(about)))
        if key == "Math":  # from MathML
            return RawInline("typst", self._formula(value[1], value[0]["t"] == "DisplayMath"))
        if key in ("Para", "Plain"):
            return self._paragraph(key, value)
        if key == "Header":  # inside a list or a quotation
            return Para([Strong(value[2])])
        if key in ("Code", "CodeBlock"):
            language = re.findall(r"[^\W\d][\w+#-]*", " ".join(value[0][1]))[:1]  # of ```{python}
            language = [SPELLED.get(word, re.sub(r"[^\w-]", "", word)) for word in language]
            if key == "CodeBlock" and language == ["mermaid"]:
                warn(self.piece.where, "has a Mermaid diagram, of which paper has the source", "Show a picture of it")
            text = about.get("whole", value[1]).strip("\n")
            return {"t": key, "c": [["", language, []], wrap(text.expandtabs()) if key == "CodeBlock" else text]}
        if key == "Link":
            return self._link(value)
        if key == "Image":
            return self._picture(value[2][0], stringify(Para(value[1])), about)
        return as_written(value) if key == "Str" else None

    def _paragraph(self, key: str, inlines: list[dict]) -> dict:
        """A paragraph in which no line begins with the sign of per cent, and none is stretched before what is wide."""
        around = zip(inlines, inlines[1:], inlines[2:], strict=False)
        texts = [(str(before.get("c")), space["t"], str(after.get("c"))) for before, space, after in around]
        units = {i for i, (a, b, c) in enumerate(texts, 1) if b == "Space" and a[-1:].isdigit() and c.startswith("%")}
        found = [Str("\u00a0") if i in units else part for i, part in enumerate(inlines)]
        marked = any(part["t"] == "Code" and "typst" in dict(part["c"][0][2]) for part in inlines)  # may end a cell
        if not marked and any(map(self._is_wide, inlines)):
            found = [RawInline("typst", "#[#set par(justify: false);"), *found, RawInline("typst", "]")]
        return {"t": key, "c": found}

    def _is_wide(self, inline: dict) -> bool:
        about = dict(inline["c"][0][2]) if inline["t"] == "Span" else {}
        widths = self.formulas.widths(self.piece.chapter, *read(about)) if "whole" in about else []
        return inline["t"] == "Image" or max(widths, default=0) > WIDE

    def _formula(self, tex: str, display: bool) -> str:
        """A formula, with its LaTeX as alternative text; one that cannot be read as that alone, with a warning."""
        found = self.formulas.take(self.piece.chapter, tex, display)
        item = {"kind": "formula", "alt": tex, "display": display, **found}
        if "problem" in found:
            what = f"has a formula that is shown as its source: {' '.join(tex.split())} ({found['problem']})"
            warn(self.piece.where, what, "Write it with words that JupyterLab shows")
        elif not found:
            return ""
        else:
            size = min(ROOM[0] / max(found["width"], 1), ROOM[1] / max(found["height"], 1))
            if size < LEAST:
                what = f"has a formula that is set at {size:.0%} of its size, to fit the page: {tex[:60]}"
                warn(self.piece.where, what, "Break it into shorter lines, or into several formulas")
            item["file"] = f"formula-{len(self.items)}.svg"
            (self.build / item["file"]).write_text(item.pop("svg"), encoding="utf-8")
        self.items.append(item)
        return f"#formula({len(self.items) - 1});"  # or a bracket that follows would belong to it

    def _picture(self, url: str, alt: str, about: dict) -> dict:
        """A picture in the text; about: its attributes, of which a width may be in pixels or a part of the page."""
        size = {}
        for side in ("width", "height"):
            given = re.search(rf"(?:^|;)\s*{side}: *(\d[^;]*)", about.get("style", ""))
            if found := re.fullmatch(r"(\d+(?:\.\d+)?)(px|%)?", given[1].strip() if given else about.get(side, "")):
                size[side] = float(found[1]) * (PAGE[0] / 100 if found[2] == "%" else 1 / SCREEN)
        file = url if url.startswith("data:") else unquote(url)
        alt = alt or ("" if file.startswith("data:") else Path(file).stem) or "a picture"
        item = {"kind": "picture", "file": file, "alt": alt, "width": None, "room": float(about.get("room", PAGE[0]))}
        return RawInline("typst", f"#item({self.add(item | size)});")

    def _number(self, level: int, words: str, label: str) -> str | None:
        """Note a heading; its number, if it begins with one, as it is written, such as "3.1" or "3.".

        In 03_lenet5 that is 3 for the first heading of level 1, and 3.1 for one of level 2. "2 networks" has no number.
        In 00_report, whose title stands above its text, it is 3 for one of level 2.
        """
        first = self.anchors.setdefault((self.piece.chapter, ""), label) == label if level == 1 else True
        self.anchors.setdefault((self.piece.chapter, words.replace(" ", "-").lower()), label)
        own = re.match(r"0*(\d+)", self.piece.chapter)
        start, deeper = (own[1], level - 1) if own and int(own[1]) else ("[1-9]", level - 2)
        found = own and first and deeper >= 0 and re.match(rf"({start}(?:\.\d+){{{deeper}}})\.? ", words)
        if not found:
            return None
        self.numbers.setdefault(f"{'section' if level > 1 else 'chapter'} {found[1]}", label)
        return found[0].strip()

    def _link(self, value: list) -> list[dict]:
        """A link (pandoc's) into the document, to the web with its reference, or, to another file, its text alone."""
        _, inlines, (url, _) = value
        if re.match(r"\w+:", url):
            key = self.cited.get(_place(url))
            return [Link(*value), *([RawInline("typst", f" #cite(<{key}>)")] if key else [])]
        inlines = walk(inlines, self.mend, "typst", {})
        path, _, anchor = unquote(url).partition("#")
        chapter = Path(path).stem if path else self.piece.chapter
        label = self.anchors.get((chapter, anchor.lower()))
        if found := REFERENCE.fullmatch(path):
            label = self.numbers.get(_name(found))
            if label is None and f"chapter {path.split()[-1].split('.')[0]}" in self.numbers and "." in path:
                self.dead.append(f"{self.piece.where} refers to {path}, which does not exist")
        elif label is None:
            # executed copies lie elsewhere, and not always all of them
            places = (self.piece.folder, project_path("notebooks", self.piece.folder))
            known = anchor and any(piece.chapter == chapter for piece in self.pieces)
            if known or not any((place / path).exists() for place in places):
                warn(self.piece.where, f"links to {url or 'nothing'}, which does not exist", "Mend the link")
        return [RawInline("typst", f"#link(<{label}>)["), *inlines, RawInline("typst", "];")] if label else inlines


def _name(reference: re.Match) -> str:
    """Of a REFERENCE, as numbers has it: "figure 3.1", "그림 1", "section 3" for 3절."""
    word, number, korean, _ = reference.groups()
    return f"{word.lower()} {number}" if word else f"section {korean}"


def _place(url: str) -> str:
    """A DOI or address in one form, whether it was written as a link or not."""
    return unquote(url).lower().removeprefix("https://doi.org/")


def _last_figures(pieces: list[Piece]) -> set[int]:
    """The ids of the figures that end a chapter of several, with less than a page of text behind them."""
    figures: dict[str, Piece] = {}
    behind: dict[str, int] = {}  # characters
    for piece in pieces:
        if piece.item and piece.item["kind"] == "figure":
            figures[piece.chapter], behind[piece.chapter] = piece, 0
        elif piece.chapter in behind:
            behind[piece.chapter] += len(piece.markdown)
    return {id(piece.item) for name, piece in figures.items() if behind[name] < FULL_PAGE and len(figures) > 1}
