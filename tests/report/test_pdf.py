"""The report as a PDF: what is in it, what it refuses, and each pitfall on the way from a notebook to a page."""

import base64
import datetime
import io
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert.exporters import get_exporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pandocfilters import walk
from PIL import Image
from pypdf import PdfReader
from pypdfium2 import PdfDocument, PdfPage
from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

from mnist_helpers.__main__ import main
from mnist_helpers.report import exporter
from mnist_helpers.report.pdf.document import Document, to_typst
from mnist_helpers.report.pdf.markup import mend
from mnist_helpers.report.pdf.pandoc import read_html, to_html
from mnist_helpers.report.pdf.pieces import PdfError, Piece
from mnist_helpers.report.pdf.tables import WIDTH, read_table, wrap

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("0[1-9]*.ipynb"))
COMMITTED = ROOT / "report_full.pdf"
PIXEL = base64.b64encode(
    base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
).decode()


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """report_full.pdf as `make report` writes it from the notebooks in git."""
    target = tmp_path_factory.mktemp("pdf") / "report_full.pdf"
    exporter.build_pdf(NOTEBOOKS, target)
    return target


@pytest.fixture(scope="module")
def pages(report) -> list[str]:
    return texts(report)


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    toml = 'title = "손글씨 숫자 분류"\nname = "김철수"\ncourse = "인공신경망과 딥러닝"\ndate = "2026-11-25"\n'
    (tmp_path / "report.toml").write_text(toml, encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(project: Path, *cells, name: str = "01_test") -> Path:
    path = project / "notebooks" / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


def ran(source: str = "run()", *outputs) -> dict:
    return new_code_cell(source, execution_count=1, outputs=list(outputs))


def shown(metadata=None, **data) -> dict:
    kinds = {"html": "text/html", "text": "text/plain", "markdown": "text/markdown", "png": "image/png"}
    return new_output("display_data", {kinds[key]: value for key, value in data.items()}, metadata=metadata or {})


def texts(path: Path) -> list[str]:
    """Each page's text, as Chrome's viewer finds it."""
    raw = [page.get_textpage().get_text_range() for page in PdfDocument(path)]
    return [text.replace("\r\n", "\n").replace("\ufffe", "-") for text in raw]  # U+FFFE: a hyphen that ends a line


def letters(page: PdfPage) -> list[tuple[float, float, float, float]]:
    """(left, bottom, right, top) of every letter, as high as its font, in points from the page's lower left corner."""
    text = page.get_textpage()
    boxes = (text.get_charbox(index, loose=True) for index in range(text.count_chars()))
    return [box for box in boxes if box[0] < box[2]]  # a blank has no extent


def pictures(page: PdfPage) -> list[tuple[float, float, float, float]]:
    """(left, bottom, right, top) of every picture."""
    return [thing.get_bounds() for thing in page.get_objects([FPDF_PAGEOBJ_IMAGE])]


def text_of(project: Path, *cells, code: str = "hide") -> str:
    """The text of the PDF of one chapter with these cells, blanks and line breaks made one."""
    exporter.build_pdf([write(project, *cells)], project / "out.pdf", code)
    return " ".join(" ".join(texts(project / "out.pdf")).split())


# --- the report itself ----------------------------------------------------------------------------------------


def headings() -> list[str]:
    """The headings of all chapters, in order, as Markdown has them."""
    sources = [
        (cell.source if cell.cell_type == "markdown" else output_text(cell))
        for path in NOTEBOOKS
        for cell in nbformat.read(path, 4).cells
    ]
    return [line.lstrip("# ") for source in sources for line in re.findall(r"^#{1,3} .+$", source, re.M)]


def output_text(cell) -> str:
    return "\n".join(output.get("data", {}).get("text/markdown", "") for output in cell.get("outputs", []))


def flat(outline) -> list[str]:
    return [title for entry in outline for title in (flat(entry) if isinstance(entry, list) else [entry.title])]


def test_the_outline_is_the_headings(report):
    wanted = [*headings(), "References", "How this was made"]
    assert [" ".join(title.split()) for title in flat(PdfReader(report).outline)] == wanted


def test_every_font_is_embedded(report):
    fonts = {}
    for page in PdfReader(report).pages:
        for font in (page["/Resources"].get("/Font") or {}).values():
            font = font.get_object()
            inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
            fonts[font["/BaseFont"]] = inner["/FontDescriptor"]
    assert len(fonts) >= 5
    for name, descriptor in fonts.items():
        assert {"/FontFile2", "/FontFile3"} & set(descriptor), name
        assert re.search("LibertinusSerif|SourceSansPro|DejaVuSans|NanumGothic|NewCMMath|NewComputerModern", name), name


def alternative_texts(reader: PdfReader) -> dict[str, list[str]]:
    """Of all figures and formulas."""
    found = {"/Figure": [], "/Formula": []}

    def walk(node) -> None:
        node = node.get_object()
        if isinstance(node, list):
            for child in node:
                walk(child)
        elif isinstance(node, dict):
            if node.get("/S") in found:
                found[node["/S"]].append(node.get("/Alt"))
            if "/K" in node:
                walk(node["/K"])

    walk(reader.trailer["/Root"]["/StructTreeRoot"])
    return found


def test_it_is_accessible(report):
    reader = PdfReader(report)
    root = reader.trailer["/Root"]
    assert root["/Lang"] == "en" and root["/MarkInfo"]["/Marked"]
    assert reader.metadata.title == exporter.read_settings(ROOT / "report.toml").title
    assert b"pdfuaid:part" in root["/Metadata"].get_data()
    alternatives = alternative_texts(reader)
    assert all(map(all, alternatives.values()))
    assert any(r"\times" in text for text in alternatives["/Formula"]) and len(alternatives["/Figure"]) >= 20


def test_nothing_that_is_no_text_is_in_the_text(pages):
    text = re.sub(r"\w\*\*\d", "", "\n".join(pages))  # without the powers of printed source
    for sign in (r"\frac", r"\text", "<Figure", "it/s", "NaN", "??", "$$", "#item", "**", "\ufffd"):
        assert sign not in text, sign


def test_figures_and_tables_are_numbered_captioned_and_referred_to(pages):
    captions, said = {}, ""
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, 4).cells:
            said += cell.source if cell.cell_type == "markdown" else output_text(cell).replace("**", "")
            for output in cell.get("outputs", []):
                about = output.get("metadata", {}).get("report", {})
                if about.get("label"):
                    captions[about["label"]] = about["caption"]
    text = " ".join(" ".join(pages).split())
    assert len(captions) > 30
    for label, caption in captions.items():
        assert f"{label}. {caption}"[:45] in text, label
        assert len(re.findall(rf"{label}(?!\d)(?!\. {re.escape(caption[:20])})", said)) >= 1, (
            f"no text refers to {label}"
        )


