"""Nothing is lost: checkpoints, kills, locks, full disks, damaged and foreign files, listing and pruning."""

import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from mnist_helpers import data, recipes, storage, training
from mnist_helpers.__main__ import main

CPU = torch.device("cpu")
QUICK = replace(recipes.ORIGINAL_MLP, name="QUICK", initialisation="default", epochs=3)
CYCLE = replace(QUICK, name="CYCLE", optimizer="adamw", weight_decay=0.01, schedule="one-cycle", shuffle=True)
LONG = replace(CYCLE, name="LONG", epochs=8)  # a good second an epoch
ROOT = Path(__file__).parent.parent


@pytest.fixture
def few(mnist, monkeypatch):
    """4,000 training and 1,000 test digits instead of all."""
    few = data.Mnist(mnist.train[:4_000], mnist.test[:1_000])
    monkeypatch.setattr(data, "load", lambda *_: few)


def interrupt_after(recipe, epochs: int, runs) -> Path:
    """Train, and stop as Ctrl-C would after so many epochs; the folder of the run."""
    folder = storage.folder(recipe, 42, runs, CPU, torch.get_num_threads())

    def stop(row):
        if row["epoch"] == epochs - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(recipe, 42, runs=runs, device="cpu", on_epoch=stop)
    return folder


def assert_equal(run, other) -> None:
    assert run.history == other.history and run.epoch == other.epoch
    assert torch.equal(run.predictions, other.predictions)
    assert all(torch.equal(value, other.state[key]) for key, value in run.state.items())


@pytest.mark.parametrize("change", [{}, {"validation": 1_000, "model": "LeNet5", "widths": (), "resize": "pad"}])
def test_an_interrupted_training_goes_on_with_the_same_digits(change, few, tmp_path, capsys, recwarn):
    recipe = replace(CYCLE, **change)
    whole = training.train(recipe, 42, runs=tmp_path / "whole", device="cpu")
    printed = capsys.readouterr().out
    folder = interrupt_after(recipe, 1, tmp_path / "runs")
    assert storage._beside(folder, "checkpoint").is_file()
    seen = []
    resumed = training.train(recipe, 42, runs=tmp_path / "runs", device="cpu", on_epoch=seen.append)
    assert_equal(resumed, whole)
    assert "\n".join(map(storage.format_epoch, seen)) == printed.strip()  # what was finished is shown again
    assert not storage._beside(folder, "checkpoint").exists() and not recwarn.list


def test_a_training_goes_on_from_the_checkpoint_and_reuse_false_starts_over(few, tmp_path):
    folder = interrupt_after(QUICK, 2, tmp_path)
    state = storage.load_checkpoint(folder)
    state["history"][0]["train_loss"] = -1.0  # a mark that only the checkpoint has
    storage.save_checkpoint(folder, state)
    assert training.train(QUICK, 42, runs=tmp_path, device="cpu").history[0]["train_loss"] == -1.0
    assert training.train(QUICK, 42, runs=tmp_path, device="cpu", reuse=False).history[0]["train_loss"] > 0


def test_a_damaged_or_foreign_checkpoint_is_set_aside(few, tmp_path):
    whole = training.train(QUICK, 42, runs=tmp_path / "whole", device="cpu")
    foreign = storage._beside(interrupt_after(replace(QUICK, learning_rate=0.02), 1, tmp_path), "checkpoint")
    for message in ("its checksum is wrong", "it is of another recipe, seed or version"):
        path = storage._beside(interrupt_after(QUICK, 1, tmp_path), "checkpoint")
        path.write_bytes(path.read_bytes()[:-1] if "checksum" in message else foreign.read_bytes())
        with pytest.warns(UserWarning, match=f"{message}.*starts over"):
            assert_equal(training.train(QUICK, 42, runs=tmp_path, device="cpu"), whole)
        shutil.rmtree(storage.folder(QUICK, 42, tmp_path, CPU, torch.get_num_threads()))
    assert len(list(tmp_path.glob(f"{storage.UNFINISHED}/.damaged-*"))) == 2


def start(recipe: str, runs: Path, *, before: str = "") -> subprocess.Popen:
    """A process of its own that trains a recipe of this file."""
    code = f"import torch; torch.set_num_threads(1)\n{before}\nfrom tests.test_storage import *\n"
    code += f"training.train({recipe}, 42, runs={str(runs)!r}, device='cpu')"
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-W", "error::UserWarning", "-c", code], cwd=ROOT, **streams)


def test_killed_at_any_moment_it_ends_with_the_same_digits(tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
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
    finally:
        torch.set_num_threads(threads)


def test_a_second_process_waits_and_reuses(few, tmp_path, capsys, monkeypatch):
    folder = storage.folder(QUICK, 42, tmp_path, CPU, torch.get_num_threads())
    finished = training.train(QUICK, 42, runs=tmp_path / "elsewhere", device="cpu")
    with storage.locked(folder):
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
        storage.save(replace(finished, environment=finished.environment | {"seconds": -1.0}), folder)
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


def test_runs_are_listed_and_pruned(few, tmp_path, monkeypatch, capsys):
    (tmp_path / "report.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert main(["runs"]) == 0 and "no finished runs" in capsys.readouterr().out
    old = replace(QUICK, name="OLD", learning_rate=0.02)
    for recipe in (QUICK, old):
        training.train(recipe, 42, root=ROOT / "data", device="cpu")
    runs = tmp_path / "runs"
    for recipe in (replace(QUICK, epochs=2), replace(old, epochs=2)):
        folder = storage.folder(recipe, 42, runs, CPU, torch.get_num_threads())
        state = {"recipe": recipe.fields(), "seed": 42, "environment": storage.describe_environment(CPU)}
        storage.save_checkpoint(folder, state)
    (runs / ".damaged-x").mkdir()
    monkeypatch.setitem(recipes.RECIPES, "QUICK", QUICK)
    monkeypatch.setitem(recipes.RECIPES, "SHORT", replace(QUICK, epochs=2))
    capsys.readouterr()
    assert main(["runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["recipe", "seed", "epochs"] and "2 unfinished" in lines[-1]
    assert [line.split()[:3] for line in lines[1:3]] == [["OLD", "42", "3"], ["QUICK", "42", "3"]]
    used = storage.folder(old, 1, runs, CPU, 1)  # one that another process trains now
    storage.save_checkpoint(used, {"recipe": old.fields(), "seed": 1, "environment": storage.describe_environment(CPU)})
    with FileLock(storage._beside(used, "lock")):
        assert main(["runs", "--prune"]) == 0
    storage.save_checkpoint(storage.folder(QUICK, 42, runs, CPU, torch.get_num_threads()), {})  # of a finished run
    assert storage.unfinished() == 2
    assert main(["runs", "--prune"]) == 0
    assert re.findall(r"removed (\d)", capsys.readouterr().out) == ["3", "2"]  # then it is in use no more
    assert list(storage.table()["recipe"]) == ["QUICK"]
    assert len(list(runs.glob(".unfinished/*.checkpoint"))) == 1  # SHORT's


def test_the_key_follows_recipe_seed_device_threads_and_source(tmp_path, monkeypatch):
    def key(recipe=QUICK, seed=42, threads=1):
        return storage.folder(recipe, seed, tmp_path, CPU, threads).name

    assert key(replace(QUICK, name="RENAMED")) == key()
    different = {key(), key(seed=43), key(threads=2), key(replace(QUICK, weight_decay=0.1))}
    monkeypatch.setattr(storage, "_source_hash", lambda: hashlib.sha256(b"edited").hexdigest())
    assert len(different | {key()}) == 5
