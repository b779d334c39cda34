"""Piece: what a cell, or the report itself, gives to the document; what cannot become one, or not as it looks."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from nbconvert.utils.exceptions import ConversionException


class PdfError(ConversionException, ValueError):
    """Notebooks that cannot become a PDF, or one for Colab; the message names chapter and cell, and the remedy."""

    exit_code = 2


class PdfWarning(UserWarning):
    """What paper does not show as JupyterLab does; the message names notebook and cell, and the remedy."""


def warn(where: str, what: str, advice: str) -> None:
    """Such as warn("chapter 03_own, cell 4", "shows a GIF, of which paper has the first picture", "Save it as PNG")."""
    warnings.warn(f"{where} {what}. {advice}.", PdfWarning, stacklevel=2)


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
        return f"chapter {self.chapter}, cell {self.cell}" if self.cell else "the report"
