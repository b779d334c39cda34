"""Links: headings by Jupyter's anchors, figures, tables, sections and chapters by number, references by DOI."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote

from pandocfilters import Link, RawInline, Str

from mnist_helpers.files import project_path
from mnist_helpers.report.pdf.pieces import PdfError, Piece

WORD = re.compile(r"(\W*)(Figure|Table|[Cc]hapter|[Ss]ection)")
NUMBER = re.compile(r"(\d+(?:\.\d+)*)(\W.*|)")


class Links:
    """What the document can link to; a link is made of pandoc's inlines, and a broken one is a PdfError."""

    def __init__(self, pieces: list[Piece]):
        self.chapters = {piece.origin.name for piece in pieces}
        self.anchors: dict[tuple[str, str], str] = {}  # (chapter, Jupyter's anchor) -> label
        self.numbers: dict[str, str] = {}  # "figure 3.1", "chapter 3", "section 3.2" -> label
        bibliography = (files("mnist_helpers.report") / "references.bib").read_text(encoding="utf-8")
        self.cited = {
            url.lower(): key
            for key, entry in re.findall(r"@\w+\{([^,]+),(.*?)\n\}", bibliography, re.S)
            for url in re.findall(r"(?:doi|url) = \{(.*?)\}", entry)
        }
        for piece in pieces:
            if piece.item and piece.item.get("label"):
                name = piece.item["label"].lower()
                if name in self.numbers:
                    raise PdfError(f"{piece.where}: there are two of {piece.item['label']}. Run the chapter again.")
                self.numbers[name] = name.replace(" ", "-")

    def add_heading(self, chapter: str, level: int, words: str, number: str | None, label: str) -> None:
        self.anchors[chapter, words.replace(" ", "-").lower()] = label
        if level == 1:
            self.anchors.setdefault((chapter, ""), label)
        if number:
            self.numbers[f"{'section' if '.' in number else 'chapter'} {number}"] = label

    def refer(self, inlines: list[dict], piece: Piece) -> list[dict]:
        """Inlines in which "Figure 3.1" and the like are links, where the document has what they name."""
        done, rest = [], list(inlines)
        while rest:
            found = _reference(rest[:3])
            if found is None:
                done.append(rest.pop(0))
                continue
            before, word, number, after = found
            label, name = self._label(word, number, piece), [Str(word), rest[1], Str(number)]
            done += [Str(before), *(_to(label, name) if label else name), Str(after)]
            rest = rest[3:]
        return done

    def _label(self, word: str, number: str, piece: Piece) -> str | None:
        label = self.numbers.get(f"{word.lower()} {number}")
        if label is None and "." in number and f"chapter {number.split('.')[0]}" in self.numbers:
            raise PdfError(f"{piece.where} refers to {word} {number}, which does not exist. Mend the number.")
        return label

    def link(self, value: list, piece: Piece, prefix: str) -> list[dict]:
        """A link into the document, to the web with its reference, or, to another file, its text alone.

        value: of pandoc's Link; prefix: what pandoc has put before an anchor of the same cell.
        """
        _, inlines, (url, _) = value
        if re.match(r"\w+:", url):
            key = self.cited.get(unquote(url).lower().removeprefix("https://doi.org/"))
            return [Link(*value), *([RawInline("typst", f" #cite(<{key}>)")] if key else [])]
        url = url.replace(prefix, "")
        path, _, anchor = unquote(url).partition("#")
        chapter = Path(path).stem if path else piece.origin.name
        label = self.anchors.get((chapter, anchor.lower()))
        if label:
            return _to(label, inlines)
        # executed copies lie elsewhere, and not always all of them
        places = (piece.origin.folder, project_path("notebooks", piece.origin.folder))
        if (anchor and chapter in self.chapters) or not any((place / path).exists() for place in places):
            raise PdfError(f"{piece.where} links to {url or 'nothing'}, which does not exist. Mend the link.")
        return inlines


def _reference(part: list[dict]) -> tuple[str, str, str, str] | None:
    """(what stands before, word, number, what stands after) of three inlines such as "(Figure", blank, "3.1)"."""
    if [inline["t"] for inline in part] not in (["Str", "Space", "Str"], ["Str", "SoftBreak", "Str"]):
        return None
    word, number = WORD.fullmatch(part[0]["c"]), NUMBER.fullmatch(part[2]["c"])
    return (*word.groups(), *number.groups()) if word and number else None


def _to(label: str, inlines: list[dict]) -> list[dict]:
    return [RawInline("typst", f"#link(<{label}>)["), *inlines, RawInline("typst", "]")]
