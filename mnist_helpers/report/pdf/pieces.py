"""Piece: what a cell, or the report itself, gives to the document; what cannot become one, or not as it looks."""

import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

from nbconvert.utils.exceptions import ConversionException

from mnist_helpers.report.pdf.tables import wrap


class PdfError(ConversionException, ValueError):
    """Notebooks that cannot become a PDF, or one for Colab; the message names notebook and cell, and the remedy."""

    exit_code = 2


class PandocError(PdfError):
    """What pandoc cannot read."""


class PdfWarning(UserWarning):
    """What paper does not show as JupyterLab does; the message names notebook and cell, and the remedy."""


def warn(where: str, what: str, advice: str) -> None:
    """Such as warn("notebook 03_own, cell 4", "shows a GIF: paper has its first picture", "Save it as PNG")."""
    warnings.warn(f"{where} {what}. {advice}.", PdfWarning, stacklevel=2)


def held(metadata: dict, key: str) -> dict:
    """What a cell's, an output's or a notebook's metadata has under the key, which may be anything: {} but a dict."""
    value = metadata.get(key)
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class Piece:
    """Markdown, HTML, an item (data that template.typ draws), or Typst itself; and the cell that it comes from."""

    markdown: str = ""
    item: dict | None = None
    raw: str = ""
    html: str = ""
    chapter: str = ""
    folder: Path = Path()
    cell: int = 0

    @property
    def where(self) -> str:
        return f"notebook {self.chapter}, cell {self.cell}" if self.cell else "the report"

    @property
    def is_source(self) -> bool:
        return bool(self.item) and self.item["kind"] == "output"

    @property
    def words(self) -> str:
        """As it is written, for where it cannot be shown."""
        item = self.item or {}
        rows = [" | ".join(cell["text"] for cell in row) for row in item.get("header", []) + item.get("rows", [])]
        words = self.markdown or self.html or item.get("text") or "\n".join([item.get("caption") or "", *rows]).strip()
        return re.sub(r"(data:[\w/+.-]+;base64,[\w+/]{20})[\w+/=\s]+", r"\1…", words)  # a picture's letters


def show_sources(pieces: list[Piece], failed: set[int], problem: str) -> list[Piece]:
    """The pieces, with the source of those that failed; headings stay, since links lead to them.

    PdfError where nothing can be replaced: the fault is then none of a piece's, or of its source.
    """
    where = pieces[min(failed)].where if failed else "the report"
    failed = {index for index in failed if pieces[index].words and not pieces[index].is_source}
    if not failed:
        hint = "Write what it names in another way, in report.toml or in the notebook, or leave it out."
        raise PdfError(f"{where} cannot be typeset: {problem}. {hint}")
    shown = []
    for index, piece in enumerate(pieces):
        if index not in failed:
            shown.append(piece)
            continue
        warn(piece.where, f"cannot be typeset ({problem}), and is shown as its source", "Write it in another way")
        heading, _, rest = (piece.words if piece.markdown else "").partition("\n")
        if rest.strip() and re.match("#{1,6} ", heading):
            shown.append(replace(piece, markdown=heading))
        source = {
            "kind": "output",
            "stream": "stdout",
            "text": wrap(rest if rest.strip() else piece.words),
            "long": True,
        }
        shown.append(replace(piece, markdown="", html="", item=source))
    return shown