def test_references_are_links(report):
    links = [a.get_object() for page in PdfReader(report).pages for a in page.get("/Annots", [])]
    inside = [link for link in links if "/Dest" in link or link.get("/A", {}).get("/S") == "/GoTo"]
    outside = [link["/A"]["/URI"] for link in links if "/URI" in link.get("/A", {})]
    assert len(inside) > 100  # contents, references to figures, tables and chapters
    assert "https://doi.org/10.1109/5.726791" in outside


def test_the_references_are_those_that_the_chapters_link_to(pages):
    end = "\n".join(pages).rsplit("\nReferences\n", 1)[1]
    listed = "".join(end.split("\nHow this was made\n", 1)[0].split())
    linked = unquote("".join(cell.source for path in NOTEBOOKS for cell in nbformat.read(path, 4).cells))
    bibliography = (ROOT / "mnist_helpers/report/references.bib").read_text(encoding="utf-8")
    for key, entry in re.findall(r"@\w+\{([^,]+),(.*?)\n\}", bibliography, re.S):
        (place,) = re.findall(r"(?:doi|url) = \{(.*?)\}", entry)
        assert (place in listed) == (place in linked), key


def test_no_page_is_nearly_empty_and_nothing_runs_off_the_paper(report):
    for number, page in enumerate(PdfDocument(report), 1):
        width, height, boxes = *page.get_size(), letters(page)
        lowest = min(bottom for _, bottom, _, top in boxes if 60 < top < height - 60)
        assert lowest < 0.8 * height, f"page {number} is nearly empty"
        assert all(left > 50 and right < width - 50 for left, _, right, _ in boxes), f"page {number} runs off"


def test_the_last_page_tells_how_it_was_made(pages):
    last = " ".join(pages[-1].split())
    made = nbformat.read(NOTEBOOKS[0], 4).metadata["report"]
    assert f"trainings {made['trainings']} (" in last
    assert all(str(seed) in last for seed in made["seeds"]) and "torch" in last
    assert re.search(r"commit [0-9a-f]{12}|mnist_helpers \d", last)


def test_a_notebook_run_again_by_hand_says_nothing_of_the_trainings_of_report(tmp_path):
    notebook = nbformat.read(NOTEBOOKS[1], 4)
    path = tmp_path / NOTEBOOKS[1].name
    (tmp_path / "report.toml").write_text("")
    for other in ("", " other"):
        next(cell for cell in notebook.cells if cell.get("outputs")).outputs[0].data["text/plain"] += other
        nbformat.write(notebook, path)
        exporter.build_pdf([path], tmp_path / "out.pdf")
        last = PdfReader(tmp_path / "out.pdf").pages[-1].extract_text()
        assert ("trainings" in last) == (not other) and "How this was made" in last


def test_the_bytes_are_the_same_each_time_and_the_file_is_small(report, tmp_path):
    exporter.build_pdf(NOTEBOOKS, tmp_path / "again.pdf")
    assert (tmp_path / "again.pdf").read_bytes() == report.read_bytes()
    assert report.stat().st_size < 5_000_000


