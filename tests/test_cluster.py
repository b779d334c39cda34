"""Two local ranks under torchrun share the seeds of a recipe and gather one table."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed as dist

from mnist_helpers.training import torchrun as ranks

ROOT = Path(__file__).parents[1]
SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path

from mnist_helpers import studies
from mnist_helpers.training import recipes, runs
from mnist_helpers.__main__ import main

QUICK = replace(recipes.ORIGINAL_MLP, name="QUICK", initialisation="default", epochs=1)
recipes.RECIPES |= {"QUICK": QUICK, "WILD": replace(QUICK, name="WILD", optimizer="sgd", learning_rate=1e30)}
quick = studies.Study("quick", (QUICK,), (0, 1, 2), keeps_answers=True, pretrained=(QUICK,))
studies.STUDIES = {"quick": quick, "other": studies.Study("other", (QUICK.changed("OTHER"),), (0, 1, 2, 3))}
runs.PRETRAINED = Path("weights")
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def torchrun(tmp_path):
    """torchrun's two ranks in a project folder of their own."""
    (tmp_path / "report.toml").write_text("")
    (tmp_path / "script.py").write_text(SCRIPT)
    shutil.copytree(ROOT / "data", tmp_path / "data")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "script.py"]

    def run(*arguments: str) -> subprocess.CompletedProcess:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run([*launch, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


def test_two_ranks_share_the_seeds_and_reuse_what_is_finished(torchrun, tmp_path):
    first = torchrun("train", "QUICK", "--seeds", "0-2")
    assert first.returncode == 0, first.stderr
    shares = re.findall(r"^QUICK, seed (\d), .* rank (\d)$", first.stdout, re.M)
    assert sorted(shares) == [("0", "0"), ("1", "1"), ("2", "0")]
    for path in tmp_path.glob("runs/*seed1-*/run.json"):
        record = json.loads(path.read_text())
        record["environment"]["seconds"] = -7.0  # a mark that only the finished run has
        path.write_text(json.dumps(record))
    (again,) = tmp_path.glob("runs/*seed2-*")
    again.rename(tmp_path / "lost")  # as if its rank had been killed
    second = torchrun("train", "QUICK", "--seeds", "0-2")
    assert second.returncode == 0, second.stderr
    seconds = dict(re.findall(r"^QUICK, seed (\d), (-?\d+) s,", second.stdout, re.M))
    assert len(seconds) == 3 and {seed for seed, value in seconds.items() if value == "-7"} == {"1"}
    (found,) = tmp_path.glob("runs/*seed2-*/run.json")
    histories = [json.loads(path.read_text())["history"] for path in (found, tmp_path / "lost/run.json")]
    assert histories[0] == histories[1]


def test_a_failure_on_a_rank_is_named_and_the_exit_code_says_so(torchrun, tmp_path):
    failed = torchrun("train", "WILD", "--seeds", "0-1")
    assert failed.returncode == 1
    assert "error: 2 trainings failed: WILD with seed 0: the loss is" in failed.stderr


def test_two_ranks_share_studies_and_the_first_writes_them(torchrun, tmp_path):
    shared = torchrun("study")
    assert shared.returncode == 0, shared.stderr
    assert shared.stdout.count("study quick: 3 of 3 trainings to do") == 1
    assert shared.stdout.count("study other: 1 of 4 trainings to do") == 1  # the others are those of "quick"
    for name, n in (("quick", 3), ("other", 4)):
        entries = json.loads((tmp_path / f"studies/{name}.json").read_text())
        recipe = {"quick": "QUICK", "other": "OTHER"}[name]
        assert [(entry["name"], entry["seed"]) for entry in entries] == [(recipe, seed) for seed in range(n)]
    assert (tmp_path / "studies/quick.npz").is_file() and (tmp_path / "weights/quick/run.json").is_file()
    again = torchrun("study")
    assert again.returncode == 0 and "study other: 0 of 4 trainings to do" in again.stdout


def test_a_message_of_any_size_goes_through_torchruns_store():
    """The store is that of torchrun, and refuses 8 MiB at once."""
    store = dist.TCPStore("localhost", 0, is_master=True)
    for message in ([], b"x" * (20 << 20)):
        ranks._send(store, f"{len(message)}", message)
        assert ranks._receive(store, f"{len(message)}") == message
