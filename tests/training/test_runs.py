"""Nothing is lost: checkpoints, kills, locks, full disks, damaged and foreign files, keys."""

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mnist_helpers import data, training
from mnist_helpers.training import recipes, runs
from mnist_helpers.training.runs import format_epoch

CPU = torch.device("cpu")
QUICK = replace(recipes.ORIGINAL_MLP, name="QUICK", initialisation="default", epochs=3)
CYCLE = replace(QUICK, name="CYCLE", optimizer="adamw", weight_decay=0.01, schedule="one-cycle", shuffle=True)
LONG = replace(CYCLE, name="LONG", epochs=8)  # a good second an epoch
ROOT = Path(__file__).parents[2]


def folder_of(recipe, folder) -> Path:
    return runs.folder_of(recipe, 42, data.load().hash, folder, CPU)


def interrupt_after(recipe, epochs: int, folder) -> Path:
    """Train, and stop as Ctrl-C would after so many epochs; the folder of the run."""
    place = folder_of(recipe, folder)

    def stop(row):
        if row["epoch"] == epochs - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(recipe, 42, runs=folder, device="cpu", on_epoch=stop)
    return place


def assert_equal(run, other) -> None:
    assert run.history == other.history and run.epoch == other.epoch
    assert torch.equal(run.predictions, other.predictions)
    assert all(torch.equal(value, other.state[key]) for key, value in run.state.items())


REGULARIZED = {"dropout": 0.2, "batch_norm": True, "ema": 0.99, "augmentation": recipes.AUGMENTATION, "calm": 0.5}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"validation": 1_000, "model": "LeNet5", "widths": (), "resize": "pad"},
        REGULARIZED,
        {"patience": 1, "validation": 500, "batch_size": 100, "schedule": "constant", "epochs": 12},
    ],
    ids=["plain", "validation", "regularized", "early stopping"],
)
def test_an_interrupted_training_goes_on_with_the_same_digits(change, few, tmp_path, capsys, recwarn):
    recipe = replace(CYCLE, **change)
    whole = training.train(recipe, 42, runs=tmp_path / "whole", device="cpu")
    assert (len(whole.history) < recipe.epochs) == bool(recipe.patience)
    printed = capsys.readouterr().out
    folder = interrupt_after(recipe, 1, tmp_path / "runs")
    assert runs.beside(folder, "checkpoint").is_file()
    seen = []
    resumed = training.train(recipe, 42, runs=tmp_path / "runs", device="cpu", on_epoch=seen.append)
    assert_equal(resumed, whole)
    assert "\n".join(map(format_epoch, seen)) == printed.strip()  # what was finished is shown again
    assert not runs.beside(folder, "checkpoint").exists()
    assert not [warning for warning in recwarn if "set aside" in str(warning.message)]  # others may warn as they like


def test_a_training_goes_on_from_the_checkpoint_and_reuse_false_starts_over(few, tmp_path):
    folder = interrupt_after(QUICK, 2, tmp_path)
    state = runs.load_checkpoint(folder)
    state["history"][0]["train_loss"] = -1.0  # a mark that only the checkpoint has
    runs.save_checkpoint(folder, state)
    assert training.train(QUICK, 42, runs=tmp_path, device="cpu").history[0]["train_loss"] == -1.0
    assert training.train(QUICK, 42, runs=tmp_path, device="cpu", reuse=False).history[0]["train_loss"] > 0


def test_a_damaged_or_foreign_checkpoint_is_set_aside(few, tmp_path):
    whole = training.train(QUICK, 42, runs=tmp_path / "whole", device="cpu")
    foreign = runs.beside(interrupt_after(replace(QUICK, learning_rate=0.02), 1, tmp_path), "checkpoint")
    for message in ("its checksum is wrong", "it is of another recipe, seed or version"):
        path = runs.beside(interrupt_after(QUICK, 1, tmp_path), "checkpoint")
        path.write_bytes(path.read_bytes()[:-1] if "checksum" in message else foreign.read_bytes())
        with pytest.warns(UserWarning, match=f"{message}.*starts over"):
            assert_equal(training.train(QUICK, 42, runs=tmp_path, device="cpu"), whole)
        shutil.rmtree(folder_of(QUICK, tmp_path))
    assert len(list(tmp_path.glob(f"{runs.UNFINISHED}/.damaged-*"))) == 2


def start(recipe: str, folder: Path, *, before: str = "") -> subprocess.Popen:
    """A process of its own that trains a recipe of this file."""
    code = f"{before}\nfrom tests.training.test_runs import *\n"
    code += f"training.train({recipe}, 42, runs={str(folder)!r}, device='cpu')"
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-W", "error::UserWarning", "-c", code], cwd=ROOT, **streams)


