"""Markdown of every kind that students write, as JupyterLab shows it: each source is a notebook of its own."""

import base64
import io
import re

import nbformat
import pytest
from alone import export, export_all, ran, shown
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image
from pypdf import PdfReader
from pypdfium2 import PdfDocument

from mnist_helpers.report.exporter import build_pdf

LONG, ADDRESS = "name_" * 20 + "end", "https://colab.research.google.com/drive/1UCpCjygUIcFo" + "abcdefgh0123" * 9
NUMBERS = " | ".join(["0.01234567"] * 13)

# name: (source, what paper has, what it has not)
CASES = {
    "a table straight after a line": (
        "Results:\n| model | acc |\n|---|---|\n| MLP | 99.02 |",
        "Results: model acc MLP 99.02",
        "|",
    ),
    "a fence with a title": ('```python title="t.py"\nx = 1\n```', "x = 1", "title"),
    "a fence in braces": ("```{python}\ny = 2\n```", "y = 2", "{"),
    "a fence of C#": ("```c#\nint z;\n```", "int z;", "#"),
    "a fence of C++": ("```c++\nint z;\n```", "int z;", "+"),
    "a fence with tabs": ("```\n\tif x:\n\t\ty\n```", "if x: y", "\t"),
    "an alert": (
        '<div class="alert alert-block alert-info">\n\n**Note:** it has *61,706* weights, $N = 7$.\n\n</div>',
        "Note: it has 61,706 weights",
        "*",
    ),
    "an alert in HTML": (
        '<div class="alert alert-warning"><b>Tip:</b> use <code>a  b</code></div>',
        "Tip: use a b",
        "<",
    ),
    "details": (
        "<details><summary>Click</summary>\n\n- an *item*\n\n```python\nx = 5\n```\n\n</details>",
        "Click • an item x = 5",
        "*",
    ),
    "options": (
        "run train.py --epochs 15 -lr 0.1 and ... wait -- no --- a-?",
        "run train.py --epochs 15 -lr 0.1 and ... wait -- no --- a-?",
        "–",
    ),
    "an apostrophe": (
        "[report 4](http://x.org)'s ladder, **5**'s and 5's, 'quoted'",
        "report 4’s ladder, 5’s and 5’s, ‘quoted’",
        "′",
    ),
    "a list in HTML": ("<ul>\n<li>one</li>\n<li>two</li>\n</ul>", "• one • two", "<"),
    "a numbered list that begins at 3": ("3. three\n4. four", "3. three 4. four", "1."),
    "pre": ("<pre>\nx = 1\n  y = 2\n</pre>", "x = 1 y = 2", "<"),
    "a heading in HTML": ("<h2>HTML heading</h2>", "HTML heading", "<"),
    "a closing br": ("first</br>second<BR>third", "first second third", "<"),
    "ten columns": (
        "| m |" + " e |" * 9 + "\n|" + "---|" * 10 + "\n| a | " + NUMBERS[:114] + " |",
        "a " + " ".join(["0.01234567"] * 9),
        "|",
    ),
    "fourteen columns": (
        "| model |" + " e |" * 13 + "\n|" + "---|" * 14 + "\n| a | " + NUMBERS + " |",
        "0.01234567 0.01234567 model",
        "70.0",
    ),
    "a table with bold, code, links and formulas": (
        "| a | b |\n|:-|-:|\n| **bold** *it* | `x  y` |\n| $\\alpha$ | [link](http://x.org) |\n| one<br>two | ~~no~~ |",
        "bold it x y link one two no",
        "*",
    ),
    "a table in a list": ("- item\n\n  | a | b |\n  |---|---|\n  | **x** | 1 |", "• item a b x 1", "|"),
    "a table in a quotation": ("> | a |\n> |---|\n> | `c` |", "a c", "|"),
    "a table in HTML": (
        "<table><tr><th>H</th></tr><tr><td><b>x</b><ul><li>one</li></ul></td></tr></table>",
        "H x • one",
        "<",
    ),
    "a table in a table": (
        "<table><tr><td><table><tr><td>in</td><td><b>ner</b></td></tr></table></td><td>out</td></tr></table>",
        "in ner out",
        "#",
    ),
    "a table with wide spans": (
        "<table><tr><th colspan=30>all</th></tr><tr>" + "<td>12345678</td>" * 30 + "</tr></table>",
        "12345678 12345678 12345678",
        "<",
    ),
    "a long name": (f"see {LONG} there", "there", "\u200b"),
    "a long name as code": (f"see `{LONG}` there", "there", "\u200b"),
    "a long address": (f"see {ADDRESS} or <{ADDRESS}>.", "or", "<"),
    "nested lists": ("- a\n  - b\n    1. c\n- d", "• a ‣ b 1. c • d", "-"),
    "tasks": ("- [ ] to do\n- [x] done", "☐ to do • ☒ done", "["),
    "strikethrough and HTML words": (
        "~~a~~ <kbd>Ctrl</kbd> <mark>m</mark> <u>u</u> H<sub>2</sub>O x<sup>2</sup>",
        "a Ctrl m u H2O x2",
        "~",
    ),
    "words in colour": (
        '<font color="red">red</font> <span style="color: #00f">blue</span> <span style="color:no">c</span>',
        "red blue c",
        "rgb",
    ),
    "what stands in the middle": (
        '<center>one</center>\n\n<p align="center">two</p>\n\n<p style="text-align: center">\n<b>three</b>\n</p>',
        "one two three",
        "*",
    ),
    "entities": ("&copy; &alpha; &lt;tag&gt; &mdash; <!-- a comment --> after", "© α <tag> — after", "comment"),
    "scripts and styles": ("<script>alert(1)</script><style>p {color: red}</style>\n\nafter", "after", "alert"),
    "signs of Typst": (
        "#hash @at $ 5 [b] // c /* d */ = e\n\n= no heading\n\n/ term: x\n\n~t~ <l> f_g",
        "#hash @at $ 5 [b] // c /* d */ = e = no heading / term: x ~t~ f_g",
        "\\",
    ),
    "no blank after #": ("#NoHeading", "#NoHeading", "##"),
    "headings": ("Setext\n======\n\n### With $x$ and `code`\n\n###### Six", "Setext With and code Six", "="),
    "rules": ("above\n\n***\n\nbelow", "above below", "*"),
    "a quotation with code": ("> said `x`\n>\n> ```python\n> z = 9\n> ```\n>> nested", "said x z = 9 nested", ">"),
    "links by name": (
        '[text][r], [r], <a@b.org>, https://bare.org/x_y\n\n[r]: https://ref.org "t"',
        "text, r, a@b.org, https://bare.org/x_y",
        "[",
    ),
    "signs after a link, a formula and code": ("[a](#here)(b), $f$(x), $g$.y, `c`(d) <a id='here'></a>", "a(b)", "\\"),
    "a place to link to": (
        '[go](#r) [up](#h)\n\n<a id="r"></a>\nplace\n\n## <a name="h"></a> 1.9 Own',
        "go up place 1.9 Own",
        "<",
    ),
    "links with formulas and code": ("[$x$ --a `b`](#here) <a id='here'></a>", "--a b", "–"),
    "line breaks": ("one  \ntwo\\\nthree", "one two three", "\\"),
    "a drawing in the text": (
        '<svg width="40" height="40" viewBox="0 0 40 40"><text x="0" y="30">drawn</text></svg>',
        "drawn",
        "<",
    ),
    "figure and caption": ("<figure><figcaption>The words below</figcaption></figure>", "The words below", "<"),
    "forms": ("<button>Press</button> <textarea>area</textarea>", "Press area", "<"),
    "control signs": ("a\x0cb bell\x07 esc\x1b[0m", "bell esc", "[0m"),
    "Korean everywhere": (
        "## 한국어\n\n**굵게** *기울임* `코드` ~~취소~~\n\n> 인용\n\n| 이름 |\n|---|\n| **정확도** |\n\n- [x] 끝",
        "한국어 굵게 기울임 코드 취소 인용 이름 정확도 • ☒ 끝",
        "*",
    ),
    "two numbered lists": ("1) a\n2) b\n\n1. c\n2. d\n   1. e\n3. f", "1. a 2. b 1. c 2. d 1. e 3. f", "4."),
    "formulas in HTML": (
        "<center>$$E=1$$</center>\n\n<div>\n$x^2$ in div</div>\n\n<details><summary>Sum $y$</summary>in"
        "\n\n</details>\n\n"
        "<ul><li>$a<b$ one</li></ul><p>\\(r\\) costs $5 or $6 <code>$c$</code></p>\n\n\\$7 and \\$8 `$d$` <b>$e$</b>.",
        "in div Sum in • one costs $5 or $6 $c$ $7 and $8 $d$ .",
        "E",
    ),
    "formulas in a table in HTML": (
        "<table><tr><td>$x^2$ is</td><td>$$\\frac12$$</td></tr></table>",
        "is",
        "frac",
    ),
    "colours in pre": (
        "<pre>log <span style='color:red'>red</span> <font color=blue>x</font><br>two</pre>"
        "\n\n<code><b style='color:red'>in line</b></code>",
        "log red x two in line",
        "#",
    ),
    "a table with uneven rows": (
        "| a | b | c |\n|---|:-:|---|\n| few | 1 |\n| 1 | 2 | 3 | many |\n| one\n\n"
        "- | d | e |\n  |---|---|\n  | last |\n\n"
        "f | g\n--|--\n5 |\n\n```\n| h |\n|---|\n| i | j |\n```",
        "a b c few 1 1 2 3 one • d e last f g 5 | h | |---| | i | j |",
        "many",
    ),
    "a bar in a table's code": ("| a |\n|---|\n| `x\\|y` z\\|w |", "a x|y z|w", "\\"),
    "centred headings": (
        "# <center>One</center>\n\n## <div align=center>Two `c`</div>\n\n### <font color=red>Three</font>",
        "One Two c Three",
        "#",
    ),
    "colour of blocks": (
        '<div style="color:red">\n\none **two**\n\n</div>\n'
        '<b style="COLOR: blue">three</b><ul><li style="color:red">x</li></ul>',
        "one two three • x",
        "#",
    ),
    "unclosed tags": ("<div><b>bold\n\nafter it", "bold after it", "<"),
}


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    return export_all(
        tmp_path_factory.mktemp("alone"), {name: [new_markdown_cell(case[0])] for name, case in CASES.items()}
    )


