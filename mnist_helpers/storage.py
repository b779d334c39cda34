"""Runs on disk: finished trainings to reuse, checkpoints of unfinished ones, and a lock for each."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import platform
import re
import shutil
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn

from mnist_helpers import models
from mnist_helpers.data import project_path
from mnist_helpers.recipes import Recipe

DIGITS = ("models.py", "data.py", "training.py")  # the modules that decide a run's digits
UNFINISHED = ".unfinished"  # the folder in runs/ with checkpoints and locks


class TrainingError(Exception):
    """A training that cannot go on or be kept; the message names it and the cause."""


@dataclass(frozen=True)
class Run:
    """A finished training.

    history: one dict an epoch with epoch, train_loss, train_accuracy, valid_*, test_loss and test_accuracy
    (accuracies as fractions; valid_* None without a validation split). epoch: the one whose weights are kept,
    the best on validation or else the last. state: the weights. predictions: test logits [10000, 10].
    environment: device, threads, versions, date and training time in seconds.
    """

    recipe: Recipe
    seed: int
    history: list[dict]
    epoch: int
    state: dict[str, Tensor]
    predictions: Tensor
    environment: dict

    def model(self) -> nn.Module:
        """The trained network on the CPU, in evaluation mode."""
        with torch.random.fork_rng(devices=[]):  # building draws weights that are not used
            model = models.build(self.recipe)
        model.load_state_dict(self.state)
        return model.eval()

    def record(self) -> dict:
        """All but weights and predictions, JSON-ready."""
        record = {key: getattr(self, key) for key in ("seed", "history", "epoch", "environment")}
        return {"name": self.recipe.name, "recipe": self.recipe.fields()} | record

    def log(self) -> str:
        """The history, a line an epoch, as the original report prints it."""
        return "\n".join(format_epoch(row) for row in self.history)


def format_epoch(row: dict) -> str:
    """One epoch in the original report's format; without a validation split its "Valid" is the test set."""
    kind = "test" if row["valid_loss"] is None else "valid"
    return (
        f"Epoch: {row['epoch']}\tTrain loss: {row['train_loss']:.4f}\tValid loss: {row[f'{kind}_loss']:.4f}"
        f"\tTrain accuracy: {100 * row['train_accuracy']:.2f}\tValid accuracy: {100 * row[f'{kind}_accuracy']:.2f}"
    )


# --- where a run is kept --------------------------------------------------------------------------------------


def describe_environment(device: torch.device) -> dict:
    """Device, threads, versions and date: what a result must name."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "device": device.type,
        "device_name": name,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),  # a TorchVersion, which weights_only=True would refuse
        "torchvision": version("torchvision"),
        "numpy": np.__version__,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
    }


@lru_cache(maxsize=1)
def _source_hash() -> str:
    """Of the code that makes digits, comments and layout left out, so that an edit never shows an old result."""
    sources = [(Path(__file__).parent / name).read_text(encoding="utf-8") for name in DIGITS]
    return hashlib.sha256("".join(ast.dump(ast.parse(source)) for source in sources).encode()).hexdigest()


def _name(recipe: dict, seed: int, environment: dict) -> str:
    """A run's folder name: it ends in a hash of all that decides its digits."""
    environment = {key: value for key, value in environment.items() if key not in ("date", "seconds")}
    if environment["device"] != "cpu":
        del environment["threads"]
    decides = json.dumps([recipe, seed, _source_hash(), environment], sort_keys=True)
    return f"{recipe['model'].lower()}-seed{seed}-{hashlib.sha256(decides.encode()).hexdigest()[:16]}"


def folder(recipe: Recipe, seed: int, runs, device: torch.device, threads: int) -> Path:
    """Where the run of a recipe and seed is kept that this code makes on that device with so many threads."""
    environment = describe_environment(device) | {"threads": threads}
    return project_path(runs) / _name(recipe.fields(), seed, environment)


def _beside(folder: Path, ending: str) -> Path:
    return folder.parent / UNFINISHED / f"{folder.name}.{ending}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's lock: of two processes that want the same run one trains, and the other waits to reuse it."""
    lock = FileLock(_beside(folder, "lock"))
    with _clear_errors(folder):
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if sys.stderr.isatty():  # not into a notebook that is being executed
                print(f"another process is training {folder.name}; waiting for it", file=sys.stderr)
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _clear_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"{folder.parent} cannot be written to: {error.strerror or error}. Free some space there or make it "
            "writable, then start again: finished runs are unharmed and will be reused."
        ) from error


# --- finished runs and checkpoints ----------------------------------------------------------------------------


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the file and rename, so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def save(run: Run, folder: Path) -> None:
    """Write the run beside its place and rename it there, so that a run on disk is whole; needs its lock."""
    predictions = io.BytesIO()
    np.savez(predictions, logits=run.predictions.numpy())
    part = _beside(folder, "part")
    with _clear_errors(folder):
        shutil.rmtree(part, ignore_errors=True)  # of a process that was killed here
        part.mkdir()
        try:
            (part / "run.json").write_text(json.dumps(run.record(), indent=1), encoding="utf-8")
            (part / "weights.pt").write_bytes(_serialise(run.state))
            (part / "predictions.npz").write_bytes(predictions.getvalue())
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        _beside(folder, "checkpoint").unlink(missing_ok=True)


