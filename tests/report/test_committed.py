"""What is committed belongs together: notebooks, figures, results.json and the README come from one run."""

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
RESULTS = json.loads((ROOT / "figures" / "results.json").read_text(encoding="utf-8"))


def displays(notebook):
    """(metadata["report"], data) of every output that the chapter helper showed."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "report" in output.get("metadata", {}):
                yield output.metadata["report"], output.data


def test_there_are_seven_chapters():
    assert [path.name[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05", "06", "07"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_executed_in_order_and_clean(path):
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert "widgets" not in notebook.metadata
    for cell in code:
        assert len(cell.source.splitlines()) <= 20, cell.source
        for output in cell.outputs:
            assert output.output_type != "error" and output.get("name") != "stderr"
            assert not re.search(r"/(root|home|tmp|Users)/\w|it/s\]", json.dumps(output)), "a machine's path or a bar"
    assert path.stat().st_size < 1_500_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_code_that_only_shows_is_folded_away_and_what_trains_or_defines_is_not(path):
    notebook, refolded = nbformat.read(path, 4), nbformat.read(path, 4)
    fold(refolded)
    assert refolded == notebook
    for cell in notebook.cells:
        if re.search(r"^class |training\.train|chapter = Chapter", cell.source, re.M):
            assert "cellView" not in cell.metadata and "jupyter" not in cell.metadata, cell.source


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
        for about, _ in displays(nbformat.read(path, 4)):
            shown |= about.get("results", {})
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
