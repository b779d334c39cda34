"""Runs on disk: finished trainings to reuse, checkpoints of unfinished ones, and a lock for each."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout

from mnist_helpers.files import project_path, write_atomically
from mnist_helpers.training.loop import TrainingError
from mnist_helpers.training.recipes import Recipe
from mnist_helpers.training.run import Run, describe_environment

DIGITS = ("models.py", "../data.py", "augmentation.py", "loop.py")  # the modules that decide a run's digits
UNFINISHED = ".unfinished"  # the folder in runs/ with checkpoints and locks


# --- where a run is kept --------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _source_hash(model: str) -> str:
    """Of the code that makes a model's digits, so that an edit never shows an old result.

    Comments, docstrings, layout and the classes of other models are left out: they decide nothing.
    """
    trees = [ast.parse((Path(__file__).parent / name).read_text(encoding="utf-8")) for name in DIGITS]
    trees[0].body = _without_other_models(trees[0].body, model)
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body[0] = ast.Pass()
    return hashlib.sha256("".join(map(ast.dump, trees)).encode()).hexdigest()


def _without_other_models(nodes: list[ast.stmt], model: str) -> list[ast.stmt]:
    """Of a module's statements all but the classes that neither the model's class nor the functions reach by name."""
    classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}

    def named(node: ast.stmt) -> set[str]:
        return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} & classes.keys()

    needed, new = set(), {model}.union(*(named(node) for node in nodes if not isinstance(node, ast.ClassDef)))
    while new := (new & classes.keys()) - needed:
        needed |= new
        new = set().union(*(named(classes[name]) for name in new))
    return [node for node in nodes if not isinstance(node, ast.ClassDef) or node.name in needed]


def run_name(recipe: dict, seed: int, environment: dict) -> str:
    """A run's folder name: it ends in a hash of all that decides its digits."""
    environment = {key: value for key, value in environment.items() if key not in ("date", "seconds")}
    if environment["device"] != "cpu":
        del environment["threads"]
    decides = json.dumps([recipe, seed, _source_hash(recipe["model"]), environment], sort_keys=True)
    return f"{recipe['model'].lower()}-seed{seed}-{hashlib.sha256(decides.encode()).hexdigest()[:16]}"


def folder(recipe: Recipe, seed: int, runs, device: torch.device, threads: int) -> Path:
    """Where the run of a recipe and seed is kept that this code makes on that device with so many threads."""
    environment = describe_environment(device) | {"threads": threads}
    return project_path(runs) / run_name(recipe.fields(), seed, environment)


def beside(folder: Path, ending: str) -> Path:
    """Where a run's "lock", "checkpoint" or half-written "part" is kept."""
    return folder.parent / UNFINISHED / f"{folder.name}.{ending}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's lock: of two processes that want the same run one trains, and the other waits to reuse it."""
    lock = FileLock(beside(folder, "lock"))
    with writing_to(folder.parent):
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
def writing_to(runs: Path) -> Iterator[None]:
    """What the system says of a full disk or a read-only folder becomes one clear TrainingError."""
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"{runs} cannot be written to: {error.strerror or error}. Free some space there or make it "
            "writable, then start again: finished runs are unharmed and will be reused."
        ) from error


# --- finished runs and checkpoints ----------------------------------------------------------------------------


def save(run: Run, folder: Path) -> None:
    """Write the run beside its place and rename it there, so that a run on disk is whole; needs its lock."""
    predictions = io.BytesIO()
    np.savez(predictions, logits=run.predictions.numpy())
    part = beside(folder, "part")
    with writing_to(folder.parent):
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
        beside(folder, "checkpoint").unlink(missing_ok=True)


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
    with writing_to(folder.parent):
        write_atomically(beside(folder, "checkpoint"), hashlib.sha256(content).digest() + content)


def read_checkpoint(folder: Path) -> dict:
    """The state last kept under the run's name; ValueError or what torch says of a damaged or foreign one."""
    content = beside(folder, "checkpoint").read_bytes()
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        raise ValueError("its checksum is wrong")
    state = torch.load(io.BytesIO(content[32:]), weights_only=True, map_location="cpu")
    if state["run"] != folder.name:
        raise ValueError(f"it is of another recipe, seed or version: {state['run']}")
    return state


def load_checkpoint(folder: Path) -> dict | None:
    """The state last kept, None where there is none; a damaged or foreign one is set aside with a warning."""
    path = beside(folder, "checkpoint")
    if not path.is_file():
        return None
    try:
        return read_checkpoint(folder)
    except Exception as error:
        _set_aside(path, f"the checkpoint of {folder.name} cannot be used ({error}); the training starts over")
        return None


def discard_checkpoint(folder: Path) -> None:
    """Forget an unfinished training, so that it starts over; needs the run's lock."""
    with writing_to(folder.parent):
        beside(folder, "checkpoint").unlink(missing_ok=True)


def _serialise(state: dict) -> bytes:
    content = io.BytesIO()  # torch reports a full disk less clearly than write() does
    torch.save(state, content)
    return content.getvalue()


def _set_aside(path: Path, problem: str) -> None:
    aside = path.with_name(f".damaged-{path.name}-{time.time_ns()}")
    with writing_to(path.parent):
        path.rename(aside)
    warnings.warn(f"{problem}; set aside as {aside.name}", stacklevel=4)
