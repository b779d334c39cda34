"""Many-seed studies: what they contain, running them, and reading what is committed under studies/."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from mnist_helpers import data
from mnist_helpers.files import project_path, write_atomically
from mnist_helpers.training import cluster, jobs, loop, storage
from mnist_helpers.training.pretrained import keep as keep_pretrained
from mnist_helpers.training.augmentation import Augmentation
from mnist_helpers.training.recipes import (
    AUGMENTATION,
    BEST_LENET5,
    BEST_MLP,
    LENET5,
    MLP_SMALL,
    PERMUTED,
    SIZED,
    TECHNIQUES,
    UNPERMUTED,
    Recipe,
)
from mnist_helpers.training.run import Run, format_environment

SECONDS_AN_EPOCH = {"LeNet5": 10, "MLP": 3}  # on one of two busy cores; only for the first estimate of the time


class StudyError(Exception):
    """A committed study that cannot be shown; the message says which, why and what to do."""

    exit_code = 2


@dataclass(frozen=True)
class Study:
    """Every recipe with every seed; its summary is studies/<name>.json.

    keeps_networks: also the test probabilities of all runs, in thousandths, in studies/<name>.npz, and each recipe's
    weights for its first seed, in the package.
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


# --- what they contain ----------------------------------------------------------------------------------------

# How strong each technique of recipes.TECHNIQUES should be: two values of each; the last two techniques have none.
SWEEP = {
    "dropout": {"0.1": {"dropout": 0.1}, "0.25": {"dropout": 0.25}},
    "weight decay": {"0.0005": {"weight_decay": 5e-4}, "0.002": {"weight_decay": 2e-3}},
    "label smoothing": {"0.05": {"label_smoothing": 0.05}, "0.1": {"label_smoothing": 0.1}},
    "augmentation": {
        "milder": {"augmentation": Augmentation(shift=1, rotation=5, scale=0.05, shear=0.05, elastic=0.5)},
        "stronger": {"augmentation": AUGMENTATION},
    },
    "averaged weights (EMA)": {"0.99": {"ema": 0.99}, "0.999": {"ema": 0.999}},
    "learning-rate schedule": {
        "cosine": {"schedule": "cosine"},
        "one-cycle, peak 0.05": {"schedule": "one-cycle", "learning_rate": 0.05},
    },
}
# In company: without early stopping, which would end a training before its learning rate has fallen.
TOGETHER = {name: change for name, change in TECHNIQUES.items() if name != "early stopping"}
# Finalists for the record, each trained FOLDS times with a sixth of the training images held out.
FINALISTS = {
    "LeNet-5, SiLU": BEST_LENET5,
    "LeNet-5, ReLU": replace(BEST_LENET5, activation="relu"),
    "MLP": replace(BEST_MLP, augmentation=replace(AUGMENTATION, shift=1)),
    "MLP, stronger distortions": BEST_MLP,
}
FOLDS = 6


