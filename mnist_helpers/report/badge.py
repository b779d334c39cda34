"""The "Open in Colab" badge of a chapter, and the cell that then fetches the project."""

from __future__ import annotations

from nbformat.v4 import new_code_cell, new_markdown_cell

from mnist_helpers.files import project_path
from mnist_helpers.report.settings import COLAB, tomllib

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
