"""Formulas and signs: set as JupyterLab shows them, or shown as their source with a warning; none stops a report."""

import json
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pypdf import PdfReader
from pypdfium2 import PdfDocument

from mnist_helpers.__main__ import main
from mnist_helpers.report import exporter
from mnist_helpers.report.pdf import typeset
from mnist_helpers.report.pdf.mathjax import to_pictures
from mnist_helpers.report.pdf.pieces import PdfError

# All of these are set; the last ones are words of MathJax's documentation of other kinds.
FORMULAS = [
    r"\enclose{longdiv}{12}",
    r"\begin{numcases}{x=} a & b \\ c & d \end{numcases}",
    r"P(A \cap B)",
    r"\bigcap_{i=1}^n A_i",
    r"a \otimes b \odot c \oplus d",
    r"\begin{vmatrix} a & b \\ c & d \end{vmatrix}",
    r"\mathop{\text{softmax}}(z)",
    r"\begin{align} a &= b \notag \\ c &= d \end{align}",
    r"{\rm x}{\bf y}{\it z}",
    r"\textcolor{red}{x} + {\color{blue}y}",
    r"\mathbbm{1}_{x>0}, \mathds{1}, \bm{w}",
    r"\cfrac{1}{1 + \cfrac{2}{3}}",
    r"90\degree",
    r"\left\{ \begin{array}{l|r} 1 & x>0 \\ \hline 0 & y \end{array} \right.",
    r"a \& b \% c \# d \$ e \_ f",
    r"\operatorname*{argmin}_x f(x)",
    r"E = mc^2 \tag{7}",
    r"\begin{align} p &= q \tag{8} \\ r &= s \tag{*} \end{align}",
    r"\begin{cases} 1 & \text{if $x>0$} \\ 0 & \text{else} \end{cases}",
    r"\left( \frac{a}{b} \middle| c \right]",
    r"f'(x) + g''^2",
    r"\hat{y} \bar{x} \vec{v} \tilde{z} \dot{u}",
    r"\underbrace{a+b}_{n} \overbrace{c}^{m}",
    r"A \xrightarrow[under]{over} B",
    r"\boxed{x+1} \cancel{y} \enclose{box}{z}",
    r"\begin{multline} a + b \\ + c \\ + d \end{multline}",
    r"\begin{CD} A @>a>> B \\ @VVV @VVV \\ C @= D \end{CD}",
    r"\binom{n}{k} \sqrt[3]{x} \tfrac12",
    r"\begin{eqnarray} f &=& g \\ h &=& i \end{eqnarray}",
    r"\sum_{\substack{i<n \\ j>m}} x",
    r"\ce{2H2 + O2 -> 2H2O}",
    r"x \not\in S \not= T",
    r"\begin{array}{|c|c|} \hline 1 & 2 \\ \hline \end{array}",
    r"\mathscr{L} \mathcal{N} \mathfrak{g} \mathbb{R} \mathsf{s} \mathtt{t}",
    r"p(y \mid x) = \lVert w \rVert_2 |z|",
    r"10^{-3} \times 1{,}000",
    r"\phantom{abc} x \smash{y} \mathrlap{z}",
    r"x \overset{!}{=} y \underset{n\to\infty}{\longrightarrow} z",
    r"\left. \frac{df}{dx} \right|_{x=0}",
    r"\text{한국어 정확도} = 99\%",
    r"\begin{smallmatrix} a & b \\ c & d \end{smallmatrix}",
    r"\require{cancel} \bcancel{x} \unicode{x263A}",
    r"\sideset{_1^2}{_3^4}\prod",
    r"\rule{1cm}{2pt} \raise{3pt}{u} \lower{3pt}{d} \bigl( \Bigr)",
    r"\begin{equation} \begin{split} a &= b \\ &= c \end{split} \tag{9} \end{equation}",
    r"\prescript{14}{6}{C}",
    r"\genfrac{[}{]}{0pt}{1}{a}{b}",
    r"\xleftrightarrow{ab}",
    r"\overparen{ab}\underparen{c}",
    r"\overbracket{x}\underbracket{y}",
    r"\texttip{a}{b}",
    r"\verb|x_1|",
    r"\Set{x | x > 0}\braket{a|b}",
    r"\href{https://x.org}{x}",
    r"\style{color:red}{y}",
    r"\class{a}{b}",
    r"\mathchoice{a}{b}{c}{d}",
    r"\begin{alignat}{2} a &= b & c &= d \end{alignat}",
    r"\begin{gather} a \\ b \end{gather}",
    r"\begin{dcases} a & b \end{dcases}",
    r"\begin{rcases} a \\ b \end{rcases}",
    r"\begin{bmatrix} a \end{bmatrix}",
    r"\colorbox{yellow}{$x$}",
    r"\fcolorbox{red}{white}{z}",
    r"\underline{\overline{x}}",
    r"\iiint\oint\coprod\bigoplus",
    r"\varliminf\varinjlim",
    r"\dddot{x}\mathring{x}",
    r"\llap{a}\rlap{b}",
]
# What JupyterLab shows as an error, or what paper has no equal for.
SOURCES = [
    r"\undefinedthing{x}",
    r"\frac{a}",
    r"\left( x",
    r"x_1_2",
    r"\eqref{gone}",
    r"\abs{x}",
]