@pytest.mark.parametrize("name", CASES)
def test_markdown_is_shown_as_in_jupyterlab(papers, name):
    _, wanted, unwanted = CASES[name]
    assert wanted in papers[name].text and unwanted not in papers[name].text
    assert papers[name].warnings == []


GROUNDS = [
    '<div style="background-color: #20beff; color: white">words</div>',
    'some <span style="background:#20BEFF;color:#fff">words</span> more',
    '# Top\n\n# <span style="background:#20beff;color:white">words</span>',
    '<table><tr style="background: #20beff"><td style="color: white">words</td><td>b</td></tr></table>',
]


@pytest.mark.parametrize("source", GROUNDS)
def test_light_words_stand_on_their_ground(tmp_path, source):
    page = PdfDocument(export(tmp_path, new_markdown_cell(source), strict=True).pdf)[0].render(scale=2).to_pil()
    colours = {colour: count for count, colour in page.convert("RGB").getcolors(99_999)}
    assert colours[32, 190, 255] > 500


def test_light_words_without_a_ground_are_seen(tmp_path):
    source = '<div style="background: var(--x); color: white">words</div> <font color="#fefefe">and</font>'
    page = PdfDocument(export(tmp_path, new_markdown_cell(source), strict=True).pdf)[0]
    words = page.get_textpage()
    place = words.search("words").get_next()[0]
    left, bottom, right, top = words.get_charbox(place)
    glyph = (
        page.render(scale=4)
        .to_pil()
        .convert("L")
        .crop(tuple(round(4 * at) for at in (left, page.get_height() - top, right, page.get_height() - bottom)))
    )
    assert glyph.getextrema()[0] < 60