def test_the_committed_pdf_is_of_these_notebooks(pages):
    captions = [re.findall(r"(?:Figure|Table)\s\d\.\d+\. .*", "\n".join(of)) for of in (texts(COMMITTED), pages)]
    assert captions[0] == captions[1] and len(captions[0]) > 50


@pytest.fixture(scope="module")
def pieces(tmp_path_factory) -> list[Piece]:
    """What the chapters in git give to the document."""
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporter, "typeset", lambda pieces, *_, **__: seen.extend(pieces) or b"")
        exporter.build_pdf(NOTEBOOKS, tmp_path_factory.mktemp("pieces") / "none.pdf")
    return seen


def test_no_reference_of_the_chapters_leads_nowhere(pieces, tmp_path):
    assert dead_references(pieces, tmp_path) == []
    wrong = Piece("See Figure 3.99 and section 1.77.", chapter="01_data", cell=1)
    assert dead_references([*pieces, wrong], tmp_path) == [
        "notebook 01_data, cell 1 refers to Figure 3.99, which does not exist",
        "notebook 01_data, cell 1 refers to section 1.77, which does not exist",
    ]


def dead_references(pieces: list[Piece], build: Path) -> list[str]:
    return to_typst(pieces, build, exporter.BIBLIOGRAPHY)[2]


def test_figures_and_tables_of_the_chapters_have_labels_of_their_own(pieces, tmp_path):
    items = to_typst(pieces, tmp_path, exporter.BIBLIOGRAPHY)[1]
    labels = [item["label"] for item in items if item.get("label")]
    assert len(labels) == len(set(labels)) > 30


# --- pitfalls on the way --------------------------------------------------------------------------------------


def test_korean_is_found_everywhere(project):
    table = "<table><tr><th>이름</th></tr><tr><td>숫자</td></tr></table>"
    text = text_of(project, new_markdown_cell("# 1 데이터\n\n한국어 **굵게** `코드`"), ran("run()", shown(html=table)))
    for words in ("손글씨", "김철수", "인공신경망과", "데이터", "한국어", "굵게", "코드", "이름", "숫자"):
        assert words in text, words
    assert PdfReader(project / "out.pdf").metadata.author == "김철수"
    fonts = {
        font.get_object()["/BaseFont"]
        for p in PdfReader(project / "out.pdf").pages
        for font in p["/Resources"]["/Font"].values()
    }
    assert any("NanumGothicBold" in font for font in fonts) and not any("ExtraBold" in font for font in fonts)


def test_formulas_that_jupyter_shows(project, capsys):
    formulas = (
        "\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}",
        "\\begin{equation*}\nE = mc^2\n\\end{equation*}",
        r"$$\begin{cases} 1 & \text{if } x > 0 \\ 0 & \text{else} \end{cases}$$",
        r"$$\hat y = \arg\max_k z_k, \quad \operatorname*{arg\,max}_k z_k$$",
        r"- $\frac{a}{b}$ in a list, $ \frac{c}{d} $ with blanks, \\(e\\)",
        r"$\mathtt{mono}$ and $\mathsf{sans}$, which must not meet names of the template",
        "\\begin{eqnarray}\nf &=& g\n\\end{eqnarray}",
        "$$\na\n\nb\n$$",
    )
    text = text_of(project, new_markdown_cell("# 1 Formulas"), *map(new_markdown_cell, formulas))
    assert "begin" not in text and "frac" not in text and "\\" not in text
    assert "DejaVu" not in text
    shown = alternative_texts(PdfReader(project / "out.pdf"))["/Formula"]
    assert len(shown) == 11 and r"\frac{c}{d}" in shown and not capsys.readouterr().err


def test_footnotes_of_two_cells_do_not_collide(project):
    text = text_of(
        project, new_markdown_cell("# 1 A\n\none[^1]\n\n[^1]: first"), new_markdown_cell("two[^1]\n\n[^1]: second")
    )
    assert "first" in text and "second" in text


def test_an_open_fence_does_not_swallow_the_next_cell(project):
    text = text_of(project, new_markdown_cell("# 1 A\n\n```python\nx = 1"), new_markdown_cell("The *next* cell"))
    assert "The next cell" in text


def test_links_between_headings_and_chapters(project):
    first = write(project, new_markdown_cell("# 1 One\n\n[see](#1.1-The-part) [two](02_two.ipynb)\n\n## 1.1 The part"))
    second = write(
        project, new_markdown_cell("# 2 Two\n\nchapter 1, [a part](01_test.ipynb#1.1-The-part)"), name="02_two"
    )
    exporter.build_pdf([first, second], project / "out.pdf", "hide")
    pages = PdfReader(project / "out.pdf").pages  # title, contents, and the two chapters
    assert len(pages[2].get("/Annots", [])) == 4
    (project / "build").mkdir()
    first.rename(project / "build" / first.name)  # executed alone, as `report --chapters 1` does
    exporter.build_pdf([project / "build" / first.name], project / "one.pdf", "hide")