def write(folder: Path, *cells, name: str = "01_test", toml: str = "") -> Path:
    """A notebook that lies alone in a folder."""
    cells = [new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in ("# 1 A", *cells)]
    path = folder / f"{name}.ipynb"
    path.write_text(json.dumps(new_notebook(cells=cells)), encoding="utf-8")  # halves of signs as well
    if toml:
        (folder / "report.toml").write_text(toml, encoding="utf-8")
    return path


def export(folder: Path, *cells, **options) -> tuple[str, list[str]]:
    """The text of out.pdf, with plain letters and single blanks, and the warnings."""
    path = write(folder, *cells, **options)
    notebook = exporter.read_notebook(path), {"metadata": {"name": path.stem, "path": str(folder)}}
    pdf, found = exporter.ReportExporter(code="hide").from_notebooks([notebook])
    (folder / "out.pdf").write_bytes(pdf)
    text = " ".join(page.get_textpage().get_text_range() for page in PdfDocument(pdf))
    return " ".join(unicodedata.normalize("NFKC", text).split()), found


def formulas_of(folder: Path) -> list[str]:
    """The alternative texts of the formulas in out.pdf."""
    found = []

    def walk(node) -> None:
        node = node.get_object()
        for child in (
            node if isinstance(node, list) else [node["/K"]] if isinstance(node, dict) and "/K" in node else []
        ):
            walk(child)
        if isinstance(node, dict) and node.get("/S") == "/Formula":
            found.append(node["/Alt"])

    walk(PdfReader(folder / "out.pdf").trailer["/Root"]["/StructTreeRoot"])
    return found


def strips(folder: Path) -> list[np.ndarray]:
    """bool [rows, columns]: the ink of out.pdf between each line "case" and the next line "end"."""
    pages, places = [], []
    for page in PdfDocument(folder / "out.pdf"):
        words, height = page.get_textpage(), page.get_height()
        body = np.asarray(page.render(scale=2).to_pil().convert("L"))[120:-120] < 160  # without head and number
        for word in ("case", "end"):
            search = words.search(word, match_whole_word=True)
            while hit := search.get_next():
                _, bottom, _, top = words.get_charbox(hit[0])
                edge = height - bottom + 2 if word == "case" else height - top - 4
                places.append(sum(map(len, pages)) + round(2 * edge) - 120)
        pages.append(body)
    ink, places = np.vstack(pages), sorted(places)
    return [ink[top:bottom] for top, bottom in zip(places[::2], places[1::2], strict=True)]


def outlines(*formulas: str) -> list[list[str]]:
    """The shapes of the letters of each formula, of one notebook."""
    pictures = to_pictures([("n", tex, True) for tex in formulas])
    return [re.findall(' d="(.*?)"', picture.get("svg", "")) for picture in pictures]