def test_centred_headings_are_headings(tmp_path):
    headings = "# <center>One</center>\n\n## <div align=right>Two</div>\n\n### <font color=red>Three</font>"
    source = f"# Top\n\n{headings}\n\n[go](#Two)"
    pdf = export(tmp_path, new_markdown_cell(source), strict=True).pdf
    listed = str(PdfReader(io.BytesIO(pdf)).outline)
    assert all(f"'/Title': '{word}'" in listed for word in ("One", "Two", "Three"))
    ((one, _), (two, right), _) = [line_of(pdf, word) for word in ("One", "Two", "Three")]
    assert one > 250 and right == pytest.approx(595 - 2.35 / 2.54 * 72, abs=3) and two > 400


def line_of(pdf: bytes, word: str) -> tuple[float, float]:
    """Where a word of the first page begins and ends, in points from the left."""
    words = PdfDocument(pdf)[0].get_textpage()
    first = words.search(word).get_next()[0]
    boxes = [words.get_charbox(first + index) for index in range(len(word))]
    return boxes[0][0], boxes[-1][2]


RIGHT = [
    '<div style="text-align: right">Kim<br>2024</div>',
    "<p align=right>Kim</p>",
    '<p style="text-align:RIGHT">Kim</p>',
]


@pytest.mark.parametrize("source", RIGHT)
def test_what_stands_right(tmp_path, source):
    pdf = export(tmp_path, new_markdown_cell(source), strict=True).pdf
    assert line_of(pdf, "Kim")[1] == pytest.approx(595 - 2.35 / 2.54 * 72, abs=3)


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("그림 1.png", "attachment:%EA%B7%B8%EB%A6%BC%201.png"),
        ("그림 1.png", "<attachment:그림 1.png>"),
        ("%EA%B7%B8.png", "attachment:그.png"),
        ("%EA%B7%B8.png", "attachment:%ea%b7%b8.png"),
        ("a (1).png", "attachment:a%20(1).png"),
    ],
)
def test_attachments_are_found_however_their_names_are_written(tmp_path, name, link):
    content = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(content, "PNG")
    cell = new_markdown_cell(f"![]({link})")
    cell.attachments = {name: {"image/png": base64.b64encode(content.getvalue()).decode()}}
    assert len(export(tmp_path, cell, strict=True).pictures) == 1


