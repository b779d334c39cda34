"""Formulas and signs: set as JupyterLab shows them, or shown as their source with a warning; none stops a report."""

import json
import re
import unicodedata
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pypdfium2 import PdfDocument

from mnist_helpers.__main__ import main
from mnist_helpers.report import exporter
from mnist_helpers.report.pdf import typeset
from mnist_helpers.report.pdf.mathjax import to_mathml
from mnist_helpers.report.pdf.mathml import to_typst
from mnist_helpers.report.pdf.pieces import PdfError

# LaTeX, and what a reader finds in the PDF, without blanks and with plain letters: a matrix column by column.
FORMULAS = [
    (r"P(A \cap B)", "P(A∩B)"),
    (r"\bigcap_{i=1}^n A_i", "⋂ni=1Ai"),
    (r"a \otimes b \odot c \oplus d", "a⊗b⊙c⊕d"),
    (r"\begin{vmatrix} a & b \\ c & d \end{vmatrix}", "|acbd|"),
    (r"\mathop{\text{softmax}}(z)", "softmax(z)"),
    (r"\begin{align} a &= b \notag \\ c &= d \end{align}", "a=bc=d"),
    (r"{\rm x}{\bf y}{\it z}", "xyz"),
    (r"\textcolor{red}{x} + {\color{blue}y}", "x+y"),
    (r"\mathbbm{1}_{x>0}, \mathds{1}, \bm{w}", "1x>0,1,w"),
    (r"\cfrac{1}{1 + \cfrac{2}{3}}", "11+23"),
    (r"90\degree", "90°"),
    (r"\left\{ \begin{array}{l|r} 1 & x>0 \\ \hline 0 & y \end{array} \right.", "{10x>0y"),
    (r"a \& b \% c \# d \$ e \_ f", "a&b%c#d$e_f"),
    (r"\operatorname*{argmin}_x f(x)", "argminxf(x)"),
    (r"E = mc^2 \tag{7}", "E=mc2(7)"),
    (r"\begin{align} p &= q \tag{8} \\ r &= s \tag{*} \end{align}", "p=q(8)r=s(*)"),
    (r"\begin{cases} 1 & \text{if $x>0$} \\ 0 & \text{else} \end{cases}", "{10ifx>0else"),
    (r"\left( \frac{a}{b} \middle| c \right]", "(ab|c]"),
    (r"f'(x) + g''^2", "f′(x)+g′′2"),
    (r"\hat{y} \bar{x} \vec{v} \tilde{z} \dot{u}", "ŷxv̄z⃗̃u̇"),
    (r"\underbrace{a+b}_{n} \overbrace{c}^{m}", "⏟a+bnc⏞m"),
    (r"A \xrightarrow[under]{over} B", "A→overunderB"),
    (r"\boxed{x+1} \cancel{y} \enclose{box}{z}", "x+1yz"),
    (r"\begin{multline} a + b \\ + c \\ + d \end{multline}", "a+b+c+d"),
    (r"\begin{CD} A @>a>> B \\ @VVV @VVV \\ C @= D \end{CD}", "A↓C→a=B↓D"),
    (r"\binom{n}{k} \sqrt[3]{x} \tfrac12", "(nk)√3x12"),
    (r"\begin{eqnarray} f &=& g \\ h &=& i \end{eqnarray}", "f=gh=i"),
    (r"\sum_{\substack{i<n \\ j>m}} x", "∑i<nj>mx"),
    (r"\ce{2H2 + O2 -> 2H2O}", "2H2+O2⟶2H2O"),
    (r"x \not\in S \not= T", "x∉S≠T"),
    (r"\begin{array}{|c|c|} \hline 1 & 2 \\ \hline \end{array}", "12"),
    (r"\mathscr{L} \mathcal{N} \mathfrak{g} \mathbb{R} \mathsf{s} \mathtt{t}", "LNgRst"),
    (r"p(y \mid x) = \lVert w \rVert_2 |z|", "p(y∣x)=‖w‖2|z|"),
    (r"10^{-3} \times 1{,}000", "10−3×1,000"),
    (r"\phantom{abc} x \smash{y} \mathrlap{z}", "xyz"),
    (r"x \overset{!}{=} y \underset{n\to\infty}{\longrightarrow} z", "x=!yn⟶→∞z"),
    (r"\left. \frac{df}{dx} \right|_{x=0}", "dfdx|x=0"),
    (r"\text{한국어 정확도} = 99\%", "한국어정확도=99%"),
    (r"\begin{smallmatrix} a & b \\ c & d \end{smallmatrix}", "acbd"),
    (r"\require{cancel} \bcancel{x} \unicode{x263A}", "x☺"),
    (r"\sideset{_1^2}{_3^4}\prod", "∏2143"),
    (r"\rule{1cm}{2pt} \raise{3pt}{u} \lower{3pt}{d} \bigl( \Bigr)", "ud()"),
    (r"\begin{equation} \begin{split} a &= b \\ &= c \end{split} \tag{9} \end{equation}", "a=b=c(9)"),
]
# What JupyterLab shows as an error, or what paper has no equal for.
SOURCES = [
    r"\undefinedthing{x}",
    r"\frac{a}",
    r"\left( x",
    r"x_1_2",
    r"\begin{numcases}{x=} a & b \\ c & d \end{numcases}",
    r"\enclose{longdiv}{12}",
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
    """The text of the PDF, with plain letters and single blanks, and the warnings."""
    path = write(folder, *cells, **options)
    notebook = exporter.read_notebook(path), {"metadata": {"name": path.stem, "path": str(folder)}}
    pdf, found = exporter.ReportExporter(code="hide").from_notebooks([notebook])
    text = " ".join(page.get_textpage().get_text_range() for page in PdfDocument(pdf))
    return " ".join(unicodedata.normalize("NFKC", text).split()), found


def ran(source: str, *outputs) -> dict:
    return new_code_cell(source, execution_count=1, outputs=list(outputs))


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def sheet(tmp_path_factory) -> tuple[list[str], list[str]]:
    """What stands between the words "case" and "end" around each formula, and the warnings."""
    cells = [f"case\n\n$${tex}$$\n\nend" for tex in (*(tex for tex, _ in FORMULAS), *SOURCES)]
    text, found = export(tmp_path_factory.mktemp("sheet"), *cells)
    return re.findall("case (.*?) end", text), found


def test_all_are_there(sheet):
    assert len(sheet[0]) == len(FORMULAS) + len(SOURCES)


@pytest.mark.parametrize("index", range(len(FORMULAS)), ids=[tex for tex, _ in FORMULAS])
def test_a_formula_is_set(sheet, index):
    tex, wanted = FORMULAS[index]
    shown = re.sub("[ \ufe00\ufe01]", "", sheet[0][index])  # the forms of script letters
    assert wanted in shown and "\\" not in shown
    assert not any(tex in warning for warning in sheet[1])


@pytest.mark.parametrize("index", range(len(SOURCES)), ids=SOURCES)
def test_a_formula_is_shown_as_its_source_with_a_warning(sheet, index):
    shown, cell = sheet[0][len(FORMULAS) + index], len(FORMULAS) + index + 2
    assert SOURCES[index].replace(" ", "") in shown.replace(" ", "")
    (warning,) = [warning for warning in sheet[1] if f"chapter 01_test, cell {cell} " in warning]
    assert SOURCES[index] in warning and "shown as its source" in warning and "Write it" in warning


def test_what_a_cell_defines_holds_for_later_ones_of_its_notebook(tmp_path):
    text, found = export(
        tmp_path,
        r"$$\newcommand{\R}{\mathbb{R}} \def\half#1{\frac{#1}{2}}$$",
        r"one $\R^n$ two",
        r"$\DeclareMathOperator*{\argmax}{arg\,max}$ three $\argmax_x$ four $\half{y}$",
        r"$\renewcommand{\R}{Q}$ five $\R$ six",
    )
    assert found == [] and "\\" not in text
    assert re.search("one R ?n two", text) and "five Q six" in text and re.search("arg ?max", text)


def test_notebooks_have_their_own_definitions(tmp_path):
    paths = write(tmp_path, r"$\newcommand{\R}{r}$"), write(tmp_path, r"see $\R$", name="02_test")
    exporter.build_pdf(list(paths), tmp_path / "two.pdf")
    assert r"\R" in "".join(page.get_textpage().get_text_range() for page in PdfDocument(tmp_path / "two.pdf"))


def test_references_to_numbers(tmp_path):
    cells = r"before \eqref{later} and $\ref{e}$", r"$$E \tag{1} \label{e}$$", r"$$F \tag{2} \label{later}$$"
    text, found = export(tmp_path, *cells, r"after \eqref{e}, `\eqref{e}`")
    assert found == [] and "before (2) and 1" in text and r"after (1), \eqref{e}" in text


def test_formulas_in_tables_headings_lists_and_lines(tmp_path):
    table = "| a | b |\n|---|---|\n| $|x|$ | $\\|y\\|$ |"
    text, found = export(tmp_path, "## 1.1 On $\\alpha$", table, "- one $$x^2$$\n- $a_b$", "**bold $z$** and *$w$*")
    assert found == [] and "On α" in text and "|x|" in text.replace(" ", "") and "---" not in text


def test_formulas_in_the_html_of_an_output(tmp_path):
    html = r"<p>now $\alpha < 1$, \(\beta\), $$\gamma$$ for $5 and $6</p><code>$\delta$</code>"
    text, found = export(tmp_path, ran("h", new_output("display_data", {"text/html": html})))
    assert found == [] and "now α < 1, β," in text and "γ" in text and "for $5 and $6" in text and r"$\delta$" in text


def test_a_formula_is_no_wider_than_the_page(tmp_path):
    long = "+".join(f"x_{{{i}}}" for i in range(80))
    matrix = r"\begin{pmatrix}" + "&".join(f"x_{{{i}}}" for i in range(60)) + r"\end{pmatrix}"
    exporter.build_pdf([write(tmp_path, f"$${long}$$", f"$${matrix}$$")], tmp_path / "out.pdf")
    for page in PdfDocument(tmp_path / "out.pdf"):
        text = page.get_textpage()
        boxes = [text.get_charbox(i) for i in range(text.count_chars())]
        assert max(right for _, _, right, _ in boxes) < page.get_width() - 50


def test_every_element_that_mathjax_gives_is_known():
    """Words of MathJax's documentation that give elements and attributes which the formulas above lack."""
    words = (
        r"\prescript{14}{6}{C}", r"\genfrac{[}{]}{0pt}{1}{a}{b}", r"\xleftrightarrow{ab}",
        r"\overparen{ab}\underparen{c}",
        r"\overbracket{x}\underbracket{y}", r"\texttip{a}{b}", r"\verb|x_1|", r"\Set{x | x > 0}\braket{a|b}",
        r"\href{https://x.org}{x}", r"\style{color:red}{y}", r"\class{a}{b}", r"\mathchoice{a}{b}{c}{d}",
        r"\begin{alignat}{2} a &= b & c &= d \end{alignat}", r"\begin{gather} a \\ b \end{gather}",
        r"\begin{dcases} a & b \end{dcases}", r"\begin{rcases} a \\ b \end{rcases}", r"\begin{bmatrix} a \end{bmatrix}",
        r"\colorbox{yellow}{$x$}", r"\fcolorbox{red}{white}{z}", r"\underline{\overline{x}}",
        r"\iiint\oint\coprod\bigoplus", r"\varliminf\varinjlim", r"\dddot{x}\mathring{x}", r"\llap{a}\rlap{b}",
    )  # fmt: skip
    for word, mathml in zip(words, to_mathml([("n", word, True) for word in words]), strict=True):
        assert "$" in to_typst(mathml, True), word


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
        "report.toml", "chapter 01_test, cell 2", "chapter 01_test, cell 4",
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

BROKEN = "![a](data:image/svg+xml,%3Csvg)"


def test_a_piece_that_typst_cannot_set_is_shown_as_its_source(tmp_path):
    cells = "before", f"## 1.1 Kept\n\nwords {BROKEN} more", "[to](#1.1-Kept) after", BROKEN
    text, found = export(tmp_path, *cells)
    assert "before" in text and "1.1 Kept" in text and "to after" in text and "](data:image" in text
    assert len(found) == 2 and "chapter 01_test, cell 3 cannot be typeset" in found[0] and "cell 5" in found[1]


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
    assert "2 warnings)" in shown.out and shown.err.count("warning: chapter 01_test, cell") == 2