def test_pictures_of_markdown(project):
    (project / "notebooks" / "dot.png").write_bytes(base64.b64decode(PIXEL))
    attached = new_markdown_cell("![attached](attachment:a.png)", attachments={"a.png": {"image/png": PIXEL}})
    cells = new_markdown_cell('# 1 A\n\n![a dot](dot.png)\n\n<img src="dot.png" alt="html">'), attached
    text_of(project, *cells)
    assert sum(len(pictures(page)) for page in PdfDocument(project / "out.pdf")) == 3


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("a\n\n---\nNote: kept\n\n---\n\nb", "Note: kept"),
        ("in C:\\temp\\new", "C:\\temp\\new"),
        ("one<br>two, H<sub>2</sub>O", "two, H2O"),
        ('```python\nx = "arg_max"\n```', 'x = "arg_max"'),
        ("> # A heading in a quotation", "A heading in a quotation"),
        ("## **1.1 Bold** heading", "1.1 Bold heading"),
        ("## A [link](https://x.org)[^1]\n\n[^1]: noted", "noted"),
        ("As in Figure 1 of LeCun et al.", "Figure 1 of LeCun"),
        ("between $5 and $6 each", "between $5 and $6 each"),
        ("| a | b |\n| - | - |\n" + "".join(f"| r{i} | {i} |\n" for i in range(120)), "r119"),
        ("<table><tr><td>left</td><td>right</td></tr></table>", "left right"),
        ("`" + "z" * 300 + "`", "z" * 80),
    ],
)
def test_markdown_that_students_write(project, source, shown):
    assert shown in text_of(project, new_markdown_cell("# 1 A"), new_markdown_cell(source))
    assert_on_paper(project / "out.pdf")


CODE = "echo $A $B"


FORMS_OF_CODE = [
    f"```bash\n{CODE}\n```",
    f"~~~\n{CODE}\n~~~",
    f"text\n~~~~bash\n{CODE}\n~~~~",
    f"`````\n```\n{CODE}\n```\n`````",
    f"    {CODE}",
    f"- item\n\n  ```bash\n  {CODE}\n  ```",
    f"1. item\n   ```\n   {CODE}\n   ```\n2. more",
    f"- item\n  - deeper\n    ~~~\n    {CODE}\n    ~~~",
    f"- item\n\n      {CODE}",
    f"> ```\n> {CODE}\n> ```",
    f"> said\n> ~~~\n> {CODE}\n> ~~~",
    f"`{CODE}`",
    f"it costs $5, `{CODE}` and $ x $",
    f"| a |\n| - |\n| **`{CODE}`** |",
    f'```bash title="run.sh"\n{CODE}\n```',
    f"```{{bash}}\n{CODE}\n```",
    f"```{{=typst}}\n{CODE}\n```",
    f"<pre>\n{CODE}\n</pre>",
    f"```\n{CODE}\n\n{CODE} `\n```\n\n$ x $",
]


def test_code_of_every_form_comes_out_letter_by_letter(project):
    cells = [new_markdown_cell(f"form {index}:\n\n{source}") for index, source in enumerate(FORMS_OF_CODE)]
    text_of(project, new_markdown_cell("# 1 A"), *cells)
    pages = PdfReader(project / "out.pdf").pages  # pdfium, as in texts(), finds blanks where colours change
    forms = re.split(r"form \d+:", "".join(page.extract_text() for page in pages))[1:]
    for source, text in zip(FORMS_OF_CODE, forms, strict=True):
        assert text.count(CODE) == source.count(CODE), source
    assert_on_paper(project / "out.pdf")


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("`a  b` and `` ` ``", ["a  b", "`"]),
        ("` a`, `b `, `` c`$ `` \\`d", [" a", "b ", "c`$"]),
        ("```\n  a\n\n   b  c\n```", ["  a\n\n   b  c"]),
        ("`$A` $ x $ `$B $`", ["$A", "$B $"]),
        ('~~~python title="x"\n`$x $y`\n~~~\n\n`z`', ["`$x $y`", "z"]),
    ],
)
def test_code_is_read_letter_by_letter(source, code):
    assert codes(source) == code


def codes(source: str) -> list[str]:
    """The code in Markdown, as pandoc gives it."""
    found = []
    walk(read_html(mend(to_html(source), list().append, "")), lambda key, value, *_: found.append((key, value)), "", {})
    return [dict(value[0][2]).get("whole", value[1]) for key, value in found if key in ("Code", "CodeBlock")]


def test_only_words_longer_than_a_line_are_broken():
    lines = "\n".join(("x " * 80, "y" * WIDTH, "    z  = 1", "\t$A  $B "))
    assert wrap(lines) == lines and wrap("y" * WIDTH + "z") == "y" * WIDTH + "\nz"


