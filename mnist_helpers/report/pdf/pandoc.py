"""Running the pandoc of the wheel: Jupyter's Markdown in, pandoc's tree out, and Typst from that."""

from __future__ import annotations

import json
import os
import re
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

# What Jupyter reads otherwise than pandoc: fences, inline code, and $ x $, which is a formula ($5 and $6 are none)
_DIFFERENT = re.compile(
    r"^(?P<indent>[ \t>]*)(?P<opening>(?:(?:[-*+]|\d+[.)])[ \t]+)*(?P<fence>`{3,}|~{3,}))(?P<info>[^\n`]*)$"
    r"(?P<block>.*?(?:^[ \t>]*(?P=fence)[`~]*[ \t]*$|\Z))"
    r"|(?<![\\`])(?P<ticks>`+)(?!`)(?P<code>[^\n]+?)(?<!`)(?P=ticks)(?!`)"
    r"|(?<![\\$])\$[^$\n`]+\$(?![\d$])",
    re.S | re.M,
)
# Signs go past pandoc as letters of a plane that no text uses, and come back in its tree: so nothing is changed for
# good, even where it was code that only looked like a formula.
_HIDE = {ord(sign): 0x10FF00 + ord(sign) for sign in " $`{}="}
_SHOW = {hidden: chr(sign) for sign, hidden in _HIDE.items()}


def read_markdown(sources: list[str]) -> dict:
    """pandoc's tree of all sources, one after another.

    Each is a file of its own: then footnotes cannot collide, nor an open fence swallow the next cell.
    """
    with tempfile.TemporaryDirectory() as folder:
        names = [f"cell-{index}.md" for index in range(len(sources))]
        for name, text in zip(names, sources, strict=True):
            (Path(folder) / name).write_text(text, encoding="utf-8")
        tree, _ = _run(["-f", READER, "-t", "json", "--file-scope", *names], folder=folder)
        return json.loads(tree.translate(_SHOW))


def as_jupyter_reads(markdown: str) -> str:
    """Markdown that read_markdown reads as Jupyter does: code letter by letter, and $ x $ as a formula."""
    return _DIFFERENT.sub(_as_pandoc_needs, markdown)


def _as_pandoc_needs(found: re.Match) -> str:
    if found["fence"]:
        before = found.string[: found.start()].splitlines()[-1:]
        inside = found["opening"][0] == "~" and before and before[0].strip(" \t>")
        gap = found["indent"].rstrip() + "\n" if inside else ""  # pandoc wants an empty line before a fence of ~
        info = found["info"].strip().translate(_HIDE)  # and one word after it, or its own {.attributes}
        return f"{gap}{found['indent']}{found['opening']}{info}{found['block']}"
    if found["ticks"]:
        code = re.sub(r"^ (.*\S.*) $", r"\1", found["code"])  # of more blanks pandoc would leave none
        return found["ticks"] + code.translate(_HIDE) + found["ticks"]
    return re.sub(r"(?<=\$) | (?=\$)", " ".translate(_HIDE), found[0])


def write_typst(tree: dict) -> tuple[str, str]:
    """The tree as Typst, and pandoc's warnings."""
    return _run(["-f", "json", "-t", "typst", "--wrap=preserve"], json.dumps(tree))


def html_to_markdown(html: str) -> str:
    """HTML that an output shows, such as bold words, as Markdown."""
    return _run(["-f", "html-native_divs-native_spans", "-t", "commonmark"], html)[0]


def _run(arguments: list[str], text: str = "", folder: str | None = None) -> tuple[str, str]:
    """Standard output and error."""
    wheel = Path(pypandoc.__file__).parent / "files" / f"pandoc{'.exe' if os.name == 'nt' else ''}"
    command = [str(wheel), *arguments]  # never another one that the machine happens to have
    done = subprocess.run(command, cwd=folder, input=text, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise PdfError(f"pandoc cannot read the report: {done.stderr.strip()}")
    return done.stdout, done.stderr
