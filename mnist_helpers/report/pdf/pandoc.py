"""Running the pandoc of the wheel: Markdown in, pandoc's tree out, and Typst from that."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import pypandoc

from mnist_helpers.report.pdf.pieces import PdfError

# Jupyter's Markdown: lists and headings need no blank line before them, ~ and ^ are themselves, [@x] is text
READER = (
    "markdown+lists_without_preceding_blankline-blank_before_header-blank_before_blockquote-citations"
    "-implicit_figures-subscript-superscript-definition_lists-example_lists-fancy_lists-line_blocks"
    "-yaml_metadata_block-pandoc_title_block-fenced_divs-markdown_in_html_blocks-native_divs-native_spans"
    "+tex_math_double_backslash"
)

ANCHOR = "cell-{}.md__"  # what pandoc then puts before an anchor: the number of the source


def read_markdown(sources: list[str]) -> dict:
    """pandoc's tree of all sources, one after another.

    Each is a file of its own: then footnotes cannot collide, nor an open fence swallow the next cell.
    """
    with tempfile.TemporaryDirectory() as folder:
        names = [f"cell-{index}.md" for index in range(len(sources))]
        for name, text in zip(names, sources, strict=True):
            (Path(folder) / name).write_text(text, encoding="utf-8")
        return json.loads(_run(["-f", READER, "-t", "json", "--file-scope", *names], folder)[0])


def write_typst(tree: dict) -> tuple[str, str]:
    """The tree as Typst, and pandoc's warnings."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tree.json").write_text(json.dumps(tree), encoding="utf-8")
        return _run(["-f", "json", "-t", "typst", "--wrap=preserve", "tree.json"], folder)


def html_to_markdown(html: str) -> str:
    """HTML that an output shows, such as bold words, as Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "part.html").write_text(html, encoding="utf-8")
        return _run(["-f", "html-native_divs-native_spans", "-t", "commonmark", "part.html"], folder)[0]


def _run(arguments: list[str], folder: str) -> tuple[str, str]:
    """Standard output and error."""
    wheel = Path(pypandoc.__file__).parent / "files" / f"pandoc{'.exe' if os.name == 'nt' else ''}"
    command = [str(wheel), *arguments]  # never another one that the machine happens to have
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise PdfError(f"pandoc cannot read the report: {done.stderr.strip()}")
    return done.stdout, done.stderr