def test_pictures_written_out_in_the_text_are_pictures(project, tmp_path):
    svg = base64.b64encode(
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="5"/></svg>'
    ).decode()
    noise, jpeg = io.BytesIO(), io.BytesIO()
    Image.effect_noise((300, 300), 99).save(noise, "PNG")
    Image.new("RGB", (4, 4)).save(jpeg, "JPEG")
    long, jpeg = (base64.b64encode(picture.getvalue()).decode() for picture in (noise, jpeg))
    urls = [f"data:image/{kind},{data}" for kind, data in (
        ("png;base64", PIXEL), ("png;base64", long), ("jpeg;base64", jpeg), ("svg+xml;base64", svg),
        ("svg+xml;utf8", "%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E".replace(" ", "%20")),
    )]  # fmt: skip
    cells = [
        new_markdown_cell(f'![one]({url})\n\n<img src="{url}">\n\ninside <img src="{url}" width="20"/>') for url in urls
    ]
    html = shown(html=f'<p>words <img src="{urls[0]}"/></p>')
    text_of(project, new_markdown_cell("# 1 A"), *cells, ran("h", html))
    assert sum(len(pictures(page)) for page in PdfDocument(project / "out.pdf")) == 3 * 3 + 1
    to_typst([Piece(cell.source) for cell in cells], tmp_path, exporter.BIBLIOGRAPHY)
    assert [len(list(tmp_path.glob(f"picture-*.{kind}"))) for kind in ("png", "jpeg", "svg")] == [6, 3, 6]


def test_a_heading_that_begins_with_a_number_is_not_numbered(tmp_path):
    chapters = {
        "01_one": ("# 1 One", "## 2 networks compared", "# 2 networks again", "## 2.5 million images", "## 1.2 Own"),
        "02_two": (
            "# 2. Two",
            "## 2.1. Part",
            "### 2.1.1 Deeper",
            "## 2.1.3 Too high",
            "chapter 2 section 2.1 section 1.2",
        ),
        "03_three": ("# 2 layers are enough", "# 3 Three", "section 2.1.1 chapter 3 section 2.5 section 2.1.3"),
    }
    pieces = [Piece(text, chapter=name) for name, texts in chapters.items() for text in texts]
    body, items, _ = to_typst(pieces, tmp_path, exporter.BIBLIOGRAPHY)
    numbers = [item["number"] for item in items if "level" in item]
    assert numbers == ["1", None, None, None, "1.2", "2.", "2.1.", "2.1.1", None, None, None]
    words = re.findall(r"#section\(\d+\)\[(.*?)\]", body)
    headings = dict(zip((item["anchor"] for item in items), words, strict=True))
    links = {words: headings[label] for label, words in re.findall(r"#link\(<(.*?)>\)\[(.*?)\]", body)}
    assert links == {"chapter 2": "Two", "section 2.1": "Part", "section 1.2": "Own", "section 2.1.1": "Deeper"}


def test_references_to_other_works_stay_words(project):
    words = "Section 1.3 of Goodfellow, Figure 1.2 of the book, Table 9.9 and chapter 40"
    text = text_of(project, new_markdown_cell("# 1 A"), new_markdown_cell(words))
    assert words in text


def test_two_figures_of_one_label_are_set_and_links_go_to_the_first(project):
    about = {"report": {"role": "figure", "label": "Figure 1.1", "caption": "A copy."}}
    cells = [ran("f", shown(about, png=base64.b64encode(png(colour)).decode())) for colour in ("red", "blue")]
    table = {"report": {"role": "table", "label": "Table 1.1", "caption": "Twice."}}
    cells += [ran("t", shown(table, html=f"<table><tr><td>{words}</td></tr></table>")) for words in ("one", "two")]
    text = text_of(project, new_markdown_cell("# 1 A\n\nFigure 1.1 and Table 1.1"), *cells)
    assert text.count("Figure 1.1. A copy.") == text.count("Table 1.1. Twice.") == 2
    links = [a.get_object() for a in PdfReader(project / "out.pdf").pages[0]["/Annots"]]
    assert len(links) == 2


LINE, AXES = "<matplotlib.lines.Line2D at 0x7f01>", "<Axes: title={'center': \"a > b's\"}, xlabel='x'>"
WHAT_PLOTTING_RETURNS = [
    LINE, AXES, f"[{LINE}]", f"[{LINE},\n {LINE}]", f"({LINE}, {AXES})", f"array([{AXES}, {AXES}], dtype=object)",
    f"array([[{AXES}, {AXES}],\n       [{AXES}, {AXES}]], dtype=object)", "<BarContainer object of 10 artists>",
    "(array([1., 2.]),\n array([0. , 0.5,\n        1. ]),\n <BarContainer object of 10 artists>)",
    "(array([[1., 2.]]), array([0., 1.]), <a list of 2 BarContainer objects>)",
    "Text(0.5, 1.0, 'Loss (train)')", "[Text(0, 0, 'a'),\n Text(1, 0, \"b's\")]", "<Figure size 640x480 with 1 Axes>",
    f"([{LINE}],\n [Text(0, 0, 'a')])", f"{{'whiskers': [{LINE},\n  {LINE}],\n 'means': []}}",
    "<function __main__.<lambda>(x)>", "Axes(0.125,0.11;0.775x0.77)",
]  # fmt: skip


