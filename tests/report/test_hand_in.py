"""What is handed in: report.pdf and report_ko.pdf, made of the notebooks 00_report and 00_report_ko in git."""

import ast
import json
import re
from collections import Counter
from pathlib import Path

import nbformat
import pypdfium2
import pytest
from pypdf import PdfReader

from mnist_helpers.report.exporter import build_pdfs

ROOT = Path(__file__).parents[2]
NAMES = {"en": "00_report", "ko": "00_report_ko"}
PLUMBING = ("chapter.", "mnist_helpers", "nbval", "Chapter(", "published.", "statistics.", "runs[", "{scores")
WORD = {"en": ("Figure", "Table"), "ko": ("그림", "표")}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """{language: the PDF}, as `pdf` makes them of the notebooks in git."""
    paths = [ROOT / "notebooks" / f"{name}.ipynb" for name in NAMES.values()]
    pdfs = build_pdfs(paths, tmp_path_factory.mktemp("hand_in"))
    assert [path.name for path in pdfs] == ["report.pdf", "report_ko.pdf"]
    return dict(zip(NAMES, pdfs, strict=True))


@pytest.fixture(scope="module", params=NAMES)
def language(request):
    return request.param


def notebook(language):
    return nbformat.read(ROOT / "notebooks" / f"{NAMES[language]}.ipynb", 4)


def texts(path):
    return [page.extract_text() for page in PdfReader(path).pages]


def squeezed(text):
    return "".join(text.split())


def shown(language):
    """All that the notebook says: its Markdown, and the Markdown and text of its outputs."""
    parts = []
    for cell in notebook(language).cells:
        parts += [cell.source] if cell.cell_type == "markdown" else []
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                parts.append(output.text)
            elif output.metadata.get("report", {}).get("role") not in ("caption", "title"):
                data = output.data
                parts.append(data.get("text/markdown") or data.get("text/plain", ""))
    return parts


def test_it_has_10_to_16_pages_and_at_most_2_mb(made, language):
    assert 10 <= len(PdfReader(made[language]).pages) <= 16
    assert made[language].stat().st_size <= 2_000_000


def test_it_is_accessible_and_says_its_language(made, language):
    catalogue = PdfReader(made[language]).trailer["/Root"]
    assert catalogue["/MarkInfo"]["/Marked"] and catalogue["/Lang"] == language


def test_no_page_but_the_last_is_less_than_a_third_full(made, language):
    for page in list(pypdfium2.PdfDocument(made[language]))[:-1]:
        image = page.render(scale=0.5).to_pil().convert("L")
        width, height = image.size
        body = image.crop((0, int(0.08 * height), width, int(0.93 * height)))  # without head and page number
        rows = [y for y in range(body.height) if body.crop((0, y, width, y + 1)).getextrema()[0] < 200]
        assert (rows[-1] - rows[0]) / height > 1 / 3


def test_the_abstract_has_at_most_120_words():
    abstract = next(part for part in shown("en") if part.startswith("**Abstract.**"))
    assert len(abstract.split()) <= 120


def test_each_requirement_is_found_on_the_page_that_the_first_page_names(made, language):
    pages = texts(made[language])
    pattern = r"(\d)절,\s+(\d+)쪽" if language == "ko" else r"section\s+(\d),\s+p\.\s+(\d+)"
    places = dict(re.findall(pattern, pages[0]))
    headings = re.findall(r"^## ((\d) .*)$", "\n".join(shown(language)), re.M)
    assert list(places) == list("1234567") and len(headings) == 8
    for words, number in headings[:7]:
        assert squeezed(words) in squeezed(pages[int(places[number]) - 1])


def test_every_figure_and_table_is_referred_to_in_the_text(language):
    said = " ".join(part for part in shown(language))
    labels = [
        output.metadata["report"]["label"]
        for cell in notebook(language).cells
        for output in cell.get("outputs", [])
        if "label" in output.get("metadata", {}).get("report", {})
    ]
    assert len(labels) == 8 + 6
    assert {label.split()[0] for label in labels} == set(WORD[language])
    for label in labels[1:]:  # Table 1 is what the reader sees first
        assert re.search(rf"{label}(?!\d)", re.sub(rf"^{label}\. .*$", "", said, flags=re.M)), label


