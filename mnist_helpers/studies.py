"""Many-seed studies: what they contain, running them, and reading what is committed under studies/."""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mnist_helpers import cluster, data, fitting, pretrained, recipes, storage, training
from mnist_helpers.files import project_path, write_atomically
from mnist_helpers.recipes import Recipe
from mnist_helpers.run import Run

SECONDS_AN_EPOCH = {"LeNet5": 11, "MLP": 3}  # on one of two busy cores; only for the first estimate of the time


class StudyError(Exception):
    """A committed study that cannot be shown; the message says which, why and what to do."""

    exit_code = 2


@dataclass(frozen=True)
class Study:
    """Every recipe with every seed; its summary is studies/<name>.json.

    keeps_networks: also the test logits of all runs, in studies/<name>.npz, and each recipe's weights for its first
    seed, in the package.
    """

    name: str
    recipes: tuple[Recipe, ...]
    seeds: tuple[int, ...]
    keeps_networks: bool = False

    @property
    def jobs(self) -> list[tuple[Recipe, int]]:
        return [(recipe, seed) for recipe in self.recipes for seed in self.seeds]


@dataclass(frozen=True)
class Result:
    """What is committed of one training: as a Run, but without weights and logits.

    wrong: indices of the test images answered wrong by the weights that are kept.
    """

    recipe: Recipe
    seed: int
    history: list[dict]
    epoch: int
    wrong: np.ndarray
    environment: dict

    @property
    def test_accuracy(self) -> float:
        return self.history[self.epoch]["test_accuracy"]


FIVE = tuple(range(42, 47))
STUDIES = {
    study.name: study
    for study in (
        Study("sweep", recipes.SWEPT, (42, 43)),
        Study("alone", recipes.ALONE, FIVE),
        Study("company", recipes.COMPANY, FIVE),
        Study("folds", recipes.FINALISTS_BY_FOLD, (42,)),
        Study("record", (recipes.BEST_LENET5, recipes.BEST_MLP), FIVE, keeps_networks=True),
    )
}


# --- running --------------------------------------------------------------------------------------------------


def run(study: Study) -> None:
    """Train what is missing and write the summary; what is finished is kept on any error or Ctrl-C.

    Under torchrun every rank trains its share, and the first writes.
    """
    known = _committed(study)
    missing = [job for job in study.jobs if job not in known]
    if cluster.is_first():
        print(_estimate(study, missing), flush=True)
    if cluster.is_launched():
        trained, failures = cluster.train_share(missing)
        if cluster.is_first():
            _keep(study, known, [run for _, run in trained])
        cluster.raise_failures(failures, len(missing))
        return
    try:
        training.train_jobs(missing)
    finally:
        _keep(study, known, [done for job in missing if (done := _finished(*job))])


def get(name: str | None) -> list[Study]:
    """The study of a name, all of them for None; ValueError for an unknown one."""
    if name is None:
        return list(STUDIES.values())
    if name not in STUDIES:
        raise ValueError(f"there is no study {name!r}; there are {', '.join(STUDIES)}")
    return [STUDIES[name]]


def _estimate(study: Study, missing: list[tuple[Recipe, int]]) -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    seconds = sum(recipe.epochs * SECONDS_AN_EPOCH[recipe.model] for recipe, _ in missing)
    words = f"study {study.name}: {len(missing)} of {len(study.jobs)} trainings to do"
    return f"{words}, about {seconds / cores / 60:.0f} minutes on {cores} core(s)" if missing else words


def _finished(recipe: Recipe, seed: int) -> Run | None:
    """The run in runs/, if there is one."""
    return storage.load(storage.folder(recipe, seed, project_path("runs"), data.best_device(), 1), recipe)


def _entry(run: Run) -> dict:
    """What a study keeps of a run, JSON-ready; the history by column, rounded to what float32 sums are good for."""
    columns = {
        key: [row[key] if row[key] is None else round(row[key], 6) for row in run.history]
        for key in fitting.HISTORY_KEYS
    }
    wrong = run.predictions.argmax(1) != data.load("data", "cpu").test.labels
    about = {"name": run.recipe.name, "recipe": run.recipe.fields(), "hash": run.recipe.hash(), "seed": run.seed}
    about |= {"epoch": run.epoch, "history": columns, "wrong": wrong.nonzero()[:, 0].tolist()}
    return about | {"environment": run.environment}


def _job(entry: dict) -> tuple[Recipe, int]:
    return Recipe.of(entry["name"], entry["recipe"]), entry["seed"]


# --- on disk --------------------------------------------------------------------------------------------------


def _path(study: Study, kind: str = "json") -> Path:
    return project_path("studies") / f"{study.name}.{kind}"


def _committed(study: Study) -> dict[tuple[Recipe, int], dict]:
    """{(recipe, seed): entry} of the study's trainings that are under studies/, in its own file or another's."""
    paths = sorted(project_path("studies").glob("*.json"))
    entries = [entry for path in paths for entry in json.loads(path.read_text(encoding="utf-8"))]
    return {job: entry for entry in entries if (job := _job(entry)) in study.jobs}


def _keep(study: Study, known: dict[tuple[Recipe, int], dict], runs: list[Run]) -> None:
    """Write the study's file anew, a line an entry, in the study's order; and what it keeps of the networks."""
    entries = known | {(run.recipe, run.seed): _entry(run) for run in runs}
    lines = [json.dumps(entries[job]) for job in study.jobs if job in entries]
    write_atomically(_path(study), ("[\n" + ",\n".join(lines) + "\n]\n").encode())
    if study.keeps_networks and runs:
        path, content = _path(study, "npz"), io.BytesIO()
        answers = dict(np.load(path)) if path.is_file() else {}
        answers |= {f"{run.recipe.name} {run.seed}": run.predictions.half().numpy() for run in runs}
        np.savez_compressed(content, **answers)
        write_atomically(path, content.getvalue())
        for run in runs:
            if run.seed == study.seeds[0]:
                pretrained.keep(run)


def read(name: str) -> dict[str, list[Result]]:
    """{recipe's name: its results in the seeds' order} of a committed study; StudyError where trainings are missing."""
    study = STUDIES[name]
    entries = _committed(study)
    if missing := [job for job in study.jobs if job not in entries]:
        recipe, seed = missing[0]
        raise StudyError(
            f"studies/{name}.json lacks {len(missing)} of {len(study.jobs)} trainings of today's recipes, the first "
            f"{recipe.name!r} with seed {seed}; 'make study' trains them."
        )
    return {
        recipe.name: [_result(recipe, seed, entries[recipe, seed]) for seed in study.seeds] for recipe in study.recipes
    }


def logits(name: str) -> dict[str, list[Tensor]]:
    """{recipe's name: its test logits [10000, 10] in the seeds' order} of a committed study that keeps networks."""
    study = STUDIES[name]
    with np.load(_path(study, "npz")) as arrays:
        return {
            recipe.name: [torch.from_numpy(arrays[f"{recipe.name} {seed}"]).float() for seed in study.seeds]
            for recipe in study.recipes
        }


def _result(recipe: Recipe, seed: int, entry: dict) -> Result:
    history = [
        dict(zip(entry["history"], values, strict=True)) for values in zip(*entry["history"].values(), strict=True)
    ]
    return Result(recipe, seed, history, entry["epoch"], np.array(entry["wrong"]), entry["environment"])