def ran(source: str, *outputs) -> dict:
    return new_code_cell(source, execution_count=1, outputs=list(outputs))


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def sheet(tmp_path_factory) -> tuple[list[str], list[str], Path]:
    """What stands between the words "case" and "end" around each formula, the warnings, and where it is."""
    folder = tmp_path_factory.mktemp("sheet")
    text, found = export(folder, *(f"#### .\n\ncase\n\n$${tex}$$\n\nend" for tex in (*FORMULAS, *SOURCES)))
    return re.findall("case (.*?) ?end", text), found, folder


def test_each_formula_is_set_in_ink_with_its_latex_as_alternative_text(sheet):
    texts, found, folder = sheet
    ink, named = strips(folder), formulas_of(folder)
    assert len(texts) == len(ink) == len(FORMULAS) + len(SOURCES)
    for tex, text, strip in zip(FORMULAS, texts, ink, strict=False):
        assert tex in named and strip.sum() > 20, tex
        assert "\\" not in text and not any(tex in warning for warning in found), tex


def test_numbers_stand_at_the_right_and_tables_have_their_lines(sheet):
    ink = dict(zip(FORMULAS, strips(sheet[2]), strict=False))
    for tex, strip in ink.items():
        right = strip[:, int(0.8 * strip.shape[1]) :].any()
        assert right == (r"\tag" in tex or "multline" in tex), tex
    framed = ink[r"\begin{array}{|c|c|} \hline 1 & 2 \\ \hline \end{array}"]
    columns = framed.any(0).sum()
    assert (framed.sum(1) > 0.9 * (np.flatnonzero(framed.any(0))[-1] - np.flatnonzero(framed.any(0))[0])).any()
    assert (framed.sum(0) > 0.8 * framed.any(1).sum()).sum() >= 3 and columns


@pytest.mark.parametrize("index", range(len(SOURCES)), ids=SOURCES)
def test_a_formula_is_shown_as_its_source_with_a_warning(sheet, index):
    shown, cell = sheet[0][len(FORMULAS) + index], len(FORMULAS) + index + 2
    assert SOURCES[index].replace(" ", "") in shown.replace(" ", "")
    (warning,) = [warning for warning in sheet[1] if f"notebook 01_test, cell {cell} " in warning]
    assert SOURCES[index] in warning and "shown as its source" in warning and "Write it" in warning


def test_what_a_cell_defines_holds_for_later_ones_of_its_notebook(tmp_path):
    cells = (r"$$\newcommand{\R}{\mathbb{R}} \def\half#1{\frac{#1}{2}}$$", r"one $\R^n$ two", r"$\half{y}$")
    text, found = export(tmp_path, *cells, r"$\renewcommand{\R}{Q}$ five $\R$ six")
    assert found == [] and "\\" not in text and formulas_of(tmp_path) == [r"\R^n", r"\half{y}", r"\R"]
    _, own, _, other = outlines(r"\def\half#1{\frac{#1}{2}}", r"\half{y}", r"\let\x\half", r"\frac{y}{2}")
    assert own == other != []


def test_notebooks_have_their_own_definitions(tmp_path):
    paths = write(tmp_path, r"$\newcommand{\R}{r}$"), write(tmp_path, r"see $\R$", name="02_test")
    exporter.build_pdf(list(paths), tmp_path / "two.pdf")
    assert r"\R" in "".join(page.get_textpage().get_text_range() for page in PdfDocument(tmp_path / "two.pdf"))


def test_references_to_numbers(tmp_path):
    cells = r"before \eqref{later} and $\ref{e}$", r"$$E \tag{1} \label{e}$$", r"$$F \tag{2} \label{later}$$"
    text, found = export(tmp_path, *cells, r"after \eqref{e}, `\eqref{e}`")
    assert found == [] and text.count("\\") == 1 and len(formulas_of(tmp_path)) == 5
    before, _, number = outlines(r"\eqref{x}", r"\tag{7} \label{x}", r"\text{(7)}")
    assert before == number != []


