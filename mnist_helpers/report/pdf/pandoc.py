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

from mnist_helpers.report.pdf.pieces import PandocError

PLUGINS = (*MarkdownWithMath.DEFAULT_PLUGINS, "footnotes")
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
        return EQUATION.sub(lambda found: self.inline_math(unescape(found[0])), text)

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
    return MarkdownWithMath(renderer, block=block, inline=inline, plugins=plugins).render(markdown)


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
