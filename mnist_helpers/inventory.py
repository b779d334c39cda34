"""What there is in runs/, and what is not needed there any more."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import torch
from filelock import FileLock, Timeout

from mnist_helpers import storage
from mnist_helpers.files import project_path
from mnist_helpers.recipes import Recipe
from mnist_helpers.run import describe, describe_environment


def _records(runs: Path) -> Iterator[tuple[Path, dict]]:
    for path in sorted(runs.glob("[!.]*/run.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            describe(record)
        except (OSError, ValueError, LookupError, TypeError):
            continue  # removed meanwhile, or damaged: it is set aside when it is asked for
        yield path.parent, record


def table(runs="runs") -> pd.DataFrame:
    """The finished runs, a row each: recipe, seed, epochs, test accuracy in %, seconds, device, date, folder."""
    rows = [describe(record) | {"folder": place.name} for place, record in _records(project_path(runs))]
    return pd.DataFrame(rows).sort_values(["recipe", "seed"]) if rows else pd.DataFrame()


def unfinished(runs="runs") -> int:
    """How many trainings have a checkpoint to go on from."""
    runs = project_path(runs)
    return sum(not (runs / path.stem).is_dir() for path in runs.glob(f"{storage.UNFINISHED}/*.checkpoint"))


def prune(recipes: Iterable[Recipe], runs="runs") -> list[Path]:
    """Remove the runs that none of the recipes makes with today's code and versions, and what kills left behind.

    Returns what was removed. A training that goes on meanwhile is left alone.
    """
    runs = project_path(runs)
    wanted = [recipe.fields() for recipe in recipes]
    old = [place for place, record in _records(runs) if not _is_of_today(place.name, record, wanted)]
    old += [*runs.glob(".damaged-*"), *runs.glob(f"{storage.UNFINISHED}/.damaged-*")]
    with storage.writing_to(runs):
        for path in old:
            _remove(path)
        left = sorted(runs.glob(f"{storage.UNFINISHED}/*"))
        return old + [path for path in left if _remove_left_behind(path, wanted)]


def _remove_left_behind(path: Path, wanted: list[dict]) -> bool:
    """Remove a checkpoint or half-written file unless it is needed or in use; was it removed?"""
    name = re.search(r"\w+-seed\d+-[0-9a-f]{16}", path.name)
    if path.suffix == ".lock" or name is None:
        return False  # a lock that others may hold open stays; it is an empty file
    folder = path.parent.parent / name[0]
    try:
        with FileLock(storage.beside(folder, "lock"), timeout=0):
            if path.suffix == ".checkpoint" and _goes_on(folder, wanted):
                return False
            _remove(path)
    except Timeout:
        return False  # in training now
    return True


def _goes_on(folder: Path, wanted: list[dict]) -> bool:
    """Would a training of today go on from the checkpoint of this run?"""
    try:
        return not folder.is_dir() and _is_of_today(folder.name, storage.read_checkpoint(folder), wanted)
    except Exception:  # whatever a damaged file makes torch say, or what an old one lacks
        return False


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _is_of_today(name: str, record: dict, wanted: list[dict]) -> bool:
    """Does one of the recipes, with this code and these versions, make the run of that name on its device?"""
    made_on = {key: record["environment"][key] for key in ("device", "device_name", "threads")}
    environment = describe_environment(torch.device("cpu")) | made_on
    return record["recipe"] in wanted and name == storage.run_name(record["recipe"], record["seed"], environment)
