"""The README's "Change things", done as it says: its code blocks in a new kernel, and chapter 5 with its PDF."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from pypdf import PdfReader

from mnist_helpers import studies

ROOT = Path(__file__).parents[1]


def blocks(heading: str = "Change things") -> list[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split(f"## {heading}")[1].split("\n## ")[0]
    return [textwrap.dedent(block) for block in re.findall(r"^ *```python\n(.*?)^ *```$", section, re.M | re.S)]


def run_cells(folder: Path, *sources: str) -> list[str]:
    """What cells print in a new kernel in the folder, which has the data and nothing else of the project."""
    shutil.copytree(ROOT / "data", folder / "data")
    (folder / "report.toml").write_text("")
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells]


@pytest.mark.parametrize("name", ["best-lenet5", "best-mlp"])
def test_the_weights_of_the_first_seed_answer_as_its_training_did(tmp_path, name):
    (block,) = blocks("The many-seed studies")
    misses = "print((logits.argmax(1) != data.load().test.labels).nonzero().flatten().tolist())"
    printed = run_cells(tmp_path, block.replace("best-lenet5", name, 1), misses)
    trained = studies.read("longer")[name.upper().replace("-", "_")][0]
    assert json.loads(printed[1]) == sorted(trained.wrong)  # half precision changes no answer


def test_other_values_and_a_network_of_ones_own_train_in_a_notebook(tmp_path):
    values, network, _ = blocks()
    printed = run_cells(
        tmp_path, values, network, "linear = training.train(networks['linear'], 42)", "linear.test_accuracy"
    )
    assert printed[0].count("Epoch:") == 2 and printed[2].count("Epoch:") == 5
    names = sorted(path.parent.name.split("-")[0] for path in tmp_path.glob("runs/*/run.json"))
    assert names == ["lenet5", "linearclassifier"]


def idx(values: torch.Tensor) -> bytes:
    shape = b"".join(n.to_bytes(4, "big") for n in values.shape)
    return bytes([0, 0, 8, values.ndim]) + shape + values.byte().numpy().tobytes()


def test_five_lines_train_on_another_data_set(tmp_path, mnist):
    """A small stranger in Fashion-MNIST's place: the file names and forms that torchvision leaves there."""
    block = blocks()[2]
    assert len([line for line in block.splitlines() if line.strip()]) == 5
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    shutil.copytree(ROOT / "data", tmp_path / "data")
    raw.mkdir(parents=True)
    for part, digits in (("train", mnist.train[:6_000]), ("t10k", mnist.test[:1_000])):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(idx(255 - digits.images))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx((digits.labels + 1) % 10))
    (tmp_path / "report.toml").write_text("")
    done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Epoch:") == 15 and re.search(
        r"\d\d\.\d\d% right; images that it gets wrong: \[", done.stdout
    )
    (run,) = tmp_path.glob("runs/*/run.json")
    assert json.loads(run.read_text())["scale"][0] > 0.8  # its own mean, not MNIST's 0.1307


def test_a_network_of_ones_own_is_in_comparison_and_pdf(tmp_path):
    values, network, _ = blocks()
    for name in ("mnist_helpers", "notebooks", "data", "runs", "studies"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("report.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    finished = set((tmp_path / "runs").iterdir())
    path = tmp_path / "notebooks" / "05_comparison.ipynb"
    notebook = nbformat.read(path, 4)
    place = next(i for i, cell in enumerate(notebook.cells) if "networks = recipes.NETWORKS" in cell.source)
    notebook.cells[place].source = re.sub("^networks = .*$", "", notebook.cells[place].source, flags=re.M)
    imports = "\n".join(line for line in values.splitlines() if "import" in line)
    notebook.cells.insert(place, new_code_cell(f"{imports}\n{network}"))
    nbformat.write(notebook, path)

    environment = os.environ | {"PYTHONPATH": str(tmp_path)}  # kernels find this copy, not the installed package
    command = [sys.executable, "-m", "mnist_helpers", "report", "--chapters", "5", "--seeds", "1"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    built = tmp_path / "build" / "partial"
    accuracy = json.loads((built / "figures" / "results.json").read_text())["linear_test_accuracy"]
    assert 91 < accuracy["value"] < 93.5  # a linear classifier's known range
    text = " ".join(page.extract_text() for page in PdfReader(built / "report_full.pdf").pages)
    assert re.search(r"linear\s+7,850\s+7,840", text) and re.search(rf"linear\s+7,850\s+{accuracy['value']:.2f}", text)
    (new,) = {*(tmp_path / "runs").glob("[!.]*")} - finished  # no other was trained again
    assert new.name.startswith("linearclassifier")