def test_what_a_plotting_call_returns_is_not_shown(project):
    outputs = [new_output("execute_result", {"text/plain": text}, execution_count=1) for text in WHAT_PLOTTING_RETURNS]
    cells = [ran("draw(x)", output) for output in outputs]
    text = text_of(project, new_markdown_cell("# 1 A\n\nbefore"), *cells, new_markdown_cell("after"))
    assert "before after" in text


def test_numbers_are_a_result_unless_a_plotting_call_returned_them(project):
    drawn = 'ax.plot(x)\nplt.axis("off")', "axes[0].set_xlim(\n    0, 1\n)", "%matplotlib inline\nplt.xlim(0, 1);"
    asked = (
        "plt.plot(x)\n(0.0, 1.0)",
        "plt.xlim()",
        "ax.get_xlim()",
        "limits(plt.gca())",
        "plt.imread('a').mean()",
        "no (",
    )
    output = new_output("execute_result", {"text/plain": "(0.0, 1.0)"}, execution_count=1)
    text = text_of(project, new_markdown_cell("# 1 A"), *(ran(source, output) for source in (*drawn, *asked)))
    assert text.count("(0.0, 1.0)") == len(asked)


def test_results_are_shown_beside_objects(project):
    results = "(0.98, <Axes: >)", "array([1, 2])", "'<b>words</b>'", "LeNet5( (c1): Conv2d() )", "{'a': 1, 'b': <A>}"
    found = text_of(project, new_markdown_cell("# 1 A"), *(ran("f()", shown(text=text)) for text in results))
    assert all(text in found for text in results)


def test_an_estimator_is_shown_by_its_name_and_parameters(project):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(LogisticRegression(C=0.5))
    found = text_of(project, new_markdown_cell("# 1 A"), ran("m", shown(html=model._repr_html_(), text=repr(model))))
    assert "LogisticRegression(C=0.5)" in found
    for words in ("Parameters", "rerun this cell", "Fitted", "penalty", "sk-", "Documentation"):
        assert words not in found


def test_the_bibliography_is_read_as_bibtex_is_written(tmp_path):
    path = tmp_path / "some.bib"
    path.write_text(
        '@article{one,doi={10.1/ABC}}\n@online{two, URL = "https://x.org/a_b" }\n'
        "@book{three,\n  title = {A {B} c},\n  DOI={https://doi.org/10.2/d}, year=1999\n}\n",
        encoding="utf-8",
    )
    assert Document([], tmp_path, path).cited == {"10.1/abc": "one", "https://x.org/a_b": "two", "10.2/d": "three"}


def assert_on_paper(path: Path) -> None:
    for page in PdfDocument(path):
        for left, bottom, right, _ in letters(page) + pictures(page):
            assert left > 50 and right < page.get_width() - 50 and bottom > 20


def test_attachments_of_one_name_are_two_pictures(project):
    red, blue = (base64.b64encode(png(colour)).decode() for colour in ("red", "blue"))
    cells = [
        new_markdown_cell("![x](attachment:a.png)", attachments={"a.png": {"image/png": data}}) for data in (red, blue)
    ]
    text_of(project, new_markdown_cell("# 1 A"), *cells)
    images = {image.data for page in PdfReader(project / "out.pdf").pages for image in page.images}
    assert len(images) == 2


def png(colour: str, size=(4, 4)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, colour).save(content, "PNG")
    return content.getvalue()


def test_what_is_too_large_is_made_to_fit(project):
    wide = "<tr>" + "".join(f"<td>{i}.123456</td>" for i in range(30)) + "</tr>"
    head = "<tr>" + "".join(f"<th>column {i}</th>" for i in range(30)) + "</tr>"
    picture = base64.b64encode(png("red", (300, 4000))).decode()
    text = text_of(
        project,
        new_markdown_cell("# 1 A"),
        ran("t", shown(html=f"<table><thead>{head}</thead>{wide}</table>")),
        ran("p", shown(png=picture), shown({"image/png": {"width": 2000}}, png=base64.b64encode(png("red")).decode())),
        ran("o", new_output("stream", name="stdout", text=("word " * 160 + "\n") * 20)),
        ran("m", shown(markdown="$$x$$\n\n" + "many words\n\n" * 80)),
        ran("l", shown(html="<table>" + f"<tr><td>{'long ' * 60}</td></tr>" * 16 + "</table>")),
    )
    assert_on_paper(project / "out.pdf")
    assert text.count("column 0") == 3 and "29.123456" in text


def test_html_outputs(project):
    two = "<table><caption>The first.</caption><tr><td>one</td></tr></table><table><tr><td>two</td></tr></table>"
    empty = "<table><thead><tr><th></th></tr></thead><tbody></tbody></table>"
    outputs = shown(html="<b>bold</b> words", text="<HTML object>"), shown(html=two), shown(html=empty, text="Empty")
    text = text_of(project, new_markdown_cell("# 1 A"), ran("h", *outputs))
    assert all(words in text for words in ("bold words", "The first.", "one", "two"))


