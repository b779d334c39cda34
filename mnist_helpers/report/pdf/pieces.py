"""Piece: what a cell, or the report itself, gives to the document; PdfError: what cannot become one."""

from dataclasses import dataclass, field
from pathlib import Path

from nbconvert.utils.exceptions import ConversionException


class PdfError(ConversionException, ValueError):
    """Notebooks that cannot become a PDF, or one for Colab; the message names chapter and cell, and the remedy."""

    exit_code = 2


@dataclass(frozen=True)
class Piece:
    """Markdown, HTML, an item (data that template.typ draws), or Typst itself; and where it comes from.

    chapter, folder, cell: the notebook's name and place, and the cell's number; files: what the notebook holds.
    """

    markdown: str = ""
    item: dict | None = None
    raw: str = ""
    html: str = ""
    chapter: str = ""
    folder: Path = Path()
    files: dict[str, bytes] = field(default_factory=dict)
    cell: int = 0

    @property
    def where(self) -> str:
        return f"chapter {self.chapter}, cell {self.cell}" if self.cell else "the report"