def test_every_reference_is_cited_and_the_originals_are_among_them(made, language):
    text = "\n".join(texts(made[language]))
    end = re.split(r"^(?:References|참고 문헌)$", text, flags=re.M)[-1]
    listed = [int(number) for number in re.findall(r"^\[(\d+)\]", end, re.M)]
    assert listed == list(range(1, len(listed) + 1)) and len(listed) > 10
    for number in listed:
        assert text.count(f"[{number}]") > 1
    places = ("jimmynkim/MNIST_Classification", "deep-learning-study.tistory.com/368", "watch?v=yTgAPCY7cEc")
    assert all(place in squeezed(text) for place in places)


def test_no_plumbing_is_printed(made, language):
    text = "\n".join(texts(made[language]))
    before_appendix = re.split("Appendix:|부록:", text)[0]
    assert not [word for word in PLUMBING if word in before_appendix]
    for word in ("backward()", "class DigitDataset", "class PlainLeNet5", "class PlainMLP", "optimizer.step()"):
        assert word in before_appendix


def bare(source):
    """A cell's syntax tree without its words; what a sentence names may come in another order."""

    class Words(ast.NodeTransformer):
        def visit_Constant(self, node):
            return ast.Constant("") if isinstance(node.value, str) else node

        def visit_JoinedStr(self, node):
            values = [self.visit(part) for part in node.values if isinstance(part, ast.FormattedValue)]
            return ast.List(sorted(values, key=ast.dump), ast.Load())

    return ast.dump(Words().visit(ast.parse(source)))


def test_the_korean_notebook_is_the_english_one_in_other_words():
    english, korean = notebook("en"), notebook("ko")
    assert len(english.cells) == len(korean.cells)
    for one, other in zip(english.cells, korean.cells, strict=True):
        assert (one.cell_type, one.id, one.metadata) == (other.cell_type, other.id, other.metadata)
        if one.cell_type == "code":
            assert bare(one.source) == bare(other.source), one.source


def numbers(parts):
    return Counter(number.replace(",", "") for part in parts for number in re.findall(r"\d[\d,]*\.\d+", part))


def test_every_number_is_the_same_in_korean():
    assert numbers(shown("en")) == numbers(shown("ko")) and len(numbers(shown("en"))) > 200


def test_the_headline_numbers_are_those_of_the_long_report():
    results = json.loads((ROOT / "figures/results.json").read_text(encoding="utf-8"))
    table = next(part for part in shown("en") if "95 % interval" in part and "MACs" in part)
    for key in ("lenet5", "mlp", "mlp_small"):
        assert f"{results[f'{key}_test_accuracy']['value']:.2f} ±" in table
    lead = results["lenet5_minus_mlp"]
    words = f"**{lead['value']:.2f} points** ({lead['interval'][0]:.2f} to {lead['interval'][1]:.2f})"
    assert any(words in part for part in shown("en"))


def test_no_picture_is_shown_without_its_caption(language):
    for cell in notebook(language).cells:
        outputs = [output for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
        assert all("label" in output.metadata.get("report", {}) for output in outputs), cell.source


def test_no_name_is_used_after_another_cell_has_given_it_another_meaning(language):
    """So a cell that is run again, alone, shows what it showed before."""
    given, read = {}, {}
    for index, cell in enumerate(cell for cell in notebook(language).cells if cell.cell_type == "code"):
        body = [part for part in ast.parse(cell.source).body if not isinstance(part, (ast.FunctionDef, ast.ClassDef))]
        names = [node for part in body for node in ast.walk(part) if isinstance(node, ast.Name)]
        here = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        for name in {node.id for node in names if isinstance(node.ctx, ast.Load)} - here:
            read.setdefault(name, []).append(index)
        for name in here:
            given.setdefault(name, []).append(index)
    assert not [name for name in read if len(given.get(name, [])) > 1 and name not in ("name", "caption", "key")]


def test_open_cells_are_what_a_student_learns_from(language):
    opened = [
        cell.source
        for cell in notebook(language).cells
        if cell.cell_type == "code" and not cell.metadata.get("jupyter", {}).get("source_hidden")
    ]
    assert len(opened) == 7 and not [word for cell in opened for word in PLUMBING if word in cell]
    assert all(len(line) <= 92 for cell in opened for line in cell.splitlines())