def test_each_cell_counts_anew(tmp_path):
    assert export(tmp_path, new_markdown_cell("1. a\n2. b"), new_markdown_cell("1. c")).text.endswith("1. a 2. b 1. c")


def test_long_words_are_whole_and_copied_as_they_are(papers):
    for name in ("a long name", "a long name as code"):
        assert LONG in papers[name].text.replace(" ", "")
    assert papers["a long address"].text.replace(" ", "") == f"see{ADDRESS}or{ADDRESS}."


# name: (source, what paper has in its place, the warning)
WARNED = {
    "a film": (
        '<video src="film.mp4" controls></video>',
        "a film: film.mp4",
        "has a film, which paper cannot show: film.mp4. Show a picture",
    ),
    "a sound": (
        '<audio><source src="a.wav"></audio>',
        "a sound: a.wav",
        "has a sound, which paper cannot show: a.wav. Say in words",
    ),
    "a page": (
        '<iframe src="https://x.org/p"></iframe>',
        "a page of the web: https://x.org/p",
        "has a page of the web, which",
    ),
    "no picture": (
        "![the curve](gone.png)",
        "picture: gone.png, the curve",
        "shows a picture that does not exist, gone.png. Put it there",
    ),
    "no picture in a link": (
        "[![](gone.png)](https://x.org)",
        "picture: gone.png",
        "does not exist, gone.png. Put it there",
    ),
    "a name too long": (
        "![a](" + "long" * 500 + ".png)",
        "picture: longlong",
        "shows a picture that does not exist, longlong",
    ),
    "no attachment": (
        "![x](attachment:no.png)",
        "picture: attachment:no.png",
        "shows a picture that does not exist, attachment:no.png",
    ),
    "a picture of the web": (
        "![a](https://x.org/a.png)",
        "picture: https://x.org/a.png",
        "shows https://x.org/a.png, and a report fetches nothing. Save",
    ),
    "damaged": (
        "![old](data:image/png;base64,AAAAA)",
        "picture: old",
        "shows a picture that is damaged, in the notebook. Save it again",
    ),
    "a link to a file": ("[words](gone.md)", "words", "links to gone.md, which does not exist. Mend the link"),
    "a link to a notebook": ("[words](01_gone.ipynb)", "words", "links to 01_gone.ipynb, which does not exist"),
    "a link to a heading": ("[words](#Gone)", "words", "links to #Gone, which does not exist"),
}


