"""Piece: what a cell, or the report itself, gives to the document; PdfError: what cannot become one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from nbconvert.utils.exceptions import ConversionException


class PdfError(ConversionException, ValueError):
    """Notebooks that cannot become a PDF; the message names chapter and cell, and says what to do."""

    exit_code = 2


@dataclass(frozen=True)
class Origin:
    """Where a piece comes from: the notebook's name and folder, and the files that it holds."""

    name: str
    folder: Path = Path()
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Piece:
    """Markdown, or an item (data that template.typ draws), or Typst itself; and the cell that it comes from."""

    markdown: str = ""
    item: dict | None = None
    raw: str = ""
    origin: Origin = Origin("")
    cell: int = 0

    @property
    def where(self) -> str:
        return f"chapter {self.origin.name}, cell {self.cell}" if self.cell else "the report"
