"""One notebook for Colab that needs nothing beside it: chapters, and inside it the package, studies and settings."""

import base64
import hashlib
import io
import json
import re
import tarfile
from copy import deepcopy
from pathlib import Path

import nbformat
from nbconvert.preprocessors import ClearOutputPreprocessor
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from mnist_helpers.colab import ColabError
from mnist_helpers.files import project_path
from mnist_helpers.report.exporter import chosen_chapters, read_notebook, save
from mnist_helpers.report.settings import COLAB, read_settings

LARGEST = 4_000_000  # bytes of the notebook
LEFT_OUT = "(this figure appears when the cell is run)"
NEEDED = ("pyproject.toml", "README.md", "mnist_helpers", "studies")  # beside notebooks/, to build it

UNPACK = """#@title Set-up: unpacks the package inside this cell, installs what is missing, names the device
import base64, hashlib, io, tarfile

try:
    content = base64.b85decode("@PAYLOAD@")
except ValueError:
    content = b""
if hashlib.sha256(content).hexdigest() != "@HASH@":
    raise RuntimeError("This notebook was damaged on its way; download it again.")
archive = tarfile.open(fileobj=io.BytesIO(content))
exec(compile(archive.extractfile("set_up.py").read(), "set_up.py", "exec"))"""

FORM = """#@title Your report
NAME = @NAME@ #@param {type:"string"}
STUDENT_ID = @STUDENT_ID@ #@param {type:"string"}
DATE = "" #@param {type:"string", placeholder:"today"}
SEEDS = @SEEDS@ #@param {type:"integer"}
KEEP_TRAININGS_IN_GOOGLE_DRIVE = False #@param {type:"boolean"}

from mnist_helpers import colab

colab.settle(NAME, STUDENT_ID, DATE, SEEDS, KEEP_TRAININGS_IN_GOOGLE_DRIVE)"""

LAST = """#@title Make report.pdf and download it: the chapters run once more, with the trainings finished above
from mnist_helpers import colab

colab.make_report(@CHAPTERS@)"""


def build_notebook(numbers: list[int] | None = None, target: Path | None = None) -> Path:
    """Write the notebook of all chapters, or of those with these numbers; ColabError where that cannot be done."""
    target = target or project_path("dist/mnist_report_colab.ipynb")
    paths = chosen_chapters(numbers)
    for name in NEEDED:
        if not project_path(name).exists():
            raise ColabError(f"there is no {project_path(name)}, which goes into the notebook; get the project again.")
    chapters = {path.name: _chapter(path) for path in paths}
    payload = _payload(chapters)
    unpack = UNPACK.replace("@HASH@", hashlib.sha256(payload).hexdigest())
    unpack = unpack.replace("@PAYLOAD@", base64.b85encode(payload).decode())
    form, settings = FORM, read_settings()
    for key in ("name", "student_id", "seeds"):  # JSON's strings are Python's
        form = form.replace(f"@{key.upper()}@", json.dumps(getattr(settings, key), ensure_ascii=False))
    last = LAST.replace("@CHAPTERS@", json.dumps(",".join(map(str, numbers))) if numbers else "")
    first, second, end = (new_code_cell(code, metadata={"cellView": "form"}) for code in (unpack, form, last))
    introduction = new_markdown_cell(Path(__file__).with_name("introduction.md").read_text(encoding="utf-8").strip())
    cells = [introduction, first, second, *(cell for chapter in chapters.values() for cell in chapter.cells), end]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:03}"
    about = {"accelerator": "GPU", "colab": {"provenance": [], "toc_visible": True}}
    about |= {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    save(target, _small_enough(new_notebook(cells=cells, metadata=about)))
    return target


def _small_enough(notebook) -> bytes:
    """The notebook's bytes, at most LARGEST: where it has more, its largest pictures are left out, to be drawn anew."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = sorted((o for o in outputs if "image/png" in o.get("data", {})), key=lambda o: len(o.data["image/png"]))
    while len(content := nbformat.writes(notebook).encode()) > LARGEST:
        if not pictures:
            size = f"{len(content):,} bytes, more than {LARGEST:,}"
            raise ColabError(f"the notebook would have {size}; choose --chapters.")
        pictures.pop().data = {"text/plain": LEFT_OUT}
    return content


def _chapter(path: Path):
    """A chapter as it goes into the notebook: not run yet, and without links to chapters, which are no files there.

    Of each output it keeps what a browser shows, so that it can be read before it is run.
    """
    notebook = read_notebook(path)
    notebook.cells = [cell for cell in notebook.cells if COLAB not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\[([^]]*)\]\(\d\d_\w+\.ipynb[^)]*\)", r"\1", cell.source)
        else:
            cell.execution_count, cell.outputs = None, [_lean(output) for output in cell.outputs]
    return notebook


def _lean(output):
    """An output without what only the PDF needs, and in the best of its forms only."""
    output.get("metadata", {}).pop("report", None)
    if "data" in output:
        best = [kind for kind in ("image/png", "text/html", "text/markdown", *output.data) if kind in output.data]
        output.data = {kind: output.data[kind] for kind in best[:1]}
    return output


def _payload(chapters: dict) -> bytes:
    """The archive inside the notebook: the package for pip, studies, settings, and the chapters without outputs."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:xz") as archive:
        for name in NEEDED:
            place = name if name == "studies" else f"package/{name}"
            archive.add(project_path(name), place, filter=lambda file: None if "__pycache__" in file.name else file)
        archive.add(Path(__file__).with_name("set_up.py"), "set_up.py")
        if project_path("report.toml").is_file():
            archive.add(project_path("report.toml"), "report.toml")
        for name, chapter in chapters.items():
            bare, _ = ClearOutputPreprocessor().preprocess(deepcopy(chapter), {})
            text = nbformat.writes(bare).encode()
            file = tarfile.TarInfo(f"notebooks/{name}")
            file.size = len(text)
            archive.addfile(file, io.BytesIO(text))
    return content.getvalue()