@pytest.fixture(scope="module")
def warned(tmp_path_factory):
    return export_all(
        tmp_path_factory.mktemp("alone"), {name: [new_markdown_cell(case[0])] for name, case in WARNED.items()}
    )


@pytest.mark.parametrize("name", WARNED)
def test_what_paper_cannot_show_is_named(warned, name):
    _, wanted, warning = WARNED[name]
    assert wanted in warned[name].text
    (found,) = warned[name].warnings
    assert warning in found and found.startswith("notebook homework, cell ") and found.endswith(".")


def test_links_inside_a_notebook_lead_somewhere(tmp_path):
    source = CASES["a place to link to"][0] + '\n\n[third](#third)\n\n<h3 id="third">Third</h3>'
    pages = PdfReader(io.BytesIO(export(tmp_path, new_markdown_cell(source), strict=True).pdf)).pages
    assert sum(len(page.get("/Annots", [])) for page in pages) == 3


def test_sizes_of_pictures(tmp_path):
    Image.new("RGB", (960, 480), "red").save(tmp_path / "a.png")
    given = "", 'width="50%"', 'width="192"', 'height="96"', 'style="max-width: 9px; width: 25%"', 'width="9999"'
    cells = [new_markdown_cell(f'<img src="a.png" {size}>') for size in given]
    found = export(tmp_path, *cells, strict=True).pictures
    page = 163 / 25.4 * 72
    widths = [right - left for left, _, right, _ in found]
    assert widths == pytest.approx([page, page / 2, 144, 144, page / 4, page], abs=0.5)


def test_without_a_report_toml_a_document_has_its_own_title(tmp_path):
    cells = [
        new_markdown_cell(text)
        for text in ("![](x.png)", "# 1 My **homework**", "## A\n\n[up](#1-My-homework)", "### B")
    ]
    Image.new("RGB", (40, 20), "green").save(tmp_path / "x.png")
    paper = export(tmp_path, *cells, *map(new_markdown_cell, ("## C", "# D", "## E")))
    levels = [(head["/Title"], depth) for head, depth in flat(PdfReader(io.BytesIO(paper.pdf)).outline)]
    assert levels == [("A", 0), ("B", 1), ("C", 0), ("D", 0), ("E", 1)] and paper.warnings == []
    assert paper.text.count("homework") == 1 and "How this was made" not in paper.text
    assert PdfDocument(paper.pdf).get_metadata_value("Title") == "1 My homework"
    for start in ("text", "## A\n\n# B"):
        paper = export(tmp_path, new_markdown_cell(start))
        assert PdfDocument(paper.pdf).get_metadata_value("Title") == "homework"
    paper = export(tmp_path, new_markdown_cell(r"# The $\nabla f$"), new_markdown_cell("text"))
    assert PdfDocument(paper.pdf).get_metadata_value("Title") == r"The \nabla f" and "The text" in paper.text
    (tmp_path / "report.toml").write_text('title = "T"')
    paper = export(tmp_path, *cells)
    assert paper.text.startswith("T ") and "homework" in paper.text


def flat(outline: list, depth: int = 0) -> list[tuple[dict, int]]:
    lists = [flat(head, depth + 1) if isinstance(head, list) else [(head, depth)] for head in outline]
    return [head for heads in lists for head in heads]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("한국어로 쓴 과제 report of LeNet-5 `code code` $\\alpha$", "ko"),
        ("An English text on 한글 letters", "en"),
        ("", "en"),
    ],
)
def test_a_notebook_has_the_language_that_it_is_written_in(tmp_path, text, language):
    assert PdfReader(io.BytesIO(export(tmp_path, new_markdown_cell(text)).pdf)).trailer["/Root"]["/Lang"] == language


