"""What is committed belongs together: notebooks, figures, results.json and the README come from one run."""

import ast
import base64
import json
import re
from pathlib import Path

import nbformat
import pytest

from mnist_helpers.report.run import fold
from mnist_helpers.report.summary import BEGIN, END, results_table

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHAPTERS = [path for path in NOTEBOOKS if path.name[:2] != "00"]  # test_hand_in.py has the hand-in
RESULTS = json.loads((ROOT / "figures" / "results.json").read_text(encoding="utf-8"))
SHOWS = r"^ *chapter\.(say|figure|table|record|check)\("
# Formatting, which cells that show may do, is all but this.
COMPUTES = (
    r"^ *assert |torch\.manual_seed|\b(calibration|corruptions|data|inside|models|parameters|training)\.\w+\("
    r"|\bstatistics\.(?!span\()\w+\(|\bstudies\.(?!provenance\()\w+\("
)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def declared(path: Path) -> dict[str, str]:
    """{"Figure 3.1": its key, ...} and so the tables, as the set-up cell declares them."""
    (cell,) = (cell for cell in code_cells(nbformat.read(path, 4)) if "chapter = Chapter(" in cell.source)
    (statement,) = ast.parse(cell.source).body
    keys = {keyword.arg: ast.literal_eval(keyword.value).split() for keyword in statement.value.keywords}
    return {
        f"{kind} {int(path.name[:2])}.{number}": key
        for kind in ("Figure", "Table")
        for number, key in enumerate(keys[f"{kind.lower()}s"], 1)
    }


def displays(notebook):
    """(metadata["report"], data) of every output that the chapter helper showed."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "report" in output.get("metadata", {}):
                yield output.metadata["report"], output.data


def test_there_are_the_hand_in_in_two_languages_and_seven_chapters():
    assert [path.name[:2] for path in NOTEBOOKS] == ["00", "00", "01", "02", "03", "04", "05", "06", "07"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_executed_in_order_and_clean(path):
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    code = code_cells(notebook)
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert "widgets" not in notebook.metadata
    for cell in code:
        for output in cell.outputs:
            assert output.output_type != "error" and output.get("name") != "stderr"
            assert not re.search(r"/(root|home|tmp|Users)/\w|it/s\]", json.dumps(output)), "a machine's path or a bar"
    assert path.stat().st_size < 1_500_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_names_of_imported_modules_exist_and_are_public(path):
    tree = ast.parse("\n".join(cell.source for cell in code_cells(nbformat.read(path, 4))))
    imported = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            exec(ast.unparse(node), imported)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imported:
            assert hasattr(imported[node.value.id], node.attr), ast.unparse(node)
            assert not node.attr.startswith("_"), ast.unparse(node)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_code_is_short_and_narrow(path):
    for cell in code_cells(nbformat.read(path, 4)):
        lines = cell.source.splitlines()
        assert len(lines) <= (8 if "import Chapter" in cell.source or "= Chapter(" in cell.source else 20), cell.source
        assert max(map(len, lines)) <= 110, max(lines, key=len)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_code_that_only_shows_is_folded_away_and_what_trains_computes_or_defines_is_not(path):
    notebook, refolded = nbformat.read(path, 4), nbformat.read(path, 4)
    fold(refolded)
    assert refolded == notebook
    for cell in code_cells(notebook):
        shows = bool(re.search(SHOWS, cell.source, re.M))
        folded = cell.metadata.get("cellView") == "form" and cell.metadata.get("jupyter") == {"source_hidden": True}
        assert folded == shows, cell.source
        if shows:
            assert not re.search(rf"^(class|def) |{COMPUTES}", cell.source, re.M), cell.source


def is_table(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "chapter.table"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_figures_and_tables_are_shown_as_declared(path):
    notebook, keys = nbformat.read(path, 4), declared(path)
    for kind in ("Figure", "Table"):
        own = [key for label, key in keys.items() if label.startswith(kind)]
        assert len(set(own)) == len(own)
    shown = [about for about, _ in displays(notebook) if about["role"] in ("figure", "table")]
    for role in ("figure", "table"):
        labels = [about["label"] for about in shown if about["role"] == role]
        assert labels == [label for label in keys if label.startswith(role.capitalize())]
    for about in shown:
        if about["role"] == "figure":
            assert about["file"] == f"{path.stem}_{keys[about['label']]}"
    in_code = []  # a table's output does not name its key
    for cell in code_cells(notebook):
        for line in cell.source.splitlines():
            if re.match(r" *chapter\.table\(", line):
                (call,) = [node for node in ast.walk(ast.parse(cell.source)) if is_table(node)]
                in_code.append(call.args[1].value)
    assert in_code == [key for label, key in keys.items() if label.startswith("Table")]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_number_in_the_text_is_one_of_a_figure_or_table_and_each_of_these_is_named(path):
    known = {label for notebook in CHAPTERS for label in declared(notebook)}
    texts = []
    for cell in nbformat.read(path, 4).cells:
        texts.append(cell.source)
        for output in cell.get("outputs", []):
            if output.get("metadata", {}).get("report", {}).get("role") != "caption":
                texts.append(output.get("text", "") + output.get("data", {}).get("text/markdown", ""))
    named = set(re.findall(r"(?:Figure|Table) \d+\.\d+", "\n".join(texts)))
    assert named <= known, named - known
    assert set(declared(path)) <= named, set(declared(path)) - named


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_claim_holds(path):
    assert [data for about, data in displays(nbformat.read(path, 4)) if about["role"] == "broken claim"] == []


def test_figures_are_those_in_the_notebooks():
    shown = {}
    for path in NOTEBOOKS:
        for about, data in displays(nbformat.read(path, 4)):
            if about["role"] == "figure":
                shown[about["file"]] = base64.b64decode(data["image/png"])
    on_disk = {path.stem: path.read_bytes() for path in (ROOT / "figures").glob("[0-9]*.png")}
    assert on_disk == shown
    assert {path.stem for path in (ROOT / "figures").glob("*.svg")} == set(shown)


def test_results_are_those_in_the_notebooks():
    shown = {}
    for path in NOTEBOOKS:
        shown |= nbformat.read(path, 4).metadata["report"]["results"]
    assert shown == RESULTS
    for key, entry in RESULTS.items():
        assert set(entry) == {"value", "interval", "n", "unit", "chapter"}, key
        if entry["interval"]:
            low, high = entry["interval"]
            assert low <= entry["value"] <= high, key


def test_readme_shows_these_results():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.split(BEGIN)[1].split(END)[0].strip() == results_table(RESULTS)
    for link in re.findall(r"\]\(([^)#:]+)\)|src=\"([^\"]+)\"", readme):
        assert (ROOT / "".join(link)).exists(), link


def test_prose_about_the_originals_errors_is_computed_somewhere():
    assert (RESULTS["lenet5_parameters"]["value"], RESULTS["mlp_parameters"]["value"]) == (61_706, 235_146)
    assert (RESULTS["lenet5_macs"]["value"], RESULTS["mlp_macs"]["value"]) == (416_520, 234_752)