def _studies() -> Iterable[Study]:
    five = tuple(range(42, 47))
    swept = [LENET5.changed(f"{name}: {value}", SWEEP[name][value]) for name in SWEEP for value in SWEEP[name]]
    yield Study("sweep", tuple(swept), five[:2])
    alone = [LENET5.changed(name, change) for name, change in TECHNIQUES.items()]
    yield Study("alone", (LENET5.changed("plain"), *alone), five)
    all_but = [
        LENET5.changed(f"all but {left_out}", *(change for name, change in TOGETHER.items() if name != left_out))
        for left_out in TOGETHER
    ]
    small = {"plain": [], "augmentation": [TECHNIQUES["augmentation"]], "all": TOGETHER.values()}
    small_mlps = [MLP_SMALL.changed(f"small MLP, {name}", *changes) for name, changes in small.items()]
    yield Study("company", (LENET5.changed("all", *TOGETHER.values()), *all_but, *small_mlps), five)
    folds = [
        replace(recipe, name=f"{name}, fold {fold}", validation=60_000 // FOLDS, fold=fold)
        for name, recipe in FINALISTS.items()
        for fold in range(FOLDS)
    ]
    yield Study("folds", tuple(folds), five[:1])
    yield Study("record", (BEST_LENET5, BEST_MLP), five, keeps_networks=True)
    ten = tuple(range(42, 52))  # with the first five the MLP's change missed zero by a hair; see chapter 7
    yield Study("pixels", (*UNPERMUTED.values(), *PERMUTED.values()), ten)
    yield Study("data", tuple(SIZED.values()), five)


STUDIES = {study.name: study for study in _studies()}


def get(name: str | None) -> list[Study]:
    """The study of a name, all of them for None; ValueError for an unknown one."""
    if name is None:
        return list(STUDIES.values())
    if name not in STUDIES:
        raise ValueError(f"there is no study {name!r}; there are {', '.join(STUDIES)}")
    return [STUDIES[name]]


# --- running --------------------------------------------------------------------------------------------------


def run(studies: list[Study]) -> None:
    """Train what is missing and write the summaries; what is finished is kept on any error or Ctrl-C.

    Under torchrun every rank trains its share, and the first writes; after an interruption there, runs/ has it.
    """
    if cluster.is_first():
        print(_estimate([job for study in studies for job in study.jobs if job not in _committed(study)]), flush=True)
    for study in studies:
        known = _committed(study)
        missing = [job for job in study.jobs if job not in known]
        if cluster.is_first():
            print(f"study {study.name}: {len(missing)} of {len(study.jobs)} trainings to do", flush=True)
        if cluster.is_launched():
            trained, failures = cluster.train_share(missing)
            if cluster.is_first():
                _keep(study, known, [run for _, run in trained])
            cluster.raise_failures(failures)
            continue
        try:
            jobs.train_jobs(missing)
        finally:
            _keep(study, known, [done for job in missing if (done := _finished(*job))])


def _estimate(missing: list[tuple[Recipe, int]]) -> str:
    if data.best_device().type != "cpu":
        return f"{len(missing)} trainings to do"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    minutes = sum(recipe.epochs * SECONDS_AN_EPOCH[recipe.model] for recipe, _ in dict.fromkeys(missing)) / cores / 60
    return f"{len(missing)} trainings to do, about {minutes:.0f} minutes on {cores} core(s); Ctrl-C loses nothing"


def _finished(recipe: Recipe, seed: int) -> Run | None:
    """The run in runs/, if there is one."""
    return storage.load(storage.folder(recipe, seed, project_path("runs"), data.best_device(), 1), recipe)


def _entry(run: Run) -> dict:
    """What a study keeps of a run, JSON-ready; the history by column, rounded to what float32 sums are good for."""
    columns = {
        key: [row[key] if row[key] is None else round(row[key], 6) for row in run.history] for key in loop.HISTORY_KEYS
    }
    wrong = run.predictions.argmax(1) != data.load("data", "cpu").test.labels
    about = {"name": run.recipe.name, "recipe": run.recipe.fields(), "hash": run.recipe.hash(), "seed": run.seed}
    about |= {"epoch": run.epoch, "history": columns, "wrong": wrong.nonzero()[:, 0].tolist()}
    return about | {"environment": run.environment}


# --- on disk --------------------------------------------------------------------------------------------------


def _path(study: Study, kind: str = "json") -> Path:
    return project_path("studies") / f"{study.name}.{kind}"


def _committed(study: Study) -> dict[tuple[Recipe, int], dict]:
    """{(recipe, seed): entry} of the study's trainings under studies/, in another's file or, which counts, its own."""
    own, jobs, found = _path(study), set(study.jobs), {}
    for path in [*sorted(own.parent.glob("*.json")), own]:
        if path.is_file():
            found |= {job: entry for job, entry in _entries(path).items() if job in jobs}
    return found


def _entries(path: Path) -> dict[tuple[Recipe, int], dict]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {(Recipe.of(entry["name"], entry["recipe"]), entry["seed"]): entry for entry in entries}
    except (ValueError, TypeError, LookupError) as error:
        raise StudyError(
            f"studies/{path.name} is damaged, or of a version with other recipes ({error}). Restore it with "
            "'git checkout -- studies', or delete it and run 'make study'."
        ) from error


def _keep(study: Study, known: dict[tuple[Recipe, int], dict], runs: list[Run]) -> None:
    """Write the study's file anew, a line an entry, in the study's order; and what it keeps of the networks."""
    entries = known | {(run.recipe, run.seed): _entry(run) for run in runs}
    if not entries:  # stopped before the first was finished
        return
    lines = [json.dumps(entries[job] | {"name": job[0].name}) for job in study.jobs if job in entries]
    write_atomically(_path(study), ("[\n" + ",\n".join(lines) + "\n]\n").encode())
    if study.keeps_networks and runs:
        path, content = _path(study, "npz"), io.BytesIO()
        answers = dict(np.load(path)) if path.is_file() else {}
        answers |= {_key(run.recipe, run.seed): _thousandths(run.predictions) for run in runs}
        np.savez_compressed(content, **{key: answers[key] for job in study.jobs if (key := _key(*job)) in answers})
        write_atomically(path, content.getvalue())
        for run in runs:
            if run.seed == study.seeds[0]:
                keep_pretrained(run)


def _thousandths(logits: Tensor) -> np.ndarray:
    """uint16 [N, 10]: the softmax in thousandths, enough for ensembles in a third of half-precision logits' bytes."""
    return (1_000 * logits.double().softmax(1)).round().numpy().astype(np.uint16)


def _key(recipe: Recipe, seed: int) -> str:
    return f"{recipe.hash()} {seed}"


def read(name: str) -> dict[str, list[Result]]:
    """{recipe's name: its results in the seeds' order} of a committed study; StudyError where trainings are missing."""
    study = STUDIES[name]
    entries = _committed(study)
    if not entries:
        raise _missing(_path(study))
    if missing := [job for job in study.jobs if job not in entries]:
        recipe, seed = missing[0]
        raise StudyError(
            f"studies/{name}.json lacks {len(missing)} of {len(study.jobs)} trainings of today's recipes, the first "
            f"{recipe.name!r} with seed {seed}; 'make study' trains them."
        )
    return {
        recipe.name: [_result(recipe, seed, entries[recipe, seed]) for seed in study.seeds] for recipe in study.recipes
    }


def _result(recipe: Recipe, seed: int, entry: dict) -> Result:
    history = [
        dict(zip(entry["history"], values, strict=True)) for values in zip(*entry["history"].values(), strict=True)
    ]
    return Result(recipe, seed, history, entry["epoch"], np.array(entry["wrong"]), entry["environment"])


def probabilities(name: str) -> dict[str, list[Tensor]]:
    """{recipe's name: its test probabilities, float64 [10000, 10], in the seeds' order}, to a thousandth.

    Of a committed study that keeps networks; StudyError where it lacks one.
    """
    study, path = STUDIES[name], _path(STUDIES[name], "npz")
    if not path.is_file():
        raise _missing(path)
    try:
        with np.load(path) as arrays:
            return {
                recipe.name: [torch.from_numpy(arrays[_key(recipe, seed)] / 1_000) for seed in study.seeds]
                for recipe in study.recipes
            }
    except (KeyError, OSError, ValueError, EOFError, TypeError, BadZipFile) as error:
        raise StudyError(
            f"studies/{path.name} is damaged, or lacks answers of today's recipes ({error}). Restore it with "
            "'git checkout -- studies'."
        ) from error


def _missing(path: Path) -> StudyError:
    return StudyError(
        f"there is no {path}. The project's folder has it: run this there, or restore it with "
        "'git checkout -- studies'."
    )


def provenance(results: dict[str, list[Result]]) -> str:
    """One sentence: how many trainings, how long, when, and on what."""
    runs = [result for group in results.values() for result in group]
    hours = sum(result.environment["seconds"] for result in runs) / 3600
    dates = sorted({result.environment["date"] for result in runs})
    places = sorted({format_environment(result.environment) for result in runs})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return f"{len(runs)} trainings, {hours:.1f} hours of training time in all, {when}, on {'; and on '.join(places)}."
