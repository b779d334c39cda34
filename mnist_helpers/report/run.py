"""Run the chapters in fresh kernels, then publish what they made, once all of them have run."""

import json
import os
import re
import shutil
import sys
import time
import warnings
from multiprocessing.pool import ThreadPool
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert.filters import strip_ansi
from nbformat.v4 import new_code_cell, new_markdown_cell
from tqdm import tqdm

from mnist_helpers import data, studies, training
from mnist_helpers.files import project_path, write_atomically, write_together
from mnist_helpers.report.exporter import BIBLIOGRAPHY, build_pdfs, chosen_chapters
from mnist_helpers.report.pdf.pieces import PdfError, PdfWarning, Piece
from mnist_helpers.report.pdf.typeset import picture_of_pages, typeset
from mnist_helpers.report.settings import COLAB, FIRST_SEED, OUT, SEEDS, Settings, read_settings, tomllib
from mnist_helpers.report.summary import fingerprint, readme_with
from mnist_helpers.training import recipes
from mnist_helpers.training.runs import Run, describe_environment, format_device, format_versions

SHOWN_PAGES = (1, 3, 7)  # of report.pdf, in the README


class ReportError(Exception):
    """A chapter that cannot be run; the message names the chapter, the cell and the error."""

    exit_code = 1


def run_report(seeds: int | None = None, numbers: list[int] | None = None, strict: bool = False) -> None:
    """Execute the hand-in (number 0) and the chapters, print a line for each with its time, and make the PDFs.

    The full report (all of them, report.toml's seeds) replaces notebooks/, figures/, the PDFs and the README's table
    once every notebook has run. With `seeds` or `numbers` all of it stays under build/. strict: see build_pdf.
    """
    settings = read_settings()
    _try_title(settings, strict)
    n = seeds or settings.seeds
    full = seeds is None and numbers is None
    chapters = chosen_chapters(numbers)
    readme = project_path("README.md")
    if full and readme.is_file():
        readme_with({}, readme)  # and lost markers too, than in 20 minutes
    out = project_path("build/report" if full else "build/partial")
    shutil.rmtree(out, ignore_errors=True)
    # the kernels inherit these; one thread each, since two kernels of all threads would be far slower than one
    os.environ |= {OUT: str(out), SEEDS: str(n), "OMP_NUM_THREADS": "1"}
    minutes = "4 minutes for each seed" if numbers == [0] else "20 minutes, for all notebooks,"
    print(f"Notebooks: {len(chapters)}, seeds: {n}. With nothing trained yet, about {minutes} on two idle cores.")
    print("Finished trainings are kept in runs/: after Ctrl-C the same command goes on there.", flush=True)
    start, about = time.perf_counter(), {}
    if not numbers or 0 in numbers:  # before the notebooks run, so no core is idle
        jobs = recipes.live(range(FIRST_SEED, FIRST_SEED + n), hand_in=numbers == [0])
        about = _made([*training.train_jobs(jobs).values()])
        print(f"  {'trainings':<24} {time.perf_counter() - start:6.1f} s", flush=True)
    run_chapters(chapters, out / "notebooks", about)
    build_pdfs([out / "notebooks" / path.name for path in chapters], out, strict=strict)
    if full:
        publish(out)
    where = project_path(".") if full else out
    seconds = time.perf_counter() - start
    print(f"done in {seconds:.0f} s: PDFs, notebooks and figures are under {where}")


def _try_title(settings: Settings, strict: bool) -> None:
    """What cannot be set in report.toml is better known now than in 20 minutes: a warning; where strict, a PdfError."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PdfWarning)
        typeset([Piece("title page")], settings, BIBLIOGRAPHY)
    for found in caught:
        if strict and found.category is PdfWarning:
            raise PdfError(str(found.message))
        print(f"warning: {found.message}", file=sys.stderr)


def _made(runs: list[Run]) -> dict:
    """What the report's last page says of its trainings, and what ran where."""
    here, cpu = (describe_environment(data.best_device(device)) for device in (None, "cpu"))
    return {
        "seeds": sorted({run.seed for run in runs}),
        "trainings": len(runs),
        "seconds": sum(run.environment["seconds"] for run in runs),
        "versions": sorted({format_versions(run.environment) for run in runs}),
        "devices": {
            "training": sorted({format_device(run.environment) for run in runs}),
            "evaluation": [f"{here['device']} ({here['device_name']})"],
            "others": [f"{cpu['device']} ({cpu['device_name']})"],
            "studies": studies.devices(),
        },
    }


def run_chapters(chapters: list[Path], folder: Path, about: dict | None = None) -> None:
    """Execute chapters into a folder, two at once; after a failure the others still run, then the first is raised.

    about: goes into each notebook's metadata under "report", beside the headline numbers that it recorded.
    """
    cells = {path: len(nbformat.read(path, 4).cells) for path in chapters}
    with tqdm(total=sum(cells.values()), unit="cell", leave=False, disable=not sys.stderr.isatty()) as bar:

        def run(path: Path) -> None:
            began = time.perf_counter()
            run_chapter(path, folder / path.name, about, on_cell=lambda: bar.update(1))
            tqdm.write(f"  {path.stem:<24} {time.perf_counter() - began:6.1f} s")

        # in the main thread nbclient would swallow Ctrl-C; these are daemons, so it ends the process and all kernels
        pool = ThreadPool(2)
        # the one with the most cells first, so that no long one is left over at the end
        running = {path: pool.apply_async(run, [path]) for path in sorted(chapters, key=cells.get, reverse=True)}
        pool.close()
        while not all(result.ready() for result in running.values()):
            time.sleep(0.1)  # Windows would not see Ctrl-C in a join
    for path in chapters:
        running[path].get()