def test_formulas_in_tables_headings_lists_and_lines(tmp_path):
    table = "| a | b |\n|---|---|\n| $|x|$ | $\\|y\\|$ |"
    text, found = export(tmp_path, "## 1.1 On $\\alpha$", table, "- one $$x^2$$\n- $a_b$", "**bold $z$** and *$w$*")
    assert found == [] and "---" not in text and "\\" not in text and "|" not in text
    assert {r"\alpha", "x^2", "a_b", "z", "w"} < {*formulas_of(tmp_path)} and len(formulas_of(tmp_path)) == 7


def test_formulas_in_the_html_of_an_output(tmp_path):
    html = r"<p>now $\alpha < 1$, \(\beta\), $$\gamma$$ for $5 and $6</p><code>$\delta$</code>"
    text, found = export(tmp_path, ran("h", new_output("display_data", {"text/html": html})))
    assert found == [] and formulas_of(tmp_path) == [r"\alpha < 1", r"\beta", r"\gamma"]
    assert "for $5 and $6" in text and r"$\delta$" in text


def test_mathml_is_a_formula_too_and_an_empty_formula_is_nothing(tmp_path):
    text, found = export(
        tmp_path, "<math><mi>x</mi><mo>=</mo><mn>1</mn></math>", "a $$ $$ b $f$(x) [$g$](#b)(c)\n\n## b"
    )
    assert formulas_of(tmp_path) == ["x = 1", "f", "g"] and "b (x) (c)" in text and found == []


def test_a_formula_is_no_wider_than_the_page_and_one_that_is_very_small_is_told(tmp_path):
    long = "+".join(f"x_{{{i}}}" for i in range(80))
    matrix = r"\begin{pmatrix}" + "&".join(f"x_{{{i}}}" for i in range(30)) + r"\end{pmatrix}"
    _, found = export(tmp_path, f"case\n\n$${long}$$\n\nend", f"case\n\n$${matrix}$$\n\nend")
    for strip in strips(tmp_path):
        columns = np.flatnonzero(strip.any(0))
        assert columns[0] > 100 and columns[-1] < strip.shape[1] - 100
    assert len(found) == 1 and "cell 2 has a formula that is set at 22% of its size, to fit the page" in found[0]


WIDE = "+".join(f"x_{{{i}}}" for i in range(40))  # twice as wide as the page
LARGE = [
    f"in the line ${WIDE}$ here",
    f"- ${WIDE}$",
    f"| a | b |\n|---|---|\n| ${WIDE}$ | ${WIDE}$ |",
    rf"$$\begin{{aligned}} a &= {WIDE} \\ b &= c \end{{aligned}} \tag{{7}}$$",
    r"$$\begin{matrix}" + r"1 \\ ".join("x" * 90) + r"\end{matrix}$$",
]


@pytest.mark.parametrize("source", LARGE)
def test_a_formula_larger_than_its_room_is_set_smaller(tmp_path, source):
    _, found = export(tmp_path, source)
    for page in PdfDocument(tmp_path / "out.pdf"):
        ink = np.asarray(page.render(scale=2).to_pil().convert("L")) < 160
        places = np.argwhere(ink[:-120])
        assert places.min() > 60 and places[:, 1].max() < ink.shape[1] - 120 and not ink[-120:-90].any()
    assert len(found) == 1 and "of its size, to fit the page" in found[0]


def test_no_line_is_stretched_before_a_wide_formula(tmp_path):
    wide = "+".join(f"x_{{{i}}}" for i in range(18))
    _, found = export(tmp_path, f"one two ${wide}$ three four")
    words = PdfDocument(tmp_path / "out.pdf")[0].get_textpage()
    places = [words.get_charbox(words.search(word).get_next()[0])[0] for word in ("one", "two")]
    assert 0 < places[1] - places[0] < 40 and found == []


# --- signs ----------------------------------------------------------------------------------------------------

SIGNS = [
    "🎉",
    "😀 👍🏽 ❤️ 👨‍👩‍👧 🇰🇷",
    "العربية",
    "עברית",
    "ไทย",
    "हिन्दी",
    "日本語 中文",
    "✓ ✗ → ⇒ ★",
    "█▓─│┌┘⠿",
    "𝔸𝒳𝐱",
    "ɑβγ ∑∈ℝ",
]


