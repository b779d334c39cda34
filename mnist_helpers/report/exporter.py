"""`jupyter nbconvert --to report`, JupyterLab's export menu and `build_pdf`: executed notebooks as one PDF."""

import datetime
import re
import subprocess
import sys
import warnings
from collections.abc import Iterable
from dataclasses import replace
from html import escape
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbconvert.exporters import Exporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from nbformat import NotebookNode
from traitlets import Bool, Enum, Unicode, default

from mnist_helpers.files import project_path, write_atomically
from mnist_helpers.report.pdf.cells import notebook_pieces
from mnist_helpers.report.pdf.pieces import PdfError, PdfWarning, Piece, held
from mnist_helpers.report.pdf.typeset import typeset
from mnist_helpers.report.settings import CODE, language_of, read_settings
from mnist_helpers.report.summary import fingerprint, how_it_was_made

BIBLIOGRAPHY = Path(__file__).with_name("references.bib")


class ReportExporter(Exporter):
    """Executed notebooks as one PDF, typeset by pandoc, MathJax and Typst, with the names of report.toml."""

    export_from_notebook = "Report (PDF)"
    output_mimetype = "application/pdf"
    file_extension = Unicode(".pdf").tag(config=True)
    code = Enum(("", *CODE), "", help="where the code is shown; empty: as report.toml says").tag(config=True)
    strict = Bool(False, help="a warning is an error").tag(config=True)

    @default("preprocessors")
    def _preprocessors(self) -> list:
        return [CoalesceStreamsPreprocessor]

    def from_notebook_node(self, nb: NotebookNode, resources=None, **kwargs) -> tuple[bytes, dict]:
        """One notebook as a PDF."""
        resources = self._init_resources(resources)
        pdf, found = self.from_notebooks([(nb, resources)])
        for warning in found:
            self.log.warning(warning)
        return pdf, resources

    def from_notebooks(self, notebooks: list[tuple[NotebookNode, dict]]) -> tuple[bytes, list[str]]:
        """Notebooks, each with nbconvert's resources (metadata: name and path), as one PDF, and its warnings.

        PdfError for a notebook that is not executed or failed, and, where strict, for each warning.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", PdfWarning)
            pdf = self._typeset(notebooks)
        found = list(dict.fromkeys(str(entry.message) for entry in caught if entry.category is PdfWarning))
        if found and self.strict:
            raise PdfError("\n".join([*found, "`make pdf` writes the PDF nevertheless, with what is shown instead."]))
        return pdf, found

    def _typeset(self, notebooks: list[tuple[NotebookNode, dict]]) -> bytes:
        """One alone is a short document with its code; several have a title page, contents and report.toml's code.

        Where there is no report.toml, a document speaks for itself: with all of its code, and a title of its own.
        """
        home = Path(notebooks[0][1]["metadata"].get("path") or ".").resolve()
        short, known = len(notebooks) == 1, project_path("report.toml", home).is_file()
        names = [about["metadata"]["name"] for _, about in notebooks]
        language = language_of(names[0], "" if known else prose_of(nb for nb, _ in notebooks))
        settings = read_settings(project_path("report.toml", home)).in_language(language)
        settings = settings if known else replace(settings, title=", ".join(names))
        settings = replace(settings, date=settings.date or datetime.date.today().isoformat())
        code = self.code or ("show" if short or not known else settings.code)
        chapters, listings, made = [], [], {}
        for nb, resources in notebooks:
            about = held(nb.metadata, "report")
            made = made or (about if about.get("fingerprint") == fingerprint(nb) else {})
            nb, resources = super().from_notebook_node(nb, resources)
            pieces, name = notebook_pieces(nb, resources["metadata"]), escape(resources["metadata"]["name"])
            own = [piece for piece in pieces if piece.item and piece.item["kind"] == "code"]
            listings += [Piece(html=f'<h2 class="unlisted">{name}.ipynb</h2>'), *own]
            chapters += [piece for piece in pieces if code == "show" or piece not in own]
        pieces = [*([] if short else [Piece(raw="#contents()")]), *chapters, Piece(raw="#references()")]
        pieces += [Piece("# The code"), *listings] if code == "appendix" else []
        pieces += how_it_was_made(made | {"source": _source(home), "date": settings.date}, language) if known else []
        own_title = short and not known
        return typeset(pieces, settings, BIBLIOGRAPHY, short=short, language=language, own_title=own_title)


def prose_of(notebooks: Iterable[NotebookNode]) -> str:
    """What their Markdown says, without code, formulas, tags and addresses."""
    texts = [cell.source for notebook in notebooks for cell in notebook.cells if cell.cell_type == "markdown"]
    return re.sub(r"(?s)```.*?```|`[^`]*`|\$+[^$]*\$+|<[^>]*>|\]\([^)]*\)|https?:\S+", " ", "\n".join(texts))


def chosen_chapters(numbers: list[int] | None) -> list[Path]:
    """The notebooks of these chapters, of all by default; 0 is the hand-in, in each language."""
    paths = sorted(project_path("notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise PdfError(f"there are no chapters in {project_path('notebooks')}; run this in the project's folder")
    known = [int(path.name[:2]) for path in paths]
    if len(set(known)) < len([number for number in known if number]) + (0 in known):
        raise PdfError(f"two chapters have one number: {', '.join(path.name for path in paths)}. Rename one.")
    for number in numbers or []:
        if number not in known:
            names = ", ".join(map(str, dict.fromkeys(known)))
            raise PdfError(f"there is no chapter {number}; the chapters are {names}")
    return [path for path, number in zip(paths, known, strict=True) if not numbers or number in numbers]


def read_notebook(path: Path) -> NotebookNode:
    """A notebook of the project; PdfError for what is none."""
    try:
        notebook = nbformat.read(path, 4)
        nbformat.validate(notebook)
    except Exception as error:  # a file can be broken in many ways
        problem = str(error).partition("\n")[0]
        raise PdfError(f"{path} is not a notebook: {problem}. Restore it.") from error
    return notebook


def save(target: Path, content: bytes) -> None:
    """Replace a file by a complete new one; PdfError where that cannot be done."""
    try:
        write_atomically(target, content)
    except (OSError, ValueError) as error:
        problem = f"{target} cannot be written: {getattr(error, 'strerror', None) or error}"
        raise PdfError(f"{problem}. Name another file, free some space, or make the folder writable.") from error


def build_pdf(paths: list[Path], target: Path, code: str = "", strict: bool = False) -> None:
    """Write the notebooks as one PDF, and print its size and the warnings; a file is replaced only by a complete one.

    strict: a warning is a PdfError.
    """
    about = [{"metadata": {"name": path.stem, "path": str(path.resolve().parent)}} for path in paths]
    exporter = ReportExporter(code=code, strict=strict)
    pdf, found = exporter.from_notebooks(list(zip(map(read_notebook, paths), about, strict=True)))
    save(target, pdf)
    for warning in found:
        print(f"warning: {warning}", file=sys.stderr)
    count = f", {len(found)} warning{'s' * (len(found) > 1)}" if found else ""
    print(f"wrote {target} ({len(pdf) / 1e6:.1f} MB{count})", flush=True)


def build_pdfs(paths: list[Path], folder: Path, code: str = "", strict: bool = False) -> list[Path]:
    """Write report.pdf of 00_report, report_ko.pdf of 00_report_ko, report_full.pdf of the chapters; their paths."""
    documents: dict[str, list[Path]] = {}
    for path in paths:
        own = path.name.startswith("00_")
        documents.setdefault(path.stem.removeprefix("00_") if own else "report_full", []).append(path)
    for name, notebooks in documents.items():
        build_pdf(notebooks, folder / f"{name}.pdf", code, strict)
    return [folder / f"{name}.pdf" for name in documents]


def _source(folder: Path) -> str:
    """The commit that the folder is at, and whether files but PDFs differ from it; without git the version."""
    try:
        commit = _git(folder, "rev-parse", "--short=12", "HEAD").stdout.strip()
        changed = commit and _git(folder, "diff", "--quiet", "HEAD", "--", ":(top,exclude)*.pdf").returncode
    except OSError:
        commit = ""
    if not commit:
        return f"mnist_helpers {version('mnist_helpers')}"
    return f"commit {commit}{', with changes' if changed else ''}"


def _git(folder: Path, *command: str) -> subprocess.CompletedProcess:
    return subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True)