def run_chapter(source: Path, target: Path, about: dict | None = None, on_cell=lambda: None) -> None:
    """Execute a notebook in a fresh kernel and write it to target; ReportError names the cell that failed."""
    notebook = with_badge(nbformat.read(source, 4), source.name, repository())
    failed: list[int] = []  # also cells that are to fail, with the tag raises-exception; the last one stopped it
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        record_timing=False,
        shutdown_kernel="immediate",  # busy ones too, after Ctrl-C
        extra_arguments=["--log-level=ERROR"],  # newer kernels warn about local sockets
        resources={"metadata": {"path": str(source.parent)}},
        on_cell_complete=lambda cell, cell_index: on_cell(),
        on_cell_error=lambda cell, cell_index, execute_reply: failed.append(cell_index),
    )
    try:
        client.execute()
    except CellExecutionError as error:
        index = failed[-1]
        where = f"chapter {source.stem}, cell {index + 1} ({notebook.cells[index].source.strip().splitlines()[0]!r})"
        problem = f"{error.ename}: {strip_ansi(error.evalue).strip().rstrip('.')}"
        raise ReportError(f"{where}: {problem}. The notebook in notebooks/ is as it was.") from error
    except DeadKernelError as error:
        raise ReportError(f"chapter {source.stem}: its kernel died, perhaps for want of memory") from error
    notebook.metadata["language_info"] = {"name": "python"}  # the rest changes with every Python version
    results = Path(os.environ.get(OUT, "")) / "figures" / "results.json"
    results = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
    own = {key: entry for key, entry in results.items() if entry["chapter"] == source.stem}
    notebook.metadata["report"] = (about or {}) | {"results": own, "fingerprint": fingerprint(notebook)}
    fold(notebook)
    write_atomically(target, nbformat.writes(notebook).encode())


def fold(notebook) -> None:
    """Fold away, in JupyterLab and in Colab, the code whose result is a sentence, a table, a figure or a checked claim.

    What trains or defines something stays open, and what shows nothing: there the numbers are computed. A cell that is
    folded already stays so.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            shows = re.search(r"^ *chapter\.(say|figure|table|record|check)\(", cell.source, re.M)
            if shows and not re.search(r"\btraining\.\w|^(class|def) ", cell.source, re.M):
                cell.metadata |= {"cellView": "form", "jupyter": {"source_hidden": True}}


CLONE = """from pathlib import Path

if not any((folder / "report.toml").is_file() for folder in (Path.cwd(), *Path.cwd().parents)):  # opened by the badge
    if not Path("report").is_dir():
        !git clone --quiet --depth 1 @URL@ report
    %cd -q report/notebooks
    %pip install --quiet .."""


def repository() -> str:
    """The https address of the project on GitHub, from [project.urls] in pyproject.toml; "" where there is none."""
    path = project_path("pyproject.toml")
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"] if path.is_file() else {}
    return project.get("urls", {}).get("Repository", "").removesuffix("/").removesuffix(".git")


def with_badge(notebook, name: str, url: str):
    """The notebook with an "Open in Colab" badge and a cell that fetches the project there; without both for no url."""
    notebook.cells = [cell for cell in notebook.cells if COLAB not in cell.metadata.get("tags", [])]
    if url:
        page = url.replace("https://github.com/", "https://colab.research.google.com/github/")
        picture = "https://colab.research.google.com/assets/colab-badge.svg"
        badge = f"[![Open in Colab]({picture})]({page}/blob/main/notebooks/{name})"
        about = {"metadata": {"tags": [COLAB]}}
        clone = new_code_cell(CLONE.replace("@URL@", url), id="colab-clone", **about)
        notebook.cells = [new_markdown_cell(badge, id="colab-badge", **about), clone, *notebook.cells]
    return notebook


def publish(out: Path) -> None:
    """Put what a full run made into notebooks/, figures/ and the PDFs, and its results into the README's table.

    All of it, or nothing where one file cannot be written.
    """
    results = json.loads((out / "figures" / "results.json").read_text(encoding="utf-8"))
    pdfs, readme = {path.name: path.read_bytes() for path in out.glob("*.pdf")}, project_path("README.md")
    if "report.pdf" in pdfs:
        (out / "figures" / "report_pages.png").write_bytes(picture_of_pages(pdfs["report.pdf"], SHOWN_PAGES))
    made = [path for folder in ("notebooks", "figures") for path in sorted((out / folder).iterdir())]
    files = {project_path(path.parent.name) / path.name: path.read_bytes() for path in made}
    files |= {project_path(name): content for name, content in pdfs.items()}
    if readme.is_file():  # Colab has none
        files[readme] = readme_with(results, readme).encode()
    try:
        write_together(files)
    except OSError as error:
        raise ReportError(
            f"{error.filename or project_path('.')} cannot be written to: {error.strerror}. Nothing was replaced; "
            f"the report is under {out}"
        ) from error
    for path in project_path("figures").iterdir():
        if path not in files and re.match(r"\d\d_", path.name):
            path.unlink()  # a figure that no chapter draws any more
