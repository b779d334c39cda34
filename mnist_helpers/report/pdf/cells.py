"""What each cell of an executed notebook gives to the document, in order."""

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

from nbconvert.filters import strip_ansi
from nbformat import NotebookNode

from mnist_helpers.files import project_path
from mnist_helpers.report.pdf.pandoc import html_to_markdown
from mnist_helpers.report.pdf.pieces import Origin, Piece
from mnist_helpers.report.pdf.tables import WIDTH, read_tables, wrap
from mnist_helpers.report.settings import OUT

LINES = 22  # of output: more may break over pages
OBJECT = re.compile(r"\[?<[^\n]*>\]?|\[?(Text|Axes)\([^\n]*")  # what a plotting call returns, shown by accident
PICTURES = ("image/svg+xml", "image/png", "image/jpeg")


def chapter_pieces(notebook: NotebookNode, resources: dict, *, show_code: bool) -> list[Piece]:
    """Text and results of a notebook that nbconvert's preprocessors have been through; code where it is asked for."""
    origin = Origin(resources["metadata"]["name"], _folder(resources), resources.get("outputs", {}))
    pieces = []
    for index, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "markdown":
            attached = {
                f"attachment:{name}": b64decode(next(iter(data.values())))
                for name, data in cell.get("attachments", {}).items()
            }
            pieces.append(Piece(cell.source, origin=replace(origin, files=attached), cell=index))
        elif cell.cell_type == "code":
            if show_code and cell.source.strip():
                pieces.append(Piece(item=_code(cell), origin=origin, cell=index))
            for output in cell.outputs:
                pieces += [Piece(**part, origin=origin, cell=index) for part in _output(output, origin)]
    return pieces


def code_pieces(notebook: NotebookNode, resources: dict) -> list[Piece]:
    """The code of a notebook under a heading, for the appendix."""
    origin = Origin(resources["metadata"]["name"], _folder(resources))
    code = [(n, cell) for n, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code" and cell.source.strip()]
    pieces = [Piece(item=_code(cell), origin=origin, cell=index) for index, cell in code]
    return [Piece(f"## {origin.name}.ipynb {{.unlisted}}", origin=origin), *pieces]


def _folder(resources: dict) -> Path:
    return Path(resources["metadata"].get("path") or ".").resolve()


def _code(cell: NotebookNode) -> dict:
    return {"kind": "code", "text": wrap(cell.source.strip("\n"))}


def _output(output: NotebookNode, origin: Origin) -> list[dict]:
    """The arguments of the Pieces that an output gives: none for a caption, a progress bar, or an object's name."""
    if output.output_type == "stream":
        return _printed(output.text) if output.name == "stdout" else []  # stderr: bars and warnings, no results
    data, about = output.data, output.metadata.get("report", {})
    if about.get("role") == "caption" or "application/vnd.jupyter.widget-view+json" in data:
        return []
    tables = read_tables(data.get("text/html", ""), about.get("caption"), about.get("label"))
    if tables:
        return [{"item": table} for table in tables]
    kind = next((kind for kind in PICTURES if kind in data), None)
    if kind:
        return [{"item": _figure(output, about, kind, origin)}]
    words = data.get("text/markdown") or data.get("text/latex")
    if words:  # a computed formula stays on the page of the words before it
        short = "$$" in words and words.count("\n") < 20 and not re.search("^ *#", words, re.M)
        return [{"raw": "#kept["}, {"markdown": words}, {"raw": "]"}] if short else [{"markdown": words}]
    if "text/html" in data:
        return [{"markdown": html_to_markdown(data["text/html"])}]
    return [] if OBJECT.fullmatch(data.get("text/plain", "").strip()) else _printed(data.get("text/plain", ""))


def _printed(text: str) -> list[dict]:
    text = wrap(strip_ansi(text).strip("\n"))
    long = sum(len(line) // WIDTH + 1 for line in text.splitlines()) > LINES
    return [{"item": {"kind": "output", "text": text, "long": long}}] if text.strip() else []


def _figure(output: NotebookNode, about: dict, kind: str, origin: Origin) -> dict:
    """A figure: the SVG that was written with it, if it is there and the same one; else the notebook's own picture."""
    shown = output.metadata.get(kind, {})
    pixels = shown.get("width")
    caption = about.get("caption")
    vector = _vector(about, origin) if "svg" in about else None
    return {
        "kind": "figure", "label": about.get("label"), "caption": caption,
        "alt": caption or shown.get("alt") or "a figure without a caption",
        "file": str(vector) if vector else output.metadata.filenames[kind],
        "width": pixels / 96 if isinstance(pixels, int | float) else None,  # inches, as a browser has them
    }  # fmt: skip


def _vector(about: dict, origin: Origin) -> Path | None:
    """The figure's SVG: beside the notebooks, or where a notebook run by hand has put it."""
    places = [origin.folder.parent / "figures", project_path("build/live/figures", origin.folder)]
    places += [Path(os.environ[OUT]) / "figures"] if OUT in os.environ else []
    for path in (place / f"{about['file']}.svg" for place in places):
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == about["svg"]:
            return path
    return None