def test_killed_at_any_moment_it_ends_with_the_same_digits(tmp_path):
    whole = training.train(LONG, 42, runs=tmp_path / "whole", device="cpu")
    moments = random.Random(0)
    for _ in range(3):
        process = start("LONG", tmp_path / "runs")
        assert process.stdout.readline().startswith("Epoch: 0")  # so there is a checkpoint
        time.sleep(moments.uniform(0, 1))
        process.kill()
        assert not process.communicate()[1]
        assert len(list(tmp_path.glob("runs/.unfinished/*.checkpoint"))) == 1
    assert_equal(training.train(LONG, 42, runs=tmp_path / "runs", device="cpu"), whole)


def test_a_second_process_waits_and_reuses(few, tmp_path, capsys, monkeypatch):
    folder = folder_of(QUICK, tmp_path)
    finished = training.train(QUICK, 42, runs=tmp_path / "elsewhere", device="cpu")
    with runs.locked(folder):
        capsys.readouterr()
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        second = threading.Thread(
            target=lambda: training.train(QUICK, 42, runs=tmp_path, device="cpu"), daemon=True
        )  # an own FileLock object, so it waits as another process would
        second.start()
        deadline = time.monotonic() + 60
        while "waiting" not in capsys.readouterr().err and time.monotonic() < deadline:
            time.sleep(0.05)
        assert second.is_alive() and not folder.exists()
        runs.save(replace(finished, environment=finished.environment | {"seconds": -1.0}), folder)
    second.join(60)
    assert training.train(QUICK, 42, runs=tmp_path, device="cpu").environment["seconds"] == -1.0


def test_a_full_disk_is_one_clear_error_and_harms_no_finished_run(tmp_path):
    finished = training.train(QUICK, 7, runs=tmp_path, device="cpu")
    resource = pytest.importorskip("resource", reason="needs a limit on file sizes, which Windows lacks")
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({2**16}, {resource.RLIM_INFINITY}))"
    process = start("QUICK", tmp_path, before=limit)
    errors = process.communicate()[1]
    assert process.returncode == 1
    assert "cannot be written to: File too large. Free some space there" in errors.splitlines()[-1]
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".part", ".checkpoint")]
    assert_equal(training.train(QUICK, 7, runs=tmp_path, device="cpu"), finished)


def test_a_folder_that_cannot_be_written_is_said_before_training(tmp_path):
    (tmp_path / "runs").write_text("a file, where a folder should be")
    with pytest.raises(training.TrainingError, match=r"runs cannot be written to: .*make it writable"):
        training.train(QUICK, 42, runs=tmp_path / "runs", device="cpu")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return  # root may write everywhere
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(training.TrainingError, match="locked cannot be written to: Permission denied"):
        training.train(QUICK, 42, runs=tmp_path / "locked", device="cpu")


def test_the_key_follows_recipe_seed_data_and_environment(mnist, tmp_path, monkeypatch):
    def key(recipe=QUICK, seed=42, images=mnist):
        return runs.folder_of(recipe, seed, images.hash, tmp_path, CPU).name

    one_label = mnist.train.labels.clone()
    one_label[7] += 1 if one_label[7] < 9 else -1
    other = data.Mnist(data.Digits(mnist.train.images, one_label), mnist.test)
    assert key(replace(QUICK, name="RENAMED")) == key()
    different = {key(), key(seed=43), key(images=other), key(replace(QUICK, weight_decay=0.1))}
    monkeypatch.setattr(runs, "digest", lambda *roots, chosen: "edited")
    different.add(key())
    monkeypatch.undo()
    monkeypatch.setattr(torch, "__version__", "0.1")
    assert len(different | {key()}) == 6


def test_runs_of_an_older_layout_are_ignored_and_not_misread(few, tmp_path):
    folder = folder_of(QUICK, tmp_path)
    folder.mkdir()
    (folder / "run.json").write_text('{"seed": 42, "history": [], "epoch": 0, "environment": {}}')
    (folder / "weights.pt").write_bytes(b"what torch.save wrote")
    with pytest.warns(UserWarning, match="damaged"):
        assert len(training.train(QUICK, 42, runs=tmp_path, device="cpu").history) == 3


