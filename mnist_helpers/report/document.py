"""Markdown and data, piece by piece, as one Typst document: pandoc reads, this file mends and links, pandoc writes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote

import pypandoc
from bs4 import BeautifulSoup
from nbconvert.utils.exceptions import ConversionException
from pandocfilters import Link, Math, Para, RawBlock, RawInline, Space, Str, Strong, stringify, walk

from mnist_helpers.files import project_path
from mnist_helpers.report.tables import read_tables, wrap

# Jupyter's Markdown: lists and headings need no blank line before them, ~ and ^ are themselves, [@x] is text
READER = (
    "markdown+lists_without_preceding_blankline-blank_before_header-blank_before_blockquote-citations"
    "-implicit_figures-subscript-superscript-definition_lists-example_lists-fancy_lists-line_blocks"
    "-yaml_metadata_block-pandoc_title_block-fenced_divs-markdown_in_html_blocks-native_divs-native_spans"
    "+tex_math_double_backslash"
)
REFERENCE = re.compile(r"(\W*)(Figure|Table|[Cc]hapter|[Ss]ection)$"), re.compile(r"(\d+(?:\.\d+)*)(\W.*|)$")


class PdfError(ConversionException, ValueError):
    """Notebooks that cannot become a PDF; the message names chapter and cell, and says what to do."""


@dataclass(frozen=True)
class Origin:
    """Where a piece comes from: the notebook's name and folder, and the files that nbconvert took out of it."""

    name: str
    folder: Path = Path()
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Piece:
    """Markdown, or an item (data that template.typ draws), or Typst itself; and the cell that it comes from."""

    markdown: str = ""
    item: dict | None = None
    raw: str = ""
    origin: Origin = Origin("report")
    cell: int = 0

    @property
    def where(self) -> str:
        return f"chapter {self.origin.name}, cell {self.cell}"


def to_typst(pieces: list[Piece], build: Path) -> tuple[str, list[dict]]:
    """The body of the Typst document and the items that it draws; pictures are put into the folder `build`."""
    document = _Document(pieces, build)
    sources = [document.source(index) for index in range(len(pieces))]
    for index, text in enumerate(sources):
        (build / f"cell-{index}.md").write_text(text, encoding="utf-8")
    names = [f"cell-{index}.md" for index in range(len(pieces))]
    # each piece a file of its own: then footnotes cannot collide, nor an open fence swallow the next cell
    tree = json.loads(_pandoc(["-f", READER, "-t", "json", "--file-scope", *names], build)[0])
    tree["blocks"] = [document.section(block) for block in tree["blocks"]]
    tree = walk(tree, document.mend, "typst", {})
    (build / "tree.json").write_text(json.dumps(tree), encoding="utf-8")
    body, warnings = _pandoc(["-f", "json", "-t", "typst", "--wrap=preserve", "tree.json"], build)
    document.refuse_unread_formulas(warnings)
    return body, document.items


