"""`runs` lists what there is; `runs --prune` removes what no recipe of today makes, and nothing else."""

import re
from dataclasses import replace
from pathlib import Path

import torch
from filelock import FileLock

from mnist_helpers import inventory, recipes, storage, training
from mnist_helpers.__main__ import main
from mnist_helpers.run import describe_environment

CPU = torch.device("cpu")
ROOT = Path(__file__).parent.parent
QUICK = replace(recipes.ORIGINAL_MLP, name="QUICK", initialisation="default", epochs=3)


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
        state = {"recipe": recipe.fields(), "seed": 42, "environment": describe_environment(CPU)}
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
    storage.save_checkpoint(used, {"recipe": old.fields(), "seed": 1, "environment": describe_environment(CPU)})
    with FileLock(storage.beside(used, "lock")):
        assert main(["runs", "--prune"]) == 0
    storage.save_checkpoint(storage.folder(QUICK, 42, runs, CPU, torch.get_num_threads()), {})  # of a finished run
    assert inventory.unfinished() == 2
    assert main(["runs", "--prune"]) == 0
    assert re.findall(r"removed (\d)", capsys.readouterr().out) == ["3", "2"]  # then it is in use no more
    assert list(inventory.table()["recipe"]) == ["QUICK"]
    assert len(list(runs.glob(".unfinished/*.checkpoint"))) == 1  # SHORT's


def test_a_damaged_checkpoint_is_pruned_and_a_damaged_run_is_not_listed(few, tmp_path, monkeypatch):
    (tmp_path / "report.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    training.train(QUICK, 42, device="cpu")
    (run,) = tmp_path.glob("runs/[!.]*/run.json")
    run.write_text("{}")
    assert inventory.table().empty
    checkpoint = storage.beside(storage.folder(QUICK, 1, "runs", CPU, 1), "checkpoint")
    checkpoint.write_bytes(b"half a file")
    assert inventory.prune([QUICK]) == [checkpoint] and not checkpoint.exists() and run.exists()
