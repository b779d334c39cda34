"""One notebook for Colab that needs nothing beside it: chapters, and inside it the package, studies and settings."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from mnist_helpers.colab import ColabError
from mnist_helpers.files import project_path, write_atomically
from mnist_helpers.report.badge import with_badge
from mnist_helpers.report.exporter import chosen_chapters
from mnist_helpers.report.settings import read_settings

LARGEST = 4_000_000  # bytes of the notebook
LEFT_OUT = "(this figure appears when the cell is run)"
NEEDED = ("pyproject.toml", "README.md", "mnist_helpers", "studies")  # beside notebooks/, to build it

INTRODUCTION = """# LeNet-5 and an MLP on MNIST: the report in one notebook

1. *Runtime > Change runtime type > GPU*.
2. Fill in the form *Your report*: your name, how many seeds, and whether Google Drive keeps the trainings.
3. *Runtime > Run all*.

**What happens.** *Set-up* unpacks and installs the report's package. MNIST is downloaded (12 MB). The chapters then
train their networks and draw their figures, one after another. What they show before that is from our own run. They
repeat and correct *the original report*: what a student once handed in, in Korean, on the same two networks.

**What comes out.** The last cell makes `report.pdf`, with your name and your numbers, and offers it for download. It
runs the chapters as they came: text or code that you change here is not in it. For another name, run the form and the
last cell again.

**How long.** All seven chapters take about 15 minutes with one seed and 21 with three, on two CPU cores of
a server; Colab's may be slower. A GPU is faster.

**If Colab cuts you off**, choose *Run all* again. Trainings go on after their last epoch, as long as Colab keeps the
machine. When it takes the machine away, after some hours or when you leave it alone, **all trainings are lost**,
unless you ticked Google Drive in the form. Then they are kept there, and another machine with the same kind of
processor or GPU goes on. Google asks you once for leave to use the Drive; *Run all* waits for your answer."""

UNPACK = """#@title Set-up: unpacks the package inside this cell, installs what is missing, names the device
import base64, hashlib, io, zipfile

try:
    content = base64.b85decode("@PAYLOAD@")
except ValueError:
    content = b""
if hashlib.sha256(content).hexdigest() != "@HASH@":
    raise RuntimeError("This notebook was damaged on its way; download it again.")
archive = zipfile.ZipFile(io.BytesIO(content))
exec(compile(archive.read("set_up.py"), "set_up.py", "exec"))"""

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
    chapters = chosen_chapters(numbers)
    for name in NEEDED:
        if not project_path(name).exists():
            raise ColabError(f"there is no {project_path(name)}, which goes into the notebook; get the project again.")
    payload = _payload(chapters)
    unpack = UNPACK.replace("@HASH@", hashlib.sha256(payload).hexdigest())
    unpack = unpack.replace("@PAYLOAD@", base64.b85encode(payload).decode())
    form, settings = FORM, read_settings()
    for key in ("name", "student_id", "seeds"):  # JSON's strings are Python's
        form = form.replace(f"@{key.upper()}@", json.dumps(getattr(settings, key), ensure_ascii=False))
    cells = [new_markdown_cell(INTRODUCTION), _folded(unpack), _folded(form)]
    for chapter in chapters:
        cells += _chapter(chapter, outputs=True).cells
    chosen = json.dumps(",".join(map(str, numbers))) if numbers else ""
    cells.append(_folded(LAST.replace("@CHAPTERS@", chosen)))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:03}"
    about = {"accelerator": "GPU", "colab": {"provenance": [], "toc_visible": True}}
    about |= {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    write_atomically(target, _small_enough(new_notebook(cells=cells, metadata=about)))
    return target


def _small_enough(notebook) -> bytes:
    """The notebook's bytes, at most LARGEST: where it has more, its largest pictures are left out, to be drawn anew."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = sorted((o for o in outputs if "image/png" in o.get("data", {})), key=lambda o: len(o.data["image/png"]))
    while len(content := nbformat.writes(notebook).encode()) > LARGEST:
        if not pictures:
            raise ColabError(
                f"the notebook would have {len(content):,} bytes, more than {LARGEST:,}; choose --chapters."
            )
        pictures.pop().data = {"text/plain": LEFT_OUT}
    return content


def _folded(source: str):
    """A code cell that Colab shows as a form, its code folded away."""
    return new_code_cell(source, metadata={"cellView": "form"})


def _chapter(path: Path, *, outputs: bool):
    """A chapter as it goes into the notebook: not run yet, and without links to chapters, which are no files there.

    outputs: of each output what a browser shows, so that it can be read before it is run.
    """
    notebook = with_badge(nbformat.read(path, 4), path.name, "")
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\[([^]]*)\]\(\d\d_\w+\.ipynb[^)]*\)", r"\1", cell.source)
        else:
            cell.execution_count, cell.outputs = None, [_lean(o) for o in cell.outputs] if outputs else []
    return notebook


def _lean(output):
    """An output without what only the PDF needs, and in the best of its forms only."""
    output.get("metadata", {}).pop("report", None)
    if "data" in output:
        best = [kind for kind in ("image/png", "text/html", "text/markdown", *output.data) if kind in output.data]
        output.data = {kind: output.data[kind] for kind in best[:1]}
    return output


def _payload(chapters: list[Path]) -> bytes:
    """The zip archive inside the notebook. What is pressed already is unpacked first: LZMA presses it further."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(*_wheel())
        for chapter in chapters:
            archive.writestr(f"notebooks/{chapter.name}", nbformat.writes(_chapter(chapter, outputs=False)))
        for path in sorted(p for p in project_path("studies").iterdir() if p.suffix in (".json", ".npz")):
            plain = io.BytesIO(path.read_bytes())
            if path.suffix == ".npz":
                arrays, plain = dict(np.load(path)), io.BytesIO()
                np.savez(plain, **arrays)
            archive.writestr(f"studies/{path.name}", plain.getvalue())
        if project_path("report.toml").is_file():
            archive.write(project_path("report.toml"), "report.toml")
        archive.write(Path(__file__).with_name("set_up.py"), "set_up.py")
    return content.getvalue()


@cache
def _wheel() -> tuple[str, bytes]:
    """(file name, content) of the package's wheel, its parts stored, not compressed."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(project_path(name), folder)
        shutil.copytree(project_path("mnist_helpers"), Path(folder, "mnist_helpers"))
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, folder]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ColabError(f"pip could not build the package's wheel, for which it needs the network: {reason}")
        (path,) = Path(folder).glob("*.whl")
        stored = io.BytesIO()
        with zipfile.ZipFile(path) as packed, zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as wheel:
            for entry in packed.infolist():
                wheel.writestr(entry, packed.read(entry), zipfile.ZIP_STORED)
        return path.name, stored.getvalue()
