"""Jupyter's Markdown as HTML, by nbconvert, and that as Typst, by the pandoc of the wheel."""

import json
import os
import re
import subprocess
from functools import partialmethod
from html import escape, unescape
from pathlib import Path

import pypandoc
from mistune import BlockParser, import_plugin
from mistune.plugins.table import table_in_list, table_in_quote
from nbconvert.filters.markdown_mistune import HTMLRenderer, MarkdownWithMath, MathBlockParser, MathInlineParser

from mnist_helpers.report.pdf.formulas import with_formulas
from mnist_helpers.report.pdf.pieces import PandocError

PLUGINS = (*MarkdownWithMath.DEFAULT_PLUGINS, "footnotes")
DOLLAR, BAR = "\ue024", "\ue07c"  # stand for $ in words, which begins no formula, and for \| in a table's code
DELIMITERS = re.compile(r"[ \t>]*\|?(?: *:?-+:? *\|)+(?: *:?-+:?)? *|[ \t>]*\|? *:?-+:? *(?:\| *:?-+:? *)+\|? *")
NO_ROW = re.compile(r"[ \t]*(?:$|>|#{1,6} |[-*+] |\d+[.)] |```|~~~|<|(?:[-*_] *){3,}$)")
MONEY_IS_NO_MATH = r"(?<![\\$])\$(?P<math_inline_tex>[^$`]+)\$(?![\d$])"  # it costs $5 and $6


EQUATION = re.compile(r"\\(?:eq)?ref\{[^{}<>]+\}")  # JupyterLab links to a formula from the text as well


class _Renderer(HTMLRenderer):
    """HTML in which formulas are letter by letter, and footnotes are those that pandoc knows."""

    key: object  # of the cell, whose footnotes must not collide with those of others

    def _formula(self, element: str, tex: str) -> str:
        return f'<span data-element="{element}" data-whole="{escape(tex)}">{escape(tex)}</span>'

    inline_math = partialmethod(_formula, "InlineMath")
    block_math = partialmethod(_formula, "DisplayMath")

    def text(self, text: str) -> str:
        text = super().text(text).replace("et al. ", "et al.\u00a0")
        return EQUATION.sub(lambda found: self.inline_math(unescape(found[0])), text.replace("$", DOLLAR))

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")

    def footnote_ref(self, key: str, index: int) -> str:
        return f'<a epub:type="noteref" href="#note-{self.key}-{index}">{index}</a>'

    def footnote_item(self, text: str, key: str, index: int) -> str:
        return f'<aside epub:type="footnote" id="note-{self.key}-{index}">{text}</aside>'

    def footnotes(self, text: str) -> str:
        return text


def to_html(markdown: str, key: object = "") -> str:
    """Markdown as Jupyter reads it, and with footnotes; key: another one for each cell of a document."""
    renderer, inline = _Renderer(escape=False, allow_harmful_protocols=True), MathInlineParser(hard_wrap=False)
    renderer.key, inline.specification["inline_math_tex"] = key, MONEY_IS_NO_MATH
    block = MathBlockParser()  # nbconvert takes #word for a heading, JupyterLab does not
    block.specification |= {rule: sign for rule, sign in BlockParser.SPECIFICATION.items() if "heading" in rule}
    plugins = (*map(import_plugin, PLUGINS), table_in_list, table_in_quote)
    html = MarkdownWithMath(renderer, block=block, inline=inline, plugins=plugins).render(even_tables(markdown))
    return with_formulas(html).replace(DOLLAR, "$").replace(BAR, "|")  # those inside of HTML


def even_tables(markdown: str) -> str:
    """The Markdown with as many cells in each row of a table as its head has, as GFM counts: mistune wants them all."""
    lines, fence, columns = markdown.split("\n"), "", 0
    for i, line in enumerate(lines):
        mark = re.match(r"[ \t>]*(```+|~~~+)", line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        place = re.match(r"[ \t>]*", line)[0]
        if fence or mark or (columns and NO_ROW.match(line[len(place) :])):
            columns = 0
        elif columns:
            lines[i] = _even_row(line, place, columns)
        elif i and DELIMITERS.fullmatch(line) and len(_cells(line)) == len(_cells(_head(lines[i - 1])[1])):
            columns = len(_cells(line))
            lines[i - 1], lines[i] = (
                _even_row(lines[i - 1], _head(lines[i - 1])[0], columns),
                _even_row(line, place, columns),
            )
    return "\n".join(lines)


def _head(line: str) -> tuple[str, str]:
    """What stands before a table's head, such as the sign of a list, and the head."""
    place = re.match(r"[ \t>]*(?:(?:[-*+]|\d+[.)])[ \t]+)*", line)[0]
    return place, line[len(place) :]


def _cells(row: str) -> list[str]:
    row = re.sub(r"^[ \t>]*\|?|(?<!\\)\|[ \t]*$", "", row)
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)]


def _even_row(line: str, place: str, columns: int) -> str:
    """A row with this many cells; one that has them stays as it is, but for | in code, where mistune keeps the \\."""
    line = re.sub(r"(`+)(?!`).+?\1", lambda code: code[0].replace(r"\|", BAR), line)
    row, cells = line[len(place) :], _cells(line[len(place) :])
    if len(cells) == columns and re.fullmatch(r"\|.*(?<!\\)\|\s*", row):
        return line
    return f"{place}| {' | '.join([*cells, *[''] * columns][:columns])} |"


def read_html(html: str) -> dict:
    """pandoc's tree; formulas are Spans in it, with the attributes "element" and "whole"."""
    return json.loads(_run("html+epub_html_exts-native_divs", "json", html))


def write_typst(tree: dict) -> str:
    """The tree as Typst, whose are the dashes and the curly quotes."""
    return _run("json", "typst-smart", json.dumps(tree))


def _run(source: str, target: str, text: str) -> str:
    wheel = Path(pypandoc.__file__).parent / "files" / f"pandoc{'.exe' if os.name == 'nt' else ''}"
    # never another one that the machine has
    command = [str(wheel), "-f", source, "-t", target, "--wrap=preserve", "--preserve-tabs"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise PandocError(f"pandoc: {done.stderr.strip()}")
    return done.stdout