def test_several_notebooks_without_a_report_toml_show_their_code(tmp_path):
    for name in "ab":
        cells = [new_markdown_cell(f"# {name}"), new_code_cell(f"{name}_code", execution_count=1)]
        nbformat.write(new_notebook(cells=cells), tmp_path / f"{name}.ipynb")
    build_pdf([tmp_path / "a.ipynb", tmp_path / "b.ipynb"], tmp_path / "out.pdf")
    text = " ".join(page.get_textpage().get_text_range() for page in PdfDocument(tmp_path / "out.pdf"))
    assert "a_code" in text and "b_code" in text and text.startswith("a, b") and "How this" not in text


KOREAN = "한국어 글이 길게 이어지고 정확도는 99.02 %, CNN은 더 높다 " * 150
PLACES = {
    "a paragraph": [new_markdown_cell(KOREAN)],
    "a list": [new_markdown_cell(f"- {KOREAN}")],
    "a heading": [new_markdown_cell(f"{KOREAN}\n---\n")],
    "a table": [new_markdown_cell(f"| a | b |\n|---|---|\n| {KOREAN} | c |")],
    "a box": [new_markdown_cell(f'<div class="alert alert-info">{KOREAN}</div>')],
    "code": [new_markdown_cell(f"`{KOREAN}`\n\n```\n{KOREAN}\n```")],
    "printed": [ran(new_output("stream", text=KOREAN))],
    "a caption": [ran(shown(text_html=f"<table><caption>{KOREAN}</caption><tr><td>1</td></tr></table>"))],
}


@pytest.mark.parametrize("place", PLACES)
def test_hundreds_of_korean_words_and_units_are_set(place, tmp_path):
    paper = export(tmp_path, *PLACES[place])
    assert paper.text.replace(" ", "").count("이어지고정확도는") >= 150 and paper.warnings == []


def test_a_line_longer_than_a_page_goes_on_over_pages(tmp_path):
    words = [f"{i}.{i % 7}{i % 9}" for i in range(2500)]
    line = " ".join(words)
    cells = {"out": ran(new_output("stream", text=line)), "err": ran(new_output("stream", name="stderr", text=line))}
    cells |= {"fence": new_markdown_cell(f"```\n{line}\n```")}
    cells |= {"code": new_code_cell(line, execution_count=1)}
    for name, cell in cells.items():
        (tmp_path / name).mkdir()
        paper = export(tmp_path / name, cell, code="show")
        assert set(words) <= set(paper.text.split()), name


def test_a_heading_that_is_a_formula_or_a_picture_has_it_in_the_outline(tmp_path):
    Image.new("RGB", (40, 20), "green").save(tmp_path / "x.png")
    lines = ["# A", r"## $\alpha$", "## 2. $x$", "## ![로고](x.png)", "## ![](x.png)", "## 3. **b** $y$", "## `code`"]
    paper = export(tmp_path, *map(new_markdown_cell, [*lines, "## <font color='red'>red</font>", "## 🎉"]))
    outline = str(PdfReader(io.BytesIO(paper.pdf)).outline)
    titles = [title.strip() for title in re.findall("'/Title': '(.*?)'", outline)]
    assert titles[-8:][:7] == [r"\\alpha", "2. x", "로고", "3. b", "code", "red", "🎉"]
    assert len(paper.pictures) == 2 and paper.warnings == []
    words = PdfDocument(paper.pdf)[0].get_textpage()
    heights = [words.get_charbox(words.search(word).get_next()[0], loose=True) for word in ("code", "red")]
    assert heights[0][3] - heights[0][1] > 0.7 * (heights[1][3] - heights[1][1])


def test_what_only_a_browser_draws_is_told(tmp_path):
    words = "<svg xmlns='http://www.w3.org/2000/svg'><foreignObject><p>x</p></foreignObject></svg>"
    (tmp_path / "drawing.svg").write_text(words)
    cells = new_markdown_cell("![a](drawing.svg)"), new_markdown_cell("```mermaid\ngraph LR\n```")
    drawing, diagram = export(tmp_path, *cells).warnings
    assert "cell 1 shows a drawing whose words are HTML" in drawing and "cell 2 has a Mermaid diagram" in diagram