def test_outputs_as_a_reader_sees_them(project):
    bar = {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "100%|##| 9/9 [00:01, 9.0it/s]"}
    text = text_of(
        project,
        new_markdown_cell("# 1 A"),
        ran("a", new_output("stream", name="stdout", text="10 %\r100 %\n\x1b[31mred\x1b[0m text")),
        ran("b", new_output("stream", name="stderr", text="a warning")),
        ran("c", new_output("display_data", bar), shown(text="<Figure size 640x480 with 1 Axes>")),
        ran("d", shown(text="[<matplotlib.lines.Line2D at 0x7f>]"), shown(text="42")),
    )
    assert "100 % red text a warning" in text and "42" in text
    for sign in ("10 % 100", "[31m", "it/s", "<Figure", "matplotlib"):
        assert sign not in text, sign


@pytest.mark.parametrize(("code", "found"), [("appendix", True), ("show", True), ("hide", False)])
def test_code_is_whole_where_it_is_asked_for(project, code, found):
    line = "x = '" + "y" * 300 + "end'  # a comment " + "of many words " * 20 + "last"
    text = text_of(project, new_markdown_cell("# 1 A"), ran(line), code=code).replace(" ", "")
    assert ("y" * 300 + "end'" in text) == found and ("wordslast" in text) == found
    assert_on_paper(project / "out.pdf")


def test_folded_code_is_not_printed(project):
    """What only writes a sentence, a table or a figure is folded away on the screen, and on paper."""
    folded, open_cell = ran("say('folded')", shown(text="its result")), ran("x = 'open'")
    folded.metadata["jupyter"] = {"source_hidden": True}
    for code in ("appendix", "show"):
        text = text_of(project, new_markdown_cell("# 1 A"), folded, open_cell, code=code)
        assert "its result" in text and "open" in text and "folded" not in text


def test_an_error_that_was_meant_is_shown(project):
    error = new_output("error", ename="ValueError", evalue="meant to be", traceback=[])
    cell = ran("raise ValueError('meant to be')", error)
    cell.metadata["tags"] = ["raises-exception"]
    assert "ValueError: meant to be" in text_of(project, new_markdown_cell("# 1 A"), cell, code="hide")


def test_a_long_table_repeats_its_head(project):
    rows = "".join(f"<tr><td>row {i}</td><td>{i}.5</td></tr>" for i in range(120))
    html = f"<table><thead><tr><th>name</th><th>figure of it</th></tr></thead><tbody>{rows}</tbody></table>"
    about = {"report": {"role": "table", "label": "Table 1.1", "caption": "A long one."}}
    text = text_of(project, new_markdown_cell("# 1 A\n\nTable 1.1 is long."), ran("t", shown(about, html=html)))
    assert text.count("figure of it") >= 3 and text.count("A long one.") == 1 and "row 119" in text


def tables(html: str) -> list[dict]:
    """The items of an HTML table."""
    return [item for item, _ in read_table(BeautifulSoup(html, "html.parser").table)]


def test_decimal_points_stand_below_one_another():
    rows = "".join(f"<tr><td>x</td><td>{number}</td></tr>" for number in ("1.25", "1,000", "–", "NaN"))
    (table,) = tables(f"<table><thead><tr><th>a</th><th>b</th></tr></thead>{rows}</table>")
    assert table["align"] == ["left", "right"]
    assert [row[1].get("pad", "") for row in table["rows"]] == ["", ".25", "", ""]
    assert table["header"] == [[{"text": "a"}, {"text": "b"}]]


def test_a_table_with_spans():
    html = "<table><tr><th colspan=2>both</th></tr><tr><td rowspan='2'>a</td><td>1</td></tr><tr><td>2</td></tr></table>"
    (table,) = tables(html)
    assert table["header"][0][0]["colspan"] == 2 and table["rows"][0][0]["rowspan"] == 2 and len(table["align"]) == 2


def test_a_figure_is_drawn_from_its_own_svg_or_from_the_notebook(project, monkeypatch):
    import matplotlib.pyplot as plt

    from mnist_helpers.report import Chapter

    monkeypatch.setenv("MNIST_REPORT_OUT", str(project))
    outputs = []
    monkeypatch.setattr(
        "mnist_helpers.report.chapter.display", lambda d, metadata=None, raw=True: outputs.append((d, metadata))
    )
    chapter = Chapter("01_test")
    figure, ax = plt.subplots()
    ax.set_title("축 이름 searchable")
    chapter.figure(figure, "one", "A caption.")
    (data, metadata), _ = outputs
    image = base64.b64encode(data["image/png"]).decode()
    cells = new_markdown_cell("# 1 A\n\nFigure 1.1"), ran("f", shown(metadata, png=image, text=data["text/plain"]))
    assert "축 이름 searchable" in text_of(project, *cells)
    (project / "figures" / "01_test_one.svg").write_text("<svg/>", encoding="utf-8")  # of another run
    assert "searchable" not in text_of(project, *cells) and "A caption." in text_of(project, *cells)


