"""What a student changes in a notebook: a class of their own, other values, other data; in a kernel of its own."""

import json
import os
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).parents[2]
SET_UP = """
from torch import nn
from mnist_helpers import data, training
from mnist_helpers.training import Recipe, recipes

mnist = data.load(device="cpu")
few = data.Mnist(mnist.train[:3_000], mnist.test[:1_000])
"""
CLASS = """
class {name}(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear({size}, {width}), nn.ReLU(), nn.Linear({width}, 10))

    def forward(self, x):
        return self.layers(x)
"""
TRAIN = """
recipe = Recipe("mine", {model}, epochs=1, validation=500)
runs = training.train_many(recipe, [42, 43], data=few, device="cpu")
print([sum(p.numel() for p in run.model().parameters()) for run in runs])
"""


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Run cells in a new kernel in a project folder of its own; what they print, or the error's last line."""
    shutil.copytree(ROOT / "data", tmp_path / "data")
    (tmp_path / "report.toml").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(ROOT) + os.pathsep + os.environ.get("PYTHONPATH", ""))

    def run(*sources: str) -> list[str]:
        notebook = new_notebook(cells=[new_code_cell(source) for source in (SET_UP, *sources)])
        client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
        try:
            client.execute()
        except CellExecutionError as error:
            return [f"{error.ename}: {error.evalue}"]
        nbformat.validate(notebook)
        return ["".join(o.get("text", "") for o in cell.outputs) for cell in notebook.cells[1:]]

    return run


def finished(tmp_path) -> list[str]:
    return sorted(path.parent.name for path in tmp_path.glob("runs/*/run.json"))


def test_a_class_of_a_notebook_is_trained_and_kept_by_its_source(kernel, tmp_path):
    mine = CLASS.format(name="Mine", size=784, width=16)
    train = TRAIN.format(model="Mine")
    assert kernel(mine, train)[-1] == f"[{785 * 16 + 17 * 10}] * 2\n".replace("] * 2", ", 12730]")
    first = finished(tmp_path)
    assert len(first) == 2 and all(name.startswith("mine-seed") for name in first)
    assert kernel("import math", mine + "\n# a comment", train)[-1].startswith("[12730")
    assert finished(tmp_path) == first  # the same class, in another kernel: reused
    assert kernel(CLASS.format(name="Mine", size=784, width=8), train)[-1].startswith("[6370")
    assert len(finished(tmp_path)) == 4


def test_a_redefined_class_is_never_replaced_by_the_packages(kernel, tmp_path):
    own = CLASS.format(name="LeNet5", size=1024, width=8)
    (error,) = kernel(own, "training.train(recipes.LENET5, 42, data=few)")
    assert error.startswith("RecipeError: recipe LENET5 names the package's LeNet5, and this notebook has a class")
    assert "write model=LeNet5, without quotes" in error and not finished(tmp_path)
    train = "run = training.train(recipes.LENET5.changed('mine', model=LeNet5, resize='pad', epochs=1, validation=9)"
    train += ", 42, data=few)"
    show = "print(sum(p.numel() for p in run.model().parameters()))"
    assert kernel(own, train, show)[-1] == f"{1025 * 8 + 9 * 10}\n"


def test_a_network_for_another_size_is_refused_with_what_to_do(kernel):
    (error,) = kernel(
        CLASS.format(name="Wide", size=1024, width=8), "training.train(Recipe('w', Wide, validation=9), 42, data=few)"
    )
    assert "RecipeError: recipe w: of images [2, 1, 28, 28] Wide makes an error" in error
    assert 'perhaps it is made for another size: resize="pad" gives 32 pixels a side' in error


def test_other_data_have_runs_of_their_own(kernel, tmp_path):
    other = "other = data.Mnist(data.Digits(255 - few.train.images, few.train.labels), few.test)"
    train = """
recipe = recipes.MLP.changed("mine", epochs=1, validation=500)
runs = [training.train(recipe, 42, data=images, on_epoch=lambda row: None) for images in (few, other, few)]
print([run.scale for run in runs], runs[0].history == runs[2].history != runs[1].history, few.scale, other.scale)
"""
    printed = kernel(other, train)[-1]
    assert len(finished(tmp_path)) == 2
    record = [json.loads(path.read_text())["scale"] for path in tmp_path.glob("runs/*/run.json")]
    assert "True" in printed and record[0] != record[1]