def html_to_markdown(html: str) -> str:
    """HTML that an output shows, such as bold words, as Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "part.html").write_text(html, encoding="utf-8")
        return _pandoc(["-f", "html-native_divs-native_spans", "-t", "commonmark", "part.html"], Path(folder))[0]


def piece_of_error(diagnostic: str, main: str, pieces: list[Piece]) -> str:
    """Chapter and cell of what Typst could not set: by the line of main.typ, else by the words that it quotes."""
    line, quoted = re.search(r"main\.typ:(\d+)", diagnostic), re.search('`"(.+?)"`', diagnostic)
    if line:
        marks = re.findall(r"^// piece (\d+)$", "\n".join(main.splitlines()[: int(line[1])]), re.M)
        if marks:
            return pieces[int(marks[-1])].where
    inside = [piece.where for piece in pieces if quoted and quoted[1] in f"{piece.markdown}{piece.item}"]
    return inside[0] if inside else "the report"


def _pandoc(arguments: list[str], folder: Path) -> tuple[str, str]:
    """Standard output and error of pandoc."""
    wheel = Path(pypandoc.__file__).parent / "files" / f"pandoc{'.exe' if os.name == 'nt' else ''}"
    command = [str(wheel), *arguments]  # never another one that the machine happens to have
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise PdfError(f"pandoc cannot read the report: {done.stderr.strip()}")
    return done.stdout, done.stderr


class _Document:
    """The state of one conversion: items, link targets, formulas, and the piece that is being walked through."""

    def __init__(self, pieces: list[Piece], build: Path):
        self.pieces, self.build = pieces, build
        self.items: list[dict] = []
        self.index = 0  # of the piece that a walk is in
        self.targets: dict[tuple[str, str], str] = {}  # (chapter, Jupyter's anchor) -> label
        self.numbers: dict[str, str] = {}  # "figure 3.1", "chapter 3", "section 3.2" -> label
        self.formulas: list[tuple[str, str]] = []  # LaTeX, where
        self.level = 0
        bibliography = (files("mnist_helpers") / "references.bib").read_text(encoding="utf-8")
        self.cited = {
            url.replace("https://doi.org/", "").lower(): key
            for key, entry in re.findall(r"@\w+\{([^,]+),(.*?)\n\}", bibliography, re.S)
            for url in re.findall(r"(?:doi|url) = \{(.*?)\}", entry)
        }
        for piece in pieces:
            if piece.item and piece.item.get("label"):
                if piece.item["label"].lower() in self.numbers:
                    raise PdfError(f"{piece.where}: there are two of {piece.item['label']}. Run the chapter again.")
                self.numbers[piece.item["label"].lower()] = piece.item["label"].lower().replace(" ", "-")

    @property
    def piece(self) -> Piece:
        return self.pieces[self.index]

    def source(self, index: int) -> str:
        """A piece as Markdown, headed by a mark that says which one it is."""
        self.index, piece = index, self.pieces[index]
        raw = f"#item({self.add(piece.item)})" if piece.item else piece.raw
        parts = re.split(r"(^```.*?^```[^\n]*$|`[^`\n]+`)", piece.markdown, flags=re.S | re.M)  # code stays as it is
        parts[::2] = [re.sub(r"(?<![\\$])\$ *([^$\n]+?) *\$(?!\$)", r"$\1$", part) for part in parts[::2]]
        return f"```{{=piece}}\n{index}\n```\n\n" + (f"```{{=typst}}\n{raw}\n```" if raw else "".join(parts))

    def add(self, item: dict) -> int:
        """The place of an item among the items; a figure's file is put beside the document."""
        if "file" in item:
            item = item | {"file": self._copy(item["file"])}
        self.items.append(item)
        return len(self.items) - 1

    # --- first: the headings ----------------------------------------------------------------------------------

    def section(self, block: dict) -> dict:
        """A heading as a numbered section that links can find; other blocks as they are."""
        if block["t"] == "RawBlock" and block["c"][0] == "piece":
            self.index = int(block["c"][1])
        if block["t"] != "Header":
            return block
        level, (_, classes, _), inlines = block["c"]
        words = stringify(Para(inlines))
        number = re.match(r"(\d+(?:\.\d+)*) ", words)
        if number and inlines[0] == Str(number[1]):
            inlines = inlines[2:]  # without the number and the blank
        label = f"section-{len(self.items)}"
        if number:
            self.numbers[f"{'section' if '.' in number[1] else 'chapter'} {number[1]}"] = label
        self.targets[self.piece.origin.name, words.replace(" ", "-").lower()] = label
        if level == 1:
            self.targets.setdefault((self.piece.origin.name, ""), label)
        if not words.strip():
            return Para([])
        self.level = min(level, self.level + 1)  # an accessible document leaves no level out
        listed, plain = "unlisted" not in classes, number and inlines != block["c"][2]
        index = self.add(
            {"level": self.level, "number": number[1] if plain else None, "label": label, "listed": listed}
        )
        return Para([RawInline("typst", f"#section({index})["), *inlines, RawInline("typst", "]")])

    # --- then: formulas, links, pictures ----------------------------------------------------------------------

    def mend(self, key, value, _format, _meta):
        """What takes the place of an element of pandoc's tree; None leaves it as it is."""
        if key == "RawBlock" and value[0] == "piece":
            self.index = int(value[1])
            return RawBlock("typst", f"// piece {value[1]}")
        if key in ("RawBlock", "RawInline") and value[0] in ("tex", "latex"):
            return self._environment(key, value[1])
        if key in ("RawBlock", "RawInline") and value[0] == "html":
            return self._html(key, value[1])
        if key in ("Para", "Plain"):
            return {"t": key, "c": self._refer(value)}
        if key == "Header":  # inside a list or a quotation
            return Para([Strong(value[2])])
        if key in ("Code", "CodeBlock"):
            return {"t": key, "c": [value[0], wrap(value[1], 88)]}
        action = {"Math": self._math, "Link": self._link, "Image": self._image, "Str": self._string}.get(key)
        return action(value) if action else None

    def _html(self, key: str, html: str):
        """HTML in Markdown: line breaks, small and raised letters, pictures, tables; of the rest its words."""
        tag = re.fullmatch(r"<(/?)(br|sub|sup)\s*/?>", html.strip(), re.I)
        if tag:
            opening = {"br": " \\ ", "sub": "#sub[", "sup": "#super["}[tag[2].lower()]
            return RawInline("typst", "]" if tag[1] else opening)
        soup = BeautifulSoup(html, "html.parser")
        tables = [RawBlock("typst", f"#item({self.add(table)})") for table in read_tables(html)]
        if tables and key == "RawBlock":
            return tables
        pictures = []
        for image in soup.find_all("img"):
            width = re.fullmatch(r"(\d+)(?:px)?", image.get("width", ""))
            pictures.append(self._picture(image.get("src", ""), image.get("alt", ""), width and int(width[1]) / 96))
        words = [Str(soup.get_text(" ", strip=True))] if soup.get_text(strip=True) else []
        return Para(pictures + words) if key == "RawBlock" else pictures + words

    def _math(self, value) -> list:
        """A formula, with an item that holds its alternative text around it."""
        kind, formula = value
        self.formulas.append((" ".join(formula.split()), self.piece.where))
        index = self.add({"alt": formula.strip()})
        # pandoc would set it as one word, with the limit at its side
        formula = re.sub(r"\\operatorname\*?\{arg\\[,;: ]\s*(max|min)\}", r"\\arg\\\1 ", formula)
        for cases in re.findall(r"\\begin\{cases\}.*?\\end\{cases\}", formula, re.S):
            formula = formula.replace(cases, cases.replace("&", r"&\quad "))  # Typst puts no space there
        return [RawInline("typst", f"#formula({index})["), Math(kind, formula), RawInline("typst", "]")]

    def _environment(self, key: str, tex: str):
        """A bare environment such as align, which Jupyter shows as a formula; other TeX as it is written."""
        found = re.fullmatch(r"\s*\\begin\{(\w+)\*?\}(.*)\\end\{\1\*?\}\s*", tex, re.S)
        if not found:
            return Str(tex) if key == "RawInline" else Para([Str(tex)])
        inner = found[2].strip()
        if found[1] in ("align", "gather", "multline", "eqnarray", "flalign"):
            inner = rf"\begin{{aligned}}{inner}\end{{aligned}}"
        formula = [{"t": "DisplayMath"}, inner if "aligned" in inner or found[1] == "equation" else tex.strip()]
        return Para([Math(*formula)]) if key == "RawBlock" else self._math(formula)  # walk goes on inside a Para

    def _refer(self, inlines: list) -> list:
        """Make "Figure 3.1" and the like links, where the document has what they name."""
        done, position = [], 0
        while position < len(inlines):
            part = inlines[position : position + 3]
            words = [inline.get("c", " ") for inline in part]
            found = [
                part_of.fullmatch(word)
                for part_of, word in zip(REFERENCE, words[::2], strict=False)
                if isinstance(word, str)
            ]
            if len(part) == 3 and part[1]["t"] in ("Space", "SoftBreak") and len(found) == 2 and all(found):
                (before, word), (number, after) = found[0].groups(), found[1].groups()
                target = self._numbered(word, number)
                name = [Str(word), Space(), Str(number)]
                done += [Str(before)] * bool(before)
                done += [Link(["", [], []], name, [f"#{target}", "label"])] if target else name
                done += [Str(after)] * bool(after)
                position += 3
            else:
                done.append(inlines[position])
                position += 1
        return done

    def _numbered(self, word: str, number: str) -> str | None:
        """The label of a figure, table, section or chapter; PdfError where its chapter is here and it is not."""
        target = self.numbers.get(f"{word.lower()} {number}")
        if target is None and "." in number and f"chapter {number.split('.')[0]}" in self.numbers:
            raise PdfError(f"{self.piece.where} refers to {word} {number}, which does not exist. Mend the number.")
        return target

    def _link(self, value):
        """A link into the document, to the web with its reference, or, to another file, its text alone."""
        _, inlines, (url, title) = value
        if title == "label":
            return [RawInline("typst", f"#link(<{url[1:]}>)["), *inlines, RawInline("typst", "]")]
        if re.match(r"\w+:", url):
            key = self.cited.get(url.replace("https://doi.org/", "").lower())
            return [{"t": "Link", "c": value}, RawInline("typst", f" #cite(<{key}>)")] if key else None
        path, _, anchor = unquote(url).partition("#")
        chapter = Path(path).stem if path else self.piece.origin.name
        label = self.targets.get((chapter, anchor.removeprefix(f"cell-{self.index}.md__").lower()))
        if label:
            return [RawInline("typst", f"#link(<{label}>)["), *inlines, RawInline("typst", "]")]
        known = {piece.origin.name for piece in self.pieces}
        # executed copies lie elsewhere, and not always all of them
        places = (self.piece.origin.folder, project_path("notebooks", self.piece.origin.folder))
        if (anchor and chapter in known) or not any((place / path).exists() for place in places):
            url = url.replace(f"cell-{self.index}.md__", "") or "nothing"
            raise PdfError(f"{self.piece.where} links to {url}, which does not exist. Mend the link.")
        return inlines

    def _image(self, value):
        _, inlines, (url, _) = value
        return self._picture(unquote(url), stringify({"t": "Para", "c": inlines}))

    def _picture(self, url: str, alt: str, width: float | None = None):
        if re.match(r"https?:", url):
            raise PdfError(f"{self.piece.where} shows {url}, and a report fetches nothing. Save the picture as a file.")
        item = {"kind": "picture", "file": url, "alt": alt or Path(url).stem, "width": width}
        return RawInline("typst", f"#item({self.add(item)})")

    def _string(self, value):
        if "$$" in value:
            raise PdfError(f"{self.piece.where}: a formula in $$ must not contain an empty line. Remove it.")

    def _copy(self, file: str) -> str:
        """Put a picture beside the document; its name there."""
        name = f"picture-{len(self.items)}{Path(file).suffix}"
        path = self.piece.origin.folder / file
        if file in self.piece.origin.files:
            (self.build / name).write_bytes(self.piece.origin.files[file])
        elif path.is_file():
            shutil.copyfile(path, self.build / name)
        else:
            name = file[:60] or "without a name"
            raise PdfError(f"{self.piece.where} shows a picture that does not exist, {name}. Put it there.")
        return name

    def refuse_unread_formulas(self, warnings: str) -> None:
        for warning in re.findall(r"Could not convert TeX math (.*?), rendering as TeX", warnings, re.S):
            formula = " ".join(warning.split())
            where = next((where for known, where in self.formulas if known == formula), "a formula")
            raise PdfError(f"{where}: the formula {formula} cannot be read. Write it in LaTeX that pandoc knows.")
