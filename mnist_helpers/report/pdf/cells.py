"""What each cell of an executed notebook gives to the document, in order."""

import ast
import hashlib
import re
from pathlib import Path
from urllib.parse import quote

from bs4 import BeautifulSoup
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode

from mnist_helpers.files import project_path
from mnist_helpers.report.pdf.pieces import PdfError, Piece
from mnist_helpers.report.pdf.tables import WIDTH, read_tables, wrap
from mnist_helpers.report.settings import COLAB

LINES = 22  # of output: more may break over pages
PICTURES = ("image/svg+xml", "image/png", "image/jpeg")
HIDDEN = "[hidden], [style*='display:none'], [style*='display: none']"
STRING = r"""'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*\""""
OBJECT = re.compile(rf"<(?:{STRING}|<[^<>\n]*>|[^<>'\"\n])*>|\b(?:Text|Axes)\((?:{STRING}|[^()'\"\n])*\)")
# what lists of objects, and plt.hist, put around
AROUND = re.compile(r"array\([^()]*\)|None|'\w+':|\.\.\.|[\[\](){},\s]")


def notebook_pieces(notebook: NotebookNode, about: dict) -> list[Piece]:
    """Text, code and results of a notebook; PdfError for one with a cell that has not been run, or that failed.

    about: nbconvert's metadata, the notebook's name and, where it is known, its path.
    """
    origin, pieces = {"chapter": about["name"], "folder": Path(about.get("path") or ".").resolve()}, []
    for index, cell in enumerate(notebook.cells, 1):
        parts, tags = [], cell.metadata.get("tags", [])
        if cell.cell_type == "markdown" and COLAB not in tags:
            for name, held in cell.get("attachments", {}).items():
                picture = "data:{};base64,{}".format(*next(iter(held.items())))
                cell.source = re.sub(f"attachment:({re.escape(name)}|{quote(name)})", picture, cell.source)
            parts = [{"markdown": cell.source}]
        elif cell.cell_type == "code" and COLAB not in tags:
            if lines := cell.source.strip().splitlines():
                _require_run(cell, f"chapter {about['name']}, cell {index} ({lines[0]!r})")
            if lines and not cell.metadata.get("jupyter", {}).get(
                "source_hidden"
            ):  # what is folded, is so on paper too
                parts = [{"item": {"kind": "code", "text": wrap(cell.source.strip("\n"))}}]
            parts += [part for output in cell.outputs for part in _output(output, cell.source, origin["folder"])]
        pieces += [Piece(**part, **origin, cell=index) for part in parts]
    return pieces


def _require_run(cell: NotebookNode, where: str) -> None:
    failed = [output.ename for output in cell.outputs if output.output_type == "error"]
    if failed and "raises-exception" not in cell.metadata.get("tags", []):
        raise PdfError(f"{where} failed with {failed[0]}. Mend it and run the chapter again.")
    if cell.execution_count is None:
        raise PdfError(f"{where} has not been run. Run all cells and save, or use `make report`.")


def _output(output: NotebookNode, source: str, folder: Path) -> list[dict]:
    """The arguments of the Pieces that an output gives: none for a caption, a bar, or what plotting returns."""
    if output.output_type == "stream":
        return _printed(output.text) if output.name == "stdout" else []  # stderr: bars and warnings, no results
    if output.output_type == "error":  # of a cell that was to fail
        return _printed(f"{output.ename}: {output.evalue}")
    data, about = output.data, output.metadata.get("report", {})
    if about.get("role") in ("caption", "title") or "application/vnd.jupyter.widget-view+json" in data:
        return []
    soup = BeautifulSoup(data.get("text/html", ""), "html.parser")
    hides, html = [tag.extract() for tag in soup.select(HIDDEN)], str(soup)
    tables = read_tables(html, about.get("caption"), about.get("label"))
    if tables:
        return [{"item": table} for table in tables]
    kind = next((kind for kind in PICTURES if kind in data), None)
    if kind:
        return [{"item": _figure(output, about, kind, folder)}]
    words, text = data.get("text/markdown") or data.get("text/latex"), data.get("text/plain", "")
    if words:  # a computed formula stays on the page of the words before it
        short = "$$" in words and words.count("\n") < 20 and not re.search("^ *#", words, re.M)
        return [{"raw": "#kept["}, {"markdown": words}, {"raw": "]"}] if short else [{"markdown": words}]
    around, objects = OBJECT.subn("", text)
    nameless = objects > 0 and not AROUND.sub("", around)  # nothing but names of objects
    if html and (nameless or not hides):  # HTML that hides a part is for a browser; the text says it to all others
        return [{"html": html}]
    drawn = output.output_type == "execute_result" and _ends_with_plotting(source)
    return [] if nameless or drawn else _printed(text)


def _ends_with_plotting(source: str) -> bool:
    """True where the cell's value is that of a call such as plt.axis("off"), which is no result; plt.xlim() asks."""
    try:
        call = ast.parse(re.sub("^[%!].*", "", source, flags=re.M)).body[-1].value
        called = re.fullmatch(r"(?:plt|axe?s?|axs)(?:\[.*\])?\.(\w+)", ast.unparse(call.func))
        return bool(called and (call.args or call.keywords)) and not called[1].startswith(("get_", "im"))
    except (SyntaxError, IndexError, AttributeError):
        return False


def _printed(text: str) -> list[dict]:
    text = wrap(strip_ansi(text).strip("\n"))
    long = sum(len(line) // WIDTH + 1 for line in text.splitlines()) > LINES
    return [{"item": {"kind": "output", "text": text, "long": long}}] if text.strip() else []


def _figure(output: NotebookNode, about: dict, kind: str, folder: Path) -> dict:
    """A figure: the SVG that was written with it, if it is there and the same one; else the notebook's own picture."""
    data, shown, caption = output.data[kind], output.metadata.get(kind, {}), about.get("caption")
    file = f"data:{kind},{quote(data)}" if kind == "image/svg+xml" else f"data:{kind};base64,{''.join(data.split())}"
    # beside the notebooks, or where a notebook run by hand has put it
    for place in (folder.parent / "figures", project_path("build/live/figures", folder)) if "svg" in about else ():
        path = place / f"{about['file']}.svg"
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == about["svg"]:
            file = str(path)
    pixels = shown.get("width")
    return {
        "kind": "figure", "label": about.get("label"), "caption": caption, "file": file,
        "alt": caption or shown.get("alt") or "a figure without a caption",
        "width": pixels / 96 if isinstance(pixels, int | float) else None,  # inches, as a browser has them
    }  # fmt: skip
