"""Pieces as a PDF, and pages of a PDF as a picture."""

from __future__ import annotations

import datetime
import io
import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pypdfium2
import typst
from PIL import Image

from mnist_helpers.report.pdf.document import to_typst
from mnist_helpers.report.pdf.fonts import font_files
from mnist_helpers.report.pdf.pieces import PdfError, Piece
from mnist_helpers.report.settings import Settings

TEMPLATE = Path(__file__).with_name("template.typ")


def typeset(pieces: list[Piece], settings: Settings, bibliography: Path, *, short=False, language="en") -> bytes:
    """The PDF of a list of pieces: accessible (PDF/UA-1), all fonts embedded, the same bytes each time.

    bibliography: the BibTeX file of what is cited; short: the title stands above the text, not on a page of its own;
    language: of the document, "en" or "ko". PdfError for what cannot be set.
    """
    date, epoch = None, datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    with suppress(ValueError):  # it may be words, such as November 2026
        date = datetime.datetime.strptime(settings.date, "%Y-%m-%d").replace(tzinfo=datetime.timezone.utc)
    with tempfile.TemporaryDirectory() as folder:
        build = Path(folder)
        body, items, _ = to_typst(pieces, build, bibliography)
        about = {key: getattr(settings, key) for key in ("title", "course", "name", "student_id")}
        report = {"about": about, "items": items, "date-shown": settings.date, "short": short, "language": language}
        report["date"] = date and {"year": date.year, "month": date.month, "day": date.day}
        (build / "report.json").write_text(json.dumps(report, ensure_ascii=False), encoding="utf-8")
        shutil.copy(TEMPLATE, build / "template.typ")
        shutil.copy(bibliography, build / "references.bib")
        main = '#import "template.typ": *\n#show: report\n' + body
        (build / "main.typ").write_text(main, encoding="utf-8")
        (build / "fonts").mkdir()
        for font in font_files():  # Typst searches whole folders, and those hold more weights
            shutil.copy(font, build / "fonts")
        try:
            return typst.compile(
                build / "main.typ", root=build, font_paths=[build / "fonts"], ignore_system_fonts=True,
                pdf_standards=["ua-1"], timestamp=date or epoch,
            )  # fmt: skip
        except typst.TypstError as error:
            where = _piece_of_error(error.diagnostic, main, pieces)
            hint = "Write it in another way, or leave it out."
            raise PdfError(f"{where} cannot be typeset: {error.message}. {hint}") from error


def picture_of_pages(pdf: bytes, numbers: Sequence[int]) -> bytes:
    """Those of the pages that a PDF has side by side, as PNG, for the README."""
    document, gap = pypdfium2.PdfDocument(pdf), 12
    pages = [document[n - 1].render(scale=0.9).to_pil() for n in numbers if n <= len(document)]
    width, height = pages[0].size
    sheet = Image.new("RGB", (len(pages) * (width + gap) + gap, height + 2 * gap), "lightgrey")
    for i, page in enumerate(pages):
        sheet.paste(page, (gap + i * (width + gap), gap))
    content = io.BytesIO()
    sheet.save(content, "PNG", optimize=True)
    return content.getvalue()


def _piece_of_error(diagnostic: str, main: str, pieces: list[Piece]) -> str:
    """Chapter and cell of what Typst could not set: by the line of main.typ, else by the words that it quotes."""
    line, quoted = re.search(r"main\.typ:(\d+)", diagnostic), re.search('`"(.+?)"`', diagnostic)
    if line:
        marks = re.findall(r"^// piece (\d+)$", "\n".join(main.splitlines()[: int(line[1])]), re.M)
        if marks:
            return pieces[int(marks[-1])].where
    inside = [piece.where for piece in pieces if quoted and quoted[1] in f"{piece.markdown}{piece.item}"]
    return inside[0] if inside else "the report"