def load(folder: Path, recipe: Recipe, *, set_aside=False) -> Run | None:
    """The finished run in a folder, None where there is none or it cannot be read.

    set_aside: move a damaged one out of the way, with a warning; needs its lock, since another process may just save.
    """
    if not folder.is_dir():
        return None
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        state = torch.load(folder / "weights.pt", weights_only=True)
        with np.load(folder / "predictions.npz") as arrays:
            predictions = torch.from_numpy(arrays["logits"])
        rest = {key: record[key] for key in ("seed", "history", "epoch", "environment")}
        return Run(recipe, state=state, predictions=predictions, **rest)
    except Exception as error:  # whatever a damaged file makes json, torch or numpy say
        if set_aside:
            _set_aside(folder, f"the run in {folder.name} is damaged ({error})")
        return None


def save_checkpoint(folder: Path, state: dict) -> None:
    """Keep an unfinished training's state under the run's name, with a checksum; needs the run's lock."""
    content = _serialise({"run": folder.name} | state)
    with _clear_errors(folder):
        write_atomically(_beside(folder, "checkpoint"), hashlib.sha256(content).digest() + content)


def load_checkpoint(folder: Path) -> dict | None:
    """The state last kept, None where there is none; a damaged or foreign one is set aside with a warning."""
    path = _beside(folder, "checkpoint")
    if not path.is_file():
        return None
    try:
        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            raise ValueError("its checksum is wrong")
        state = torch.load(io.BytesIO(content[32:]), weights_only=True, map_location="cpu")
        if state["run"] != folder.name:
            raise ValueError(f"it is of another recipe, seed or version: {state['run']}")
        return state
    except Exception as error:
        _set_aside(path, f"the checkpoint of {folder.name} cannot be used ({error}); the training starts over")
        return None


def discard_checkpoint(folder: Path) -> None:
    """Forget an unfinished training, so that it starts over; needs the run's lock."""
    with _clear_errors(folder):
        _beside(folder, "checkpoint").unlink(missing_ok=True)


def _serialise(state: dict) -> bytes:
    content = io.BytesIO()  # torch reports a full disk less clearly than write() does
    torch.save(state, content)
    return content.getvalue()


def _set_aside(path: Path, problem: str) -> None:
    aside = path.with_name(f".damaged-{path.name}-{time.time_ns()}")
    with _clear_errors(path):
        path.rename(aside)
    warnings.warn(f"{problem}; set aside as {aside.name}", stacklevel=4)


# --- what there is, and what is not needed ----------------------------------------------------------------------


def _records(runs: Path) -> Iterator[tuple[Path, dict]]:
    for path in sorted(runs.glob("[!.]*/run.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            describe(record)
        except (OSError, ValueError, LookupError, TypeError):
            continue  # removed meanwhile, or damaged: it is set aside when it is asked for
        yield path.parent, record


def describe(record: dict) -> dict:
    """A run's row in a table, from what run.json says of it."""
    environment = record["environment"]
    return {
        "recipe": record["name"],
        "seed": record["seed"],
        "epochs": len(record["history"]),
        "accuracy, %": f"{100 * record['history'][record['epoch']]['test_accuracy']:.2f}",
        "seconds": f"{environment['seconds']:.0f}",
        "device": environment["device"],
        "date": environment["date"],
    }


def table(runs="runs") -> pd.DataFrame:
    """The finished runs, a row each: recipe, seed, epochs, test accuracy in %, seconds, device, date, folder."""
    rows = [describe(record) | {"folder": place.name} for place, record in _records(project_path(runs))]
    return pd.DataFrame(rows).sort_values(["recipe", "seed"]) if rows else pd.DataFrame()


def unfinished(runs="runs") -> int:
    """How many trainings have a checkpoint to go on from."""
    runs = project_path(runs)
    return sum(not (runs / path.stem).is_dir() for path in runs.glob(f"{UNFINISHED}/*.checkpoint"))


def prune(recipes: Iterable[Recipe], runs="runs") -> list[Path]:
    """Remove the runs that none of the recipes makes with today's code and versions, and what kills left behind.

    Returns what was removed. A training that goes on meanwhile is left alone.
    """
    runs = project_path(runs)
    wanted = [recipe.fields() for recipe in recipes]
    old = [place for place, record in _records(runs) if not _is_of_today(place.name, record, wanted)]
    old += [*runs.glob(".damaged-*"), *runs.glob(f"{UNFINISHED}/.damaged-*")]
    with _clear_errors(runs / "any"):
        for path in old:
            _remove(path)
        return old + [path for path in sorted(runs.glob(f"{UNFINISHED}/*")) if _remove_left_behind(path, wanted)]


def _remove_left_behind(path: Path, wanted: list[dict]) -> bool:
    """Remove a checkpoint or half-written file unless it is needed or in use; was it removed?"""
    name = re.search(r"\w+-seed\d+-[0-9a-f]{16}", path.name)
    if path.suffix == ".lock" or name is None:
        return False  # a lock that others may hold open stays; it is an empty file
    folder = path.parent.parent / name[0]
    try:
        with FileLock(_beside(folder, "lock"), timeout=0):
            if path.suffix == ".checkpoint" and not folder.is_dir():
                record = load_checkpoint(folder)
                if record and _is_of_today(folder.name, record, wanted):
                    return False
            _remove(path)
    except Timeout:
        return False  # in training now
    return True


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _is_of_today(name: str, record: dict, wanted: list[dict]) -> bool:
    """Does one of the recipes, with this code and these versions, make the run of that name on its device?"""
    made_on = {key: record["environment"][key] for key in ("device", "device_name", "threads")}
    environment = describe_environment(torch.device("cpu")) | made_on
    return record["recipe"] in wanted and name == _name(record["recipe"], record["seed"], environment)