def test_signs_are_in_text_and_code_and_outputs_and_tables(tmp_path):
    table = new_output("display_data", {"text/html": "<table><tr><td>🎉 ✓</td></tr></table>"})
    printed = new_output("stream", name="stdout", text=" ".join(SIGNS) + " printed")
    code = f"`{SIGNS[0]} code`\n\n```\n" + "\n".join(SIGNS) + "\n```"
    toml = 'title = "Party 🎉"\nname = "עברית"\n'
    text, found = export(tmp_path, "## Heading 🎉", *SIGNS, code, ran("p", printed), ran("t", table), toml=toml)
    assert found == []
    for sign in ("🎉", "😀", "ไทย", "日", "✓", "█", "printed"):
        assert sign in text, sign
    assert text.count("🎉") >= 7


def test_a_sign_without_a_font_is_named_with_a_warning_for_its_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(typeset, "font_folders", list)  # as if nothing but letters could be shown
    toml = 'title = "T 简"\n'
    text, found = export(tmp_path, "a 🎉 b 简", "plain", ran("p", new_output("stream", text="🎉 c")), toml=toml)
    assert "a ⟨U+1F389 party popper⟩ b ⟨U+7B80⟩" in text and "T ⟨U+7B80⟩" in text and "popper⟩ c" in text
    assert [warning.partition(" has signs")[0] for warning in found] == [
        "report.toml", "notebook 01_test, cell 2", "notebook 01_test, cell 4",
    ]  # fmt: skip
    assert all("in no font" in warning and "manimgx-fonts-cjk" in warning for warning in found)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [("key 1️⃣ end", "key [1] end"), ("half \ud83d end", "half ⟨U+D83D⟩ end"), ("&#x7b80; end", "7b80")],
)
def test_odd_signs(tmp_path, cell, shown):
    text, found = export(tmp_path, cell)
    assert shown in text and len(found) == 1


# --- what cannot be set ---------------------------------------------------------------------------------------

BROKEN = "> " * 300 + "deep"


def test_a_piece_that_typst_cannot_set_is_shown_as_its_source(tmp_path):
    cells = "before", f"## 1.1 Kept\n\nwords\n\n{BROKEN}", "[to](#1.1-Kept) after", BROKEN
    text, found = export(tmp_path, *cells)
    assert "before" in text and "1.1 Kept" in text and "to after" in text and text.count("> > deep") == 2
    assert len(found) == 2 and "notebook 01_test, cell 3 cannot be typeset" in found[0] and "cell 5" in found[1]


def test_a_piece_that_pandoc_cannot_read_is_shown_as_its_source(tmp_path, monkeypatch):
    from mnist_helpers.report.pdf import document, pieces

    read = document.read_html

    def fail(html: str) -> dict:
        if "poison" in html and "<pre>" not in html and "<p>poison" in html:
            raise pieces.PandocError("pandoc: no")
        return read(html)

    monkeypatch.setattr(document, "read_html", fail)
    text, found = export(tmp_path, "before", "poison *x*", "after")
    assert "poison *x*" in text and "before" in text and "after" in text
    assert len(found) == 1 and "cell 3 cannot be typeset (pandoc: no)" in found[0]


def test_what_is_in_no_piece_stays_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(
        typeset, "_write", lambda pieces, report, build, _: (build / "main.typ").write_text("#nonsense")
    )
    with pytest.raises(PdfError, match="cannot be typeset: unknown variable"):
        export(tmp_path, "words")


def test_strict_and_the_count_of_warnings(tmp_path, capsys):
    (tmp_path / "notebooks").mkdir()
    write(tmp_path / "notebooks", r"$\undefinedthing$", r"$\frac{a}$")
    assert main(["pdf", "--strict"]) == 2 and not (tmp_path / "report_full.pdf").exists()
    assert main(["pdf"]) == 0
    shown = capsys.readouterr()
    assert "2 warnings)" in shown.out and shown.err.count("warning: notebook 01_test, cell") == 2
