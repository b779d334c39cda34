"""Pieces as a PDF, and pages of a PDF as a picture."""

import datetime
import io
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pypdfium2
import typst
from PIL import Image, ImageOps

from mnist_helpers.report.pdf.document import to_typst
from mnist_helpers.report.pdf.fonts import font_files, font_folders, small_hangul
from mnist_helpers.report.pdf.pieces import PandocError, PdfError, Piece, show_sources
from mnist_helpers.report.pdf.signs import HALVES, name_signs, refused_signs
from mnist_helpers.report.settings import Settings


def typeset(
    pieces: list[Piece], settings: Settings, bibliography: Path, *, short=False, language="en", own_title=False
) -> bytes:
    """The PDF of a list of pieces: accessible (PDF/UA-1), all fonts embedded, the same bytes each time.

    bibliography: the BibTeX file of what is cited; short: the title stands above the text, not on a page of its own;
    language: the document's, "en" or "ko"; own_title: its first heading, if of level 1, for the settings'.
    A piece that Typst cannot set is shown as its source, with a warning.
    PdfError for what is in no piece.
    """
    try:
        date = datetime.datetime.fromisoformat(settings.date).replace(tzinfo=datetime.timezone.utc)
    except ValueError:  # it may be words, such as November 2026
        date = None
    report = {
        "about": asdict(settings),
        "dated": date is not None,
        "short": short,
        "language": language,
        "own_title": own_title,
    }

    def attempt(pieces: list[Piece]) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            build = Path(folder)
            _write(pieces, report, build, bibliography)
            return typst.compile(
                build / "main.typ", root=build, font_paths=[build, *font_folders()], ignore_system_fonts=True,
                pdf_standards=["ua-1"], timestamp=date or 0,
            )  # fmt: skip

    pieces, report["about"] = name_signs(pieces, report["about"], HALVES)
    while True:
        try:
            return attempt(pieces)
        except (PandocError, typst.TypstError) as error:  # with each try fewer signs and pieces are left that can fail
            before = pieces, report["about"]
            pieces, report["about"] = name_signs(*before, refused_signs(getattr(error, "diagnostic", "")))
            if before == (pieces, report["about"]):
                pieces = show_sources(pieces, _failing(pieces, range(len(pieces)), attempt), str(error.args[0]))


def _write(pieces: list[Piece], report: dict, build: Path, bibliography: Path) -> None:
    """Put all that Typst needs into the folder."""
    body, items, _ = to_typst(pieces, build, bibliography, report["own_title"])
    for item in items:
        report = report | {"about": report["about"] | {"title": item["title"]}} if "title" in item else report
    data = json.dumps(report | {"items": items, "cites": "#cite(<" in body}, ensure_ascii=False)
    (build / "report.json").write_text(data, encoding="utf-8")
    for path in (*Path(__file__).parent.glob("*.typ"), *font_files()):  # Typst takes all fonts of a folder
        shutil.copy(path, build)
    for name, content in small_hangul().items():
        (build / name).write_bytes(content)
    shutil.copy(bibliography, build / "references.bib")
    (build / "main.typ").write_text('#import "template.typ": *\n#show: report\n' + body, encoding="utf-8")


def _failing(pieces: list[Piece], indices: Sequence[int], attempt: Callable) -> set[int]:
    """The pieces that cannot be set by themselves: half of them, half of that half, and so on."""
    try:
        with warnings.catch_warnings():  # a part of a report lacks what it refers to
            warnings.simplefilter("ignore")
            attempt([pieces[index] for index in indices])
        return set()
    except (PdfError, typst.TypstError) as error:
        if len(indices) == 1 and isinstance(error, PdfError) and not isinstance(error, PandocError):
            return set()  # what it links to is in another
    if len(indices) <= 1:
        return set(indices)
    middle = len(indices) // 2
    return _failing(pieces, indices[:middle], attempt) | _failing(pieces, indices[middle:], attempt)


def picture_of_pages(pdf: bytes, numbers: tuple[int, ...]) -> bytes:
    """Those of the pages that a PDF has side by side, as PNG, for the README."""
    document, content = pypdfium2.PdfDocument(pdf), io.BytesIO()
    pages = [document[n - 1].render(scale=0.9).to_pil() for n in numbers if n <= len(document)]
    row = np.hstack([ImageOps.expand(page, 6, "lightgrey") for page in pages])
    picture = ImageOps.expand(Image.fromarray(row), 6, "lightgrey")
    few = picture.quantize(64, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)  # keeps the figures' colours
    few.save(content, "PNG", optimize=True)
    return content.getvalue()