def test_one_and_many_give_the_same_run_whatever_the_threads(few, tmp_path):
    torch.set_num_threads(2)
    try:
        one = training.train(CYCLE, 42, runs=tmp_path / "one", device="cpu")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    (many,) = training.train_many(CYCLE, [42], runs=tmp_path / "many", device="cpu")
    assert_equal(one, many)
    folders = [path.parent.name for path in tmp_path.glob("*/*/run.json")]
    assert len(folders) == 2 and len(set(folders)) == 1


def test_labels_changed_in_place_are_other_data(few_of_mnist, tmp_path):
    clean = training.train(QUICK, 42, data=few_of_mnist, runs=tmp_path, device="cpu")
    few_of_mnist.train.labels[:] = (few_of_mnist.train.labels + 1) % 10
    assert training.train(QUICK, 42, data=few_of_mnist, runs=tmp_path, device="cpu").history != clean.history
    first = data.load(device="cpu")
    first.test.labels.zero_()
    assert data.load(device="cpu").test.labels.any()  # what is done to one is not seen in the next


@pytest.fixture
def few_of_mnist(mnist):
    return data.Mnist(
        data.Digits(mnist.train.images[:2_000].clone(), mnist.train.labels[:2_000].clone()), mnist.test[:500]
    )


def test_a_folder_of_another_run_is_not_taken_for_this_one(few, tmp_path):
    one, two = replace(QUICK, epochs=1), replace(QUICK, epochs=2)
    expected = [len(training.train(recipe, 42, runs=tmp_path, device="cpu").history) for recipe in (one, two)]
    folders = [folder_of(recipe, tmp_path) for recipe in (one, two)]
    shutil.rmtree(folders[0])
    shutil.copytree(folders[1], folders[0])
    with pytest.warns(UserWarning, match="it is of another recipe, seed or version"):
        assert len(training.train(one, 42, runs=tmp_path, device="cpu").history) == expected[0] == 1


@pytest.mark.parametrize("seed", ["42", 1.5, True, -1, None, 2**70])
def test_what_is_no_seed_is_refused(seed, few, tmp_path):
    for train in (training.train, lambda recipe, seed, **options: training.train_many(recipe, [seed], **options)):
        with pytest.raises(training.RecipeError, match=r"expected a Recipe such as \S+ and a seed from 0 on"):
            train(QUICK, seed, runs=tmp_path, device="cpu")


def test_numbers_of_numpy_are_seeds_and_every_run_has_the_recipe_that_was_asked_for(few, tmp_path):
    recipes_ = [replace(QUICK, epochs=1), replace(QUICK, epochs=1, name="OTHER")]
    grid = training.train_grid(recipes_, np.arange(1, 2), runs=tmp_path, device="cpu")
    assert [(name, run.recipe.name, run.seed) for name, (run,) in grid.items()] == [
        ("QUICK", "QUICK", 1),
        ("OTHER", "OTHER", 1),
    ]
    with pytest.raises(data.DataError, match=r"data must be a data\.Mnist"):
        training.train(QUICK, 1, data=data.load().train, runs=tmp_path)


def test_a_script_without_a_guard_trains_side_by_side(tmp_path):
    shutil.copytree(ROOT / "data", tmp_path / "data")
    (tmp_path / "report.toml").write_text("")
    (tmp_path / "helpers.py").write_text("K = 1.0\n\n\ndef gain():\n    return K\n")
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:3] == ["started", "True True", "RecipeError True"], done.stdout


SCRIPT = """
import threading

import helpers
from torch import nn

from mnist_helpers import data, training
from mnist_helpers.training import Recipe

print("started")
mnist = data.load(device="cpu")
few = data.Mnist(mnist.train[:2_000], mnist.test[:500])


def network(width):
    class Closed(nn.Module):
        def __init__(self):
            super().__init__()
            self.few = nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.ReLU(), nn.Linear(width, 10))

        def forward(self, x):
            return self.few(x) * helpers.gain()

    return Closed


class Locked(network(4)):
    def forward(self, x):
        with lock:
            return self.few(x)


lock = threading.Lock()
helpers.K = 2.0  # other than in the file
recipe = Recipe("mine", network(8), epochs=1, validation=100)
options = {"data": few, "device": "cpu"}
many = training.train_many(recipe, [1, 2], **options)
one = training.train(recipe, 1, **options, reuse=False, on_epoch=lambda row: None)
again = training.train_many(recipe, [1, 2], **options)
print(many[0].history == one.history, [run.environment for run in again][1] == many[1].environment)
try:
    training.train_many(Recipe("locked", Locked, epochs=1, validation=100), [1], **options)
except training.RecipeError as error:
    print(type(error).__name__, "cannot be sent to another process" in str(error))
"""
