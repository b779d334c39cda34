"""One notebook for Colab that needs nothing beside it: chapters, and inside it the package, studies and settings."""

import base64
import hashlib
import io
import json
import re
import tarfile
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from string import Template

import nbformat
from nbconvert.preprocessors import ClearOutputPreprocessor
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from mnist_helpers.colab import ColabError
from mnist_helpers.files import project_path
from mnist_helpers.report.exporter import chosen_chapters, read_notebook, save
from mnist_helpers.report.settings import COLAB, HAND_IN_NAME, read_settings

LARGEST = 4_000_000  # bytes of the notebook
LEFT_OUT = "(this figure appears when the cell is run)"
BEST = ("image/png", "text/html", "text/markdown")
NEEDED = ("pyproject.toml", "README.md", "mnist_helpers", "studies")  # beside notebooks/, to build it

UNPACK = """#@title Set-up: unpacks the package inside this cell, installs what is missing, names the device
import base64, hashlib, io, tarfile

try:
    content = base64.b85decode("$payload")
except ValueError:
    content = b""
if hashlib.sha256(content).hexdigest() != "$hash":
    raise RuntimeError("This notebook was damaged on its way; download it again.")
archive = tarfile.open(fileobj=io.BytesIO(content))
exec(compile(archive.extractfile("set_up.py").read(), "set_up.py", "exec"))"""

FORM = """#@title Your report
NAME = $name #@param {type:"string"}
STUDENT_ID = $student_id #@param {type:"string"}
DATE = "" #@param {type:"string", placeholder:"today"}
LANGUAGE = "English" #@param ["English", "Korean"]
#@markdown Seeds: how often each network is trained. $minutes
SEEDS = $seeds #@param [1, 3] {type:"raw", allow-input: true}
#@markdown The long report has seven chapters more; all trainings then take about three times as long.
LONG_REPORT_TOO = False #@param {type:"boolean"}
KEEP_TRAININGS_IN_GOOGLE_DRIVE = False #@param {type:"boolean"}

from mnist_helpers import colab

colab.settle(NAME, STUDENT_ID, DATE, SEEDS, KEEP_TRAININGS_IN_GOOGLE_DRIVE)"""

# the hand-in, which runs twice: 4 minutes were measured for a seed and one run on two cores; the rest is estimated
MINUTES = "On two CPU cores about 6 minutes with one and 12 with three, on a T4 GPU about 4 and 6 (estimates)."

HAND_IN = """#@title Make the hand-in and download it: it runs once more, with the trainings finished above
from mnist_helpers import colab

colab.make_report("0", LANGUAGE)"""

GATE = """#@title The long report begins here, if LONG_REPORT_TOO is ticked in the form
from mnist_helpers import colab

colab.go_on(LONG_REPORT_TOO)"""

LAST = """#@title Make report_full.pdf and download it: the chapters run once more, with the trainings finished above
from mnist_helpers import colab

colab.make_report($chapters)"""


def build_notebook(numbers: list[int] | None = None, target: Path | None = None) -> Path:
    """Write the notebook of all chapters, or of those with these numbers; ColabError where that cannot be done."""
    target = target or project_path("dist/mnist_report_colab.ipynb")
    paths = chosen_chapters(numbers)
    for name in NEEDED:
        if not project_path(name).exists():
            raise ColabError(f"there is no {project_path(name)}, which goes into the notebook; get the project again.")
    chapters = {path.name: _chapter(path) for path in paths}
    payload, settings = _payload(chapters), asdict(read_settings())
    words = {
        key: json.dumps(value, ensure_ascii=False) for key, value in settings.items()
    }  # JSON's strings are Python's
    words |= {"payload": base64.b85encode(payload).decode(), "hash": hashlib.sha256(payload).hexdigest()}
    long = [str(number) for number in numbers or [] if number]
    words |= {"chapters": json.dumps(",".join(long)) if long else "", "minutes": MINUTES}

    def form(code: str):
        return new_code_cell(Template(code).substitute(words), metadata={"cellView": "form"})

    introduction = new_markdown_cell(Path(__file__).with_name("introduction.md").read_text(encoding="utf-8").strip())
    cells = [introduction, form(UNPACK), form(FORM)]
    hand_in = chapters.get(f"{HAND_IN_NAME}.ipynb")
    rest = [cell for name, chapter in chapters.items() if name[:2] != "00" for cell in chapter.cells]
    cells += [*hand_in.cells, form(HAND_IN)] if hand_in else []
    cells += [form(GATE)] if hand_in and rest else []
    cells += [*rest, form(LAST)] if rest else []
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

    Of each output it keeps the best form that a browser shows, so that it can be read before it is run.
    """
    notebook = read_notebook(path)
    notebook.cells = [cell for cell in notebook.cells if COLAB not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\[([^]]*)\]\(\d\d_\w+\.ipynb[^)]*\)", r"\1", cell.source)
            continue
        cell.execution_count = None
        for output in cell.outputs:
            output.get("metadata", {}).pop("report", None)  # only the PDF needs it
            if "data" in output:
                kind = next(kind for kind in (*BEST, *output.data) if kind in output.data)
                output.data = {kind: _few_colours(output.data[kind]) if kind == BEST[0] else output.data[kind]}
    return notebook


def _few_colours(png: str) -> str:
    """A picture, in base64, with 24 colours: to be seen until the cell is run."""
    content = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    picture.quantize(24, dither=Image.Dither.NONE).save(content, "png", optimize=True)
    return base64.b64encode(content.getvalue()).decode()


def _payload(chapters: dict) -> bytes:
    """The archive inside the notebook: package for pip, settings, chapters without outputs, the studies they read."""
    content = io.BytesIO()
    sources = "".join(cell.source for chapter in chapters.values() for cell in chapter.cells)

    def needed(file: tarfile.TarInfo) -> tarfile.TarInfo | None:
        path = Path(file.name)
        unread = path.parent.name == "studies" and path.suffix != ".py" and f'read("{path.stem}")' not in sources
        return None if "__pycache__" in file.name or unread else file

    with tarfile.open(fileobj=content, mode="w:xz") as archive:
        for name in NEEDED:
            place = name if name == "studies" else f"package/{name}"
            archive.add(project_path(name), place, filter=needed)
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
