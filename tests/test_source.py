"""What decides the digits is in a run's key, and nothing else: of the package's code and of a student's own."""

import importlib
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mnist_helpers.source import digest
from mnist_helpers.training import loop, models, recipes, runs

ROOT = Path(__file__).parents[1]


def module(tmp_path, monkeypatch, text: str):
    """A student's own file, imported anew."""
    (tmp_path / "mynets.py").write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("mynets", None)
    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    return importlib.import_module("mynets")


SOURCE = '''
from torch import nn

WIDTH = 32
TABLE = {"relu": nn.ReLU, "tanh": nn.Tanh}

def block(n):
    """A block."""
    return nn.Linear(n, WIDTH)

class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(block(784), TABLE["relu"](), nn.Linear(WIDTH, 10))

    def forward(self, x):
        return self.layers(x.flatten(1))

class Other(nn.Module):
    size = 1
'''


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("from torch import nn", "import math\nfrom torch import nn", True),
        ('"""A block."""', '"""Another text."""', True),
        ("class Mine", "# a comment\n\nclass Mine", True),
        ("size = 1", "size = 2", True),
        ("WIDTH = 32", "WIDTH = 64", False),
        ("nn.Linear(n, WIDTH)", "nn.Linear(n, WIDTH, bias=False)", False),
        ("x.flatten(1)", "x.flatten(1) * 2", False),
        ('"relu": nn.ReLU', '"relu": nn.GELU', False),
        ('"tanh": nn.Tanh', '"tanh": nn.Tanh, "silu": nn.SiLU', True),
    ],
)
def test_a_class_is_known_by_what_it_reaches(tmp_path, monkeypatch, old, new, same):
    before = digest(module(tmp_path, monkeypatch, SOURCE).Mine, chosen=["relu"])
    after = digest(module(tmp_path, monkeypatch, SOURCE.replace(old, new)).Mine, chosen=["relu"])
    assert (before == after) == same


REACHED = """
import functools
import numpy as np
import torch
from torch import nn

def twice(f):
    @functools.wraps(f)
    def inside(*args):
        return f(*args) * 1
    return inside

class Base:
    gain = 1
    def g(self):
        return 1

class Helper(Base):
    __slots__ = ("k",)

helper = Helper()
bound = helper.g
TENSOR = torch.tensor([1.0, 2.0])
ARRAY = np.array([1, 2])
PART = nn.Dropout(0.1)
LIST, ORDER = [0], {"b": 1, "a": 2}

class Mine(nn.Module):
    @functools.cached_property
    def late(self):
        return 1

    @property
    def value(self):
        return 1

    @value.setter
    def value(self, new):
        self.kept = new + 1

    @twice
    def forward(self, x):
        return PART(x) * TENSOR * ARRAY[LIST] + helper.g() + bound() + list(ORDER)[0] + self.late
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("f(*args) * 1", "f(*args) * 2"),
        ("[1.0, 2.0]", "[1.0, 3.0]"),
        ("np.array([1, 2])", "np.array([1, 3])"),
        ("Dropout(0.1)", "Dropout(0.2)"),
        ("    def late(self):\n        return 1", "    def late(self):\n        return 2"),
        ("    def value(self):\n        return 1", "    def value(self):\n        return 2"),
        ("new + 1", "new + 2"),
        ("    def g(self):\n        return 1", "    def g(self):\n        return 2"),
        ("gain = 1", "gain = 2"),
        ("LIST, ORDER = [0]", "LIST, ORDER = (0,)"),
        ('{"b": 1, "a": 2}', '{"a": 2, "b": 1}'),
        ("    @twice\n", ""),
    ],
)
def test_what_is_reached_by_way_of_objects_counts(tmp_path, monkeypatch, old, new):
    assert old in REACHED
    before = digest(module(tmp_path, monkeypatch, REACHED).Mine)
    assert digest(module(tmp_path, monkeypatch, REACHED).Mine) == before
    assert digest(module(tmp_path, monkeypatch, REACHED.replace(old, new)).Mine) != before


def test_what_holds_itself_or_cannot_be_pickled_has_a_digest_too(tmp_path, monkeypatch):
    text = SOURCE + "\nimport threading\nLOCK, A = threading.Lock(), [1]\nA.append(A)\n"
    text = text.replace("return self.layers", "LOCK, A\n        return self.layers")
    assert digest(module(tmp_path, monkeypatch, text).Mine) == digest(module(tmp_path, monkeypatch, text).Mine)


KEY = """
import torch
from mnist_helpers import data
from mnist_helpers.training import recipes, runs

part = data.Digits(torch.zeros(9, 28, 28).byte(), torch.arange(9))
few = data.Mnist(part, part)
for recipe in (recipes.LENET5, recipes.MLP):
    print(runs.folder_of(recipe, 42, few.hash, "runs", torch.device("cpu")).name)
"""


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("training/models.py", "import inspect", "import inspect\nimport math", []),
        ("training/models.py", "class MLP(nn.Module):", "class A(nn.Module):\n    x = 1\n\nclass MLP(nn.Module):", []),
        ("training/models.py", '    "gelu": nn.GELU,', '    "gelu": nn.GELU,\n    "elu": nn.ELU,', []),
        ("training/models.py", "nn.Linear(n5, n6)", "nn.Linear(n5, n6, bias=True)", ["lenet5"]),
        ("training/models.py", "in pairwise(sizes):", "in [*pairwise(sizes)]:", ["mlp"]),
        ("training/loop.py", "loss.backward()", "(2 * loss).backward()", ["lenet5", "mlp"]),
        ("data.py", "MEAN, STD = 0.1307, 0.3081", "MEAN, STD = 0.13, 0.31", ["lenet5", "mlp"]),
        ("training/runs.py", "import shutil", "import math\nimport shutil", []),
        ("download.py", "import hashlib", "import hashlib\nimport math", []),
    ],
)  # fmt: skip
def test_an_edit_of_the_package_trains_again_what_it_decides_and_nothing_else(tmp_path, file, old, new, changed):
    shutil.copytree(ROOT / "mnist_helpers", tmp_path / "mnist_helpers", ignore=shutil.ignore_patterns("__pycache__"))

    def names() -> list[str]:
        command = [sys.executable, "-B", "-c", KEY]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.split()

    before, path = names(), tmp_path / "mnist_helpers" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    different = [a.partition("-")[0] for a, b in zip(before, names(), strict=True) if a != b]
    assert different == changed


def test_the_key_is_the_same_in_another_process(mnist, tmp_path):
    """It holds no address and no order of a set, which differ between processes."""
    code = KEY.replace("print(", "print(__import__('mnist_helpers.source').source.digest(runs.fit), ")
    command = [sys.executable, "-c", code]
    first, second = (subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2))
    assert first == second and digest(loop.fit) in first
    assert (
        digest(models.LeNet5) != digest(models.MLP) and recipes.LENET5.key != recipes.MLP.key and runs.fit is loop.fit
    )
