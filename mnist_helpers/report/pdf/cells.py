"""What each cell of an executed notebook gives to the document, in order."""

import re
from pathlib import Path
from urllib.parse import quote

from nbformat import NotebookNode

from mnist_helpers.report.pdf.outputs import output_parts, printed
from mnist_helpers.report.pdf.pieces import PdfError, Piece
from mnist_helpers.report.pdf.tables import wrap
from mnist_helpers.report.settings import COLAB


def notebook_pieces(notebook: NotebookNode, about: dict) -> list[Piece]:
    """Text, code and results of a notebook; PdfError for one with a cell that has not been run, or that failed.

    about: nbconvert's metadata, the notebook's name and, where it is known, its path.
    """
    origin, pieces = {"chapter": about["name"], "folder": Path(about.get("path") or ".").resolve()}, []
    for index, cell in enumerate(notebook.cells, 1):
        parts, tags, where = [], cell.metadata.get("tags", []), f"chapter {about['name']}, cell {index}"
        if cell.cell_type == "markdown" and COLAB not in tags:
            for name, held in cell.get("attachments", {}).items():
                picture = "data:{};base64,{}".format(*next(iter(held.items())))
                cell.source = re.sub(f"attachment:({re.escape(name)}|{quote(name)})", picture, cell.source)
            parts = [{"markdown": cell.source}]
        elif cell.cell_type == "raw" and COLAB not in tags:  # JupyterLab shows it as it is written
            parts = printed(cell.source)
        elif cell.cell_type == "code" and COLAB not in tags:
            if lines := cell.source.strip().splitlines():
                _require_run(cell, f"{where} ({lines[0]!r})")
            if lines and not cell.metadata.get("jupyter", {}).get(
                "source_hidden"
            ):  # what is folded, is so on paper too
                parts = [{"item": {"kind": "code", "text": wrap(cell.source.expandtabs().strip("\n"))}}]
            parts += [
                part for output in cell.outputs for part in output_parts(output, cell.source, origin["folder"], where)
            ]
        pieces += [Piece(**part, **origin, cell=index) for part in parts]
    return pieces


def _require_run(cell: NotebookNode, where: str) -> None:
    failed = [output.ename for output in cell.outputs if output.output_type == "error"]
    if failed and "raises-exception" not in cell.metadata.get("tags", []):
        raise PdfError(f"{where} failed with {failed[0]}. Mend it and run the chapter again.")
    if cell.execution_count is None:
        raise PdfError(f"{where} has not been run. Run all cells and save, or use `make report`.")
