"""Links: headings by Jupyter's anchors, figures, tables, sections and chapters by number, references by DOI."""

import re
from html import escape
from pathlib import Path
from urllib.parse import unquote

import bibtexparser
from bibtexparser.bparser import BibTexParser
from bs4 import BeautifulSoup
from pandocfilters import Link, RawInline

from mnist_helpers.files import project_path
from mnist_helpers.report.pdf.pieces import PdfError, Piece

REFERENCE = re.compile(r"(?<![\w-])(Figure|Table|[Cc]hapter|[Ss]ection)\s(\d+(?:\.\d+)*)(?!\.?\w)")


def with_references(html: str) -> str:
    """The HTML, with every tag closed, and "Figure 3.1" and the like as links to just these words."""
    soup = BeautifulSoup(html, "html.parser")
    for text in soup.find_all(string=REFERENCE):
        if text.parent.name in ("p", "li", "td", "th"):
            linked = REFERENCE.sub(r'<a href="\g<0>">\g<0></a>', escape(text))
            text.replace_with(BeautifulSoup(linked, "html.parser"))
    return str(soup)


class Links:
    """What the document can link to; links are made of pandoc's inlines, and one to a file that is not there fails."""

    def __init__(self, pieces: list[Piece], bibliography: Path):
        self.chapters = {piece.chapter for piece in pieces}
        self.anchors: dict[tuple[str, str], str] = {}  # (chapter, Jupyter's anchor) -> Typst's label
        self.numbers: dict[str, str] = {}  # "figure 3.1", "chapter 3", "section 3.2" -> Typst's label
        self.dead: list[str] = []  # references by number that lead nowhere
        parser = BibTexParser(ignore_nonstandard_types=False)  # Typst knows @online and more
        entries = bibtexparser.loads(bibliography.read_text(encoding="utf-8"), parser).entries
        self.cited = {_place(entry[key]): entry["ID"] for entry in entries for key in ("doi", "url") if key in entry}

    def add_item(self, name: str) -> str | None:
        """Typst's label for a figure or table such as "Figure 3.1"; None if another has the name: links go to that."""
        name = name.lower()
        return None if name in self.numbers else self.numbers.setdefault(name, name.replace(" ", "-"))

    def add_heading(self, chapter: str, level: int, words: str, label: str) -> str | None:
        """Note a heading; its number, if it begins with one, as it is written, such as "3.1" or "3.".

        In 03_lenet5 that is 3 for the first heading of level 1, and 3.1 for one of level 2. "2 networks" has no number.
        """
        first = self.anchors.setdefault((chapter, ""), label) == label if level == 1 else True
        self.anchors.setdefault((chapter, words.replace(" ", "-").lower()), label)
        own, found = re.match(r"\d+", chapter), re.match(r"(\d+(?:\.\d+)*)\.? ", words)
        parts = found[1].split(".") if own and found and first else []
        if len(parts) != level or int(parts[0]) != int(own[0]):
            return None
        self.numbers.setdefault(f"{'section' if level > 1 else 'chapter'} {found[1]}", label)
        return found[0].strip()

    def _refer(self, inlines: list[dict], word: str, number: str, piece: Piece) -> list[dict]:
        """Such as "Figure 3.1" as a link, where the document has what it names."""
        label = self.numbers.get(f"{word.lower()} {number}")
        if label is None and "." in number and f"chapter {number.split('.')[0]}" in self.numbers:
            self.dead.append(f"{piece.where} refers to {word} {number}, which does not exist")
        return _to(label, inlines) if label else inlines

    def link(self, value: list, piece: Piece) -> list[dict]:
        """A link (pandoc's) into the document, to the web with its reference, or, to another file, its text alone."""
        _, inlines, (url, _) = value
        if re.match(r"\w+:", url):
            key = self.cited.get(_place(url))
            return [Link(*value), *([RawInline("typst", f" #cite(<{key}>)")] if key else [])]
        if found := REFERENCE.fullmatch(unquote(url)):
            return self._refer(inlines, *found.groups(), piece)
        path, _, anchor = unquote(url).partition("#")
        chapter = Path(path).stem if path else piece.chapter
        label = self.anchors.get((chapter, anchor.lower()))
        if label:
            return _to(label, inlines)
        # executed copies lie elsewhere, and not always all of them
        places = (piece.folder, project_path("notebooks", piece.folder))
        if (anchor and chapter in self.chapters) or not any((place / path).exists() for place in places):
            raise PdfError(f"{piece.where} links to {url or 'nothing'}, which does not exist. Mend the link.")
        return inlines


def _place(url: str) -> str:
    """A DOI or address in one form, whether it was written as a link or not."""
    return unquote(url).lower().removeprefix("https://doi.org/")


def _to(label: str, inlines: list[dict]) -> list[dict]:
    return [RawInline("typst", f"#link(<{label}>)["), *inlines, RawInline("typst", "]")]
