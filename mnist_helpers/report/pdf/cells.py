"""What each cell of an executed notebook gives to the document, in order."""

import re
from pathlib import Path
from urllib.parse import unquote

from nbformat import NotebookNode

from mnist_helpers.report.pdf.outputs import bar_text, output_parts, printed
from mnist_helpers.report.pdf.pieces import PdfError, Piece, held
from mnist_helpers.report.pdf.tables import wrap
from mnist_helpers.report.settings import COLAB

WIDGET = "application/vnd.jupyter.widget-view+json"


def notebook_pieces(notebook: NotebookNode, about: dict) -> list[Piece]:
    """Text, code and results of a notebook; PdfError for one with a cell that has not been run, or that failed.

    Some programs keep no counts: where no cell has one, outputs say that the cells have been run.

    about: nbconvert's metadata, the notebook's name and, where it is known, its path.
    """
    origin, pieces = {"chapter": about["name"], "folder": Path(about.get("path") or ".").resolve()}, []
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    counts = any(cell.execution_count is not None for cell in codes) or not any(cell.outputs for cell in codes)
    _keep_states(notebook)
    for index, cell in enumerate(notebook.cells, 1):
        parts, tags, where = [], cell.metadata.get("tags", []), f"notebook {about['name']}, cell {index}"
        if cell.cell_type == "markdown" and COLAB not in tags:
            parts = [{"markdown": _with_attachments(cell)}]
        elif cell.cell_type == "raw" and COLAB not in tags:  # JupyterLab shows it as it is written
            parts = printed(cell.source)
        elif cell.cell_type == "code" and COLAB not in tags:
            if lines := cell.source.strip().splitlines():
                _require_run(cell, f"{where} ({lines[0]!r})", counts)
            if lines and not held(cell.metadata, "jupyter").get("source_hidden"):  # folded on paper too
                parts = [{"item": {"kind": "code", "text": wrap(cell.source.expandtabs().strip("\n"))}}]
            parts += [
                part for output in cell.outputs for part in output_parts(output, cell.source, origin["folder"], where)
            ]
        pieces += [Piece(**part, **origin, cell=index) for part in parts]
    return pieces


def _with_attachments(cell: NotebookNode) -> str:
    """The Markdown with the cell's pictures in it; signs of their names may be written as %20 and the like."""
    source = cell.source
    for name, kinds in cell.get("attachments", {}).items():
        kind, content = next(iter(kinds.items()), ("text/plain", ""))
        picture = f"data:{kind};base64,{''.join(content.split())}"
        signs = [
            f"(?:{re.escape(sign)}|(?i:{''.join(f'%{byte:02X}' for byte in sign.encode())}))" for sign in unquote(name)
        ]
        source = re.sub(f"<?attachment:{''.join(signs)}>?", picture, source)
    return source


def _keep_states(notebook: NotebookNode) -> None:
    """Bars of widgets say as text what their last states were, where the notebook has kept these."""
    models = held(held(held(notebook.metadata, "widgets"), "application/vnd.jupyter.widget-state+json"), "state")
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        try:
            text = bar_text(held(output.get("data", {}), WIDGET).get("model_id", ""), models)
        except (AttributeError, TypeError, ValueError):  # a state of another form than bars have
            continue
        if text:
            output.data["text/plain"] = text


def _require_run(cell: NotebookNode, where: str, counts: bool) -> None:
    failed = [output.ename for output in cell.outputs if output.output_type == "error"]
    if failed and "raises-exception" not in cell.metadata.get("tags", []):
        raise PdfError(f"{where} failed with {failed[0]}. Mend it, run all cells and save.")
    if cell.execution_count is None and counts and not cell.outputs:
        raise PdfError(f"{where} has not been run. Run all cells and save.")
