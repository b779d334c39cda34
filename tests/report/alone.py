"""A notebook alone in an empty folder, through the exporter, as a student's is: its text, warnings and pictures."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pypdfium2 import PdfDocument
from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

from mnist_helpers.report.exporter import ReportExporter

MARK = "Case number {} begins"


@dataclass
class Paper:
    """What a PDF shows: all blanks and line breaks are one blank; pictures are (left, bottom, right, top) in points."""

    text: str
    warnings: list[str] = field(default_factory=list)
    pictures: list[tuple[float, float, float, float]] = field(default_factory=list)
    pdf: bytes = b""


def ran(*outputs: dict, source: str = "run()") -> dict:
    """A cell that has been run."""
    return new_code_cell(source, execution_count=1, outputs=list(outputs))


def shown(metadata: dict | None = None, **data) -> dict:
    """An output, such as shown(text_html="<b>x</b>")."""
    data = {key.replace("_", "/", 1): value for key, value in data.items()}
    return new_output("display_data", data, metadata=metadata or {})


def export(folder: Path, *cells: dict, strict: bool = False, code: str = "hide") -> Paper:
    """One notebook with these cells; nothing that it shows stands over the paper's edge."""
    path = folder / "homework.ipynb"
    nbformat.write(new_notebook(cells=list(cells)), path)
    exporter, about = ReportExporter(strict=strict, code=code), {"metadata": {"name": path.stem, "path": str(folder)}}
    pdf, warnings = exporter.from_notebooks([(nbformat.read(path, 4), about)])
    document, texts, pictures = PdfDocument(pdf), [], []
    for page in document:
        words, width = page.get_textpage(), page.get_width()
        boxes = [words.get_charbox(index, loose=True) for index in range(words.count_chars())]
        pictures += [thing.get_bounds() for thing in page.get_objects([FPDF_PAGEOBJ_IMAGE])]
        for left, bottom, right, _ in [box for box in boxes if box[0] < box[2]] + pictures:
            assert left > 50 and right < width - 50 and bottom > 20
        lines = words.get_text_range().replace("\ufffe", "-").splitlines()
        head, foot = (lines[0] == document.get_metadata_value("Title") and texts != []), lines[-1].isdigit()
        texts += lines[head : len(lines) - foot]
    text = " ".join(" ".join(texts).split())
    return Paper(re.sub("( References)? How this was made .*", "", text), warnings, pictures, pdf)


def export_all(folder: Path, cases: dict[str, list[dict]]) -> dict[str, Paper]:
    """Text and warnings of each case, of one notebook with all of them."""
    cells, first = [new_markdown_cell("# Cases")], []
    for index, own in enumerate(cases.values()):
        cells.append(new_markdown_cell(MARK.format(index)))
        first.append(len(cells) + 1)
        cells += own
    paper = export(folder, *cells)
    texts = re.split(MARK.format(r"\d+"), paper.text)[1:]
    assert len(texts) == len(cases)
    places = [int(re.search(r"cell (\d+)", warning)[1]) for warning in paper.warnings]
    found = {}
    for (name, own), text, start in zip(cases.items(), texts, first, strict=True):
        warnings = [w for w, cell in zip(paper.warnings, places, strict=True) if start <= cell < start + len(own)]
        found[name] = Paper(text.strip(), warnings)
    return found