# --- what is refused ------------------------------------------------------------------------------------------

FAILED = ran("1 / 0", new_output("error", ename="ZeroDivisionError", evalue="", traceback=[]))


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (new_code_cell("x = 1"), r"notebook 01_test, cell 2 \('x = 1'\) has not been run. Run all"),
        (FAILED, r"cell 2 \('1 / 0'\) failed with ZeroDivisionError. Mend it"),
    ],
)
def test_bad_notebooks_are_refused_by_name_and_cell(project, cell, message):
    (project / "report.pdf").write_bytes(b"the one before")
    with pytest.raises(PdfError, match=message):
        exporter.build_pdf([write(project, new_markdown_cell("# 1 A"), cell)], project / "report.pdf")
    assert (project / "report.pdf").read_bytes() == b"the one before"
    assert [path.name for path in project.iterdir() if path.suffix == ".part"] == []


def test_the_command_line(project, capsys):
    write(project, new_markdown_cell("# 1 A"))
    write(project, new_markdown_cell("# 2 B"), ran("x = 1"), name="02_b")
    write(project, new_markdown_cell("## 1 C"), name="00_report_ko")
    assert main(["pdf"]) == 0 and main(["pdf", "2", "-o", "two", "--code", "hide"]) == 0
    assert len(PdfReader("report_full.pdf").pages) > len(PdfReader("two/report_full.pdf").pages)
    assert "문서 생성 정보" in "".join(texts("report_ko.pdf"))
    (project / "report.toml").write_text("title = ", encoding="utf-8")
    assert main(["pdf"]) == 2 and main(["pdf", "7"]) == 2
    (project / "report.toml").write_text("title = ''", encoding="utf-8-sig")
    assert main(["pdf"]) == 2
    (project / "report.toml").unlink()
    (project / "a file").touch()
    assert main(["pdf", "-o", "a file"]) == 2 and main(["pdf", "-o", "a file/in it"]) == 2
    (project / "notebooks" / "02_b.ipynb").write_text("{", encoding="utf-8")
    assert main(["pdf"]) == 2
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 6 and "title must not be empty" in errors and "cannot be written" in errors
    assert "02_b.ipynb is not a notebook" in errors
    assert "report.toml is not valid TOML" in errors and "there is no chapter 7" in errors


def test_nbconvert_and_jupyterlab_know_the_format(project):
    assert get_exporter("report") is exporter.ReportExporter and exporter.ReportExporter.export_from_notebook
    path = write(project, new_markdown_cell("# 1 A\n\nwords"), ran("x = 1"))
    command = [sys.executable, "-m", "nbconvert", "--to", "report", str(path)]
    subprocess.run(command, check=True, cwd=project.parent, capture_output=True)
    assert "words" in texts(path.with_suffix(".pdf"))[0]


def test_a_date_in_words_is_shown_and_changes_no_bytes(project, monkeypatch):
    (project / "report.toml").write_text('date = "November 2026"', encoding="utf-8")
    assert "November 2026" in text_of(project, new_markdown_cell("# 1 A"))
    before = (project / "out.pdf").read_bytes()

    class Later(datetime.date):
        @classmethod
        def today(cls):
            return cls(2031, 2, 3)

    monkeypatch.setattr(datetime, "date", Later)
    text_of(project, new_markdown_cell("# 1 A"))
    assert (project / "out.pdf").read_bytes() == before
    (project / "report.toml").write_text("", encoding="utf-8")
    assert "2031-02-03" in text_of(project, new_markdown_cell("# 1 A"))


def test_without_git_the_version_is_the_source(tmp_path, monkeypatch):
    assert exporter._source(tmp_path) == f"mnist_helpers {version('mnist_helpers')}"
    monkeypatch.setenv("PATH", "")
    assert exporter._source(ROOT) == exporter._source(tmp_path)


def test_a_pdf_is_no_change_of_its_source(tmp_path):
    for name in ("report.pdf", "report.toml"):
        (tmp_path / name).write_text("")
    author = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "1"]):
        assert not exporter._git(tmp_path, *command).returncode
    commit = exporter._source(tmp_path)
    (tmp_path / "report.pdf").write_text("new")
    assert exporter._source(tmp_path) == commit and commit.startswith("commit ")
    (tmp_path / "report.toml").write_text("new")
    assert exporter._source(tmp_path) == f"{commit}, with changes"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_stock_html_export_stays_good(path):
    html, _ = get_exporter("html")().from_filename(str(path))
    about = [
        output.metadata.get("report", {})
        for cell in nbformat.read(path, 4).cells
        for output in cell.get("outputs", [])
        if "metadata" in output
    ]
    assert html.count("<img") == sum(one.get("role") == "figure" for one in about)
    assert all(one["label"] in html for one in about if "label" in one)
