"""Many-seed studies: running what is missing, and reading what is committed under studies/."""

import io
import json
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mnist_helpers import data
from mnist_helpers.analysis import corruptions
from mnist_helpers.files import write_atomically
from mnist_helpers.studies.contents import FINALISTS as FINALISTS
from mnist_helpers.studies.contents import FOLDS as FOLDS
from mnist_helpers.studies.contents import LONGER as LONGER
from mnist_helpers.studies.contents import PARTS as PARTS
from mnist_helpers.studies.contents import STUDIES, Study
from mnist_helpers.studies.contents import SWEEP as SWEEP
from mnist_helpers.studies.contents import TOGETHER as TOGETHER
from mnist_helpers.training import jobs, runs, torchrun
from mnist_helpers.training.jobs import Job
from mnist_helpers.training.recipe import Recipe
from mnist_helpers.training.runs import Run, format_device, format_versions

# on one of two busy cores; only for the first estimate of the time
SECONDS_AN_EPOCH = {"LeNet5": 10, "LocalLeNet5": 14, "StridedLeNet5": 4, "LocalStridedLeNet5": 5, "MLP": 3}

KEPT = ("name", "recipe", "hash", "seed", "epoch", "history", "wrong", "environment")  # of a run
COLUMNS = ("epoch", "train_accuracy", "valid_accuracy", "test_accuracy")  # of its history: losses are drawn live only


class StudyError(Exception):
    """A committed study that cannot be shown; the message says which, why and what to do."""

    exit_code = 2


def get(name: str | None) -> list[Study]:
    """The study of a name, all of them for None; StudyError for an unknown one."""
    if name not in (None, *STUDIES):
        raise StudyError(f"there is no study {name!r}; there are {', '.join(STUDIES)}")
    return [STUDIES[name]] if name else list(STUDIES.values())


# --- running --------------------------------------------------------------------------------------------------


def run(studies: list[Study]) -> None:
    """Train what is missing and write the summaries; what is finished is kept on any error or Ctrl-C.

    Under torchrun every rank trains its share, and the first writes; after an interruption there, runs/ has it.
    """
    say = print if torchrun.is_first() else lambda *_, **__: None
    say(_estimate([job for study in studies for job in _missing(study)]), flush=True)
    for study in studies:
        missing = _missing(study)  # those that an earlier study has trained are no longer
        say(f"study {study.name}: {len(missing)} of {len(study.jobs)} trainings to do", flush=True)
        if torchrun.is_launched():
            torchrun.train_share(missing, lambda trained, study=study: _keep(study, [run for _, run in trained]))
            continue
        try:
            jobs.train_jobs(missing)
        finally:
            _keep(study, [done for job in missing if (done := _finished(*job))])


def _missing(study: Study) -> list[Job]:
    known = _committed(study)
    return [job for job in study.jobs if job not in known]


def _estimate(missing: list[Job]) -> str:
    if data.best_device().type != "cpu":
        return f"{len(missing)} trainings to do"
    cores, seconds = jobs.cores(), 0.0
    for recipe, _ in dict.fromkeys(missing):  # an epoch also answers the test images, whatever it was trained on
        size = 0.1 + 0.9 * (recipe.train_images or 60_000) / 60_000
        seconds += SECONDS_AN_EPOCH[recipe.model] * recipe.epochs * size
    minutes = seconds / cores / 60
    return f"{len(missing)} trainings to do, about {minutes:.0f} minutes on {cores} core(s); Ctrl-C loses nothing"


def _finished(recipe: Recipe, seed: int) -> Run | None:
    """The run in runs/, if there is one."""
    return runs.load(runs.folder_of(recipe, seed, data.load().hash, "runs", data.best_device()))


def _entry(study: Study, run: Run) -> dict:
    """What a study keeps of a run, JSON-ready; the history by column, of 60,000 images to a tenth of one."""
    columns = {key: [row[key] if row[key] is None else round(row[key], 6) for row in run.history] for key in COLUMNS}
    about = {"name": run.recipe.name, "recipe": run.recipe.fields(), "hash": run.recipe.key, "seed": run.seed}
    about |= {"epoch": run.epoch, "history": columns, "wrong": run.wrong, "environment": run.environment}
    return about | {key: _corrupted(run, study.corrupted) for key in study.measured}


def _corrupted(run: Run, which: str) -> dict[str, list[float]]:
    """{kind: accuracies in % at its strengths} of a run on its "validation" or on the "test" images."""
    mnist, recipe = data.load(device="cpu"), run.recipe
    print(f"{recipe.name}, seed {run.seed}: its accuracy on corrupted images", flush=True)  # takes some 20 seconds
    digits = mnist.test if which == "test" else data.split(mnist.train, recipe.validation, fold=recipe.fold)[1]
    table = corruptions.accuracies({recipe.name: [(run.model(), recipe)]}, digits)
    return {kind: rows["accuracy"].round(2).tolist() for kind, rows in table.groupby("kind")}


# --- on disk --------------------------------------------------------------------------------------------------


def _committed(study: Study) -> dict[Job, dict]:
    """{(recipe, seed): entry} of the study's trainings under studies/, in another's file or, which counts, its own."""
    own, found, keys = study.path(), {}, (*KEPT, *study.measured)
    for path in [*sorted(own.parent.glob("*.json")), own]:
        try:
            entries = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
            if path != own:  # another study may not have measured all that this one keeps
                entries = [entry for entry in entries if set(study.measured) <= set(entry)]
            for entry in ({key: entry[key] for key in keys} for entry in entries):
                found[Recipe(entry["name"], **entry["recipe"]), entry["seed"]] = entry
        except (ValueError, TypeError, LookupError) as error:
            raise StudyError(
                f"studies/{path.name} is damaged, or of a version with other recipes ({error}). Restore it with "
                "'git checkout -- studies', or delete it and run 'make study'."
            ) from error
    return {job: found[job] | {"name": job[0].name} for job in study.jobs if job in found}


def _keep(study: Study, trained: list[Run]) -> None:
    """Write the study's file anew, a line an entry, in the study's order; and what else it keeps of the runs."""
    entries = _committed(study) | {(run.recipe, run.seed): _entry(study, run) for run in trained}
    if not entries:  # stopped before the first was finished
        return
    lines = [json.dumps(entries[job]) for job in study.jobs if job in entries]
    write_atomically(study.path(), ("[\n" + ",\n".join(lines) + "\n]\n").encode())
    if study.keeps_answers and trained:
        _keep_answers(study, trained)
    for run in trained:
        if run.recipe in study.pretrained and run.seed == study.seeds[0]:
            runs.keep_pretrained(run)


def _keep_answers(study: Study, trained: list[Run]) -> None:
    path, content = study.path("npz"), io.BytesIO()
    answers = dict(np.load(path)) if path.is_file() else {}
    for run in trained:  # hundredths, enough for ensembles, take an eighth of half-precision logits' bytes
        hundredths = (100 * run.predictions.double().softmax(1)).round()
        answers[_answers_of(run.recipe, run.seed)] = hundredths.numpy().astype(np.uint8)
    names = [_answers_of(*job) for job in study.jobs]
    np.savez_compressed(content, **{name: answers[name] for name in names if name in answers})
    write_atomically(path, content.getvalue())


def _answers_of(recipe: Recipe, seed: int) -> str:
    return f"{recipe.key} {seed}"


def read(name: str) -> dict[str, list[Run]]:
    """{recipe's name: its runs, without weights, in the seeds' order} of a committed study.

    StudyError where trainings are missing.
    """
    study, entries = STUDIES[name], _all_entries(name)
    return {
        recipe.name: [_run(recipe, seed, entries[recipe, seed]) for seed in study.seeds] for recipe in study.recipes
    }


def _all_entries(name: str) -> dict[Job, dict]:
    study = STUDIES[name]
    entries = _committed(study)
    if not entries and not study.path().is_file():
        raise _absent(study.path())
    if missing := [job for job in study.jobs if job not in entries]:
        recipe, seed = missing[0]
        raise StudyError(
            f"studies/{name}.json lacks {len(missing)} of {len(study.jobs)} trainings of today's recipes, the first "
            f"{recipe.name!r} with seed {seed}; 'make study' trains them."
        )
    return entries


def _run(recipe: Recipe, seed: int, entry: dict) -> Run:
    rows = zip(*entry["history"].values(), strict=True)
    history = [dict(zip(entry["history"], row, strict=True)) for row in rows]
    return Run(recipe, seed, history, entry["epoch"], entry["wrong"], entry["environment"])


def corrupted(name: str) -> pd.DataFrame:
    """A row for each of a study's recipes (by name), seeds and kinds of corruption: mean accuracy in % over strengths.

    Strength 0 is left out. Of a committed study that has them; StudyError as in `read`.
    """
    rows = [
        (recipe.name, seed, kind, sum(values[1:]) / len(values[1:]))
        for (recipe, seed), entry in _all_entries(name).items()
        for key in STUDIES[name].measured
        for kind, values in entry[key].items()
    ]
    return pd.DataFrame(rows, columns=["recipe", "seed", "kind", "accuracy"])


def probabilities(name: str) -> dict[str, list[Tensor]]:
    """{recipe's name: its test probabilities, float64 [10000, 10], in the seeds' order}, to a hundredth.

    Of a committed study that keeps answers; StudyError where it lacks one.
    """
    study, path = STUDIES[name], STUDIES[name].path("npz")
    if not path.is_file():
        raise _absent(path)
    try:
        with np.load(path) as arrays:
            return {
                recipe.name: [torch.from_numpy(arrays[_answers_of(recipe, seed)] / 100) for seed in study.seeds]
                for recipe in study.recipes
            }
    except (KeyError, OSError, ValueError, EOFError, TypeError, BadZipFile) as error:
        raise StudyError(
            f"studies/{path.name} is damaged, or lacks answers of today's recipes ({error}). Restore it with "
            "'git checkout -- studies'."
        ) from error


def _absent(path: Path) -> StudyError:
    return StudyError(
        f"there is no {path}. The project's folder has it: run this there, or restore it with "
        "'git checkout -- studies'."
    )


def provenance(*results: dict[str, list[Run]]) -> str:
    """One sentence: how many trainings, each counted once, how long, when, and on what.

    Two studies share a training if recipe, seed and misses are the same: one may have been made anew, to other digits.
    """
    every = [run for of_study in results for group in of_study.values() for run in group]
    shown = list({(run.recipe, run.seed, tuple(run.wrong)): run for run in every}.values())
    hours = sum(run.environment["seconds"] for run in shown) / 3600
    dates = sorted({run.environment["date"] for run in shown})
    places = sorted({f"{format_device(run.environment)}, {format_versions(run.environment)}" for run in shown})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return f"{len(shown)} trainings, {hours:.1f} hours of training time in all, {when}, on {'; and on '.join(places)}."


def devices() -> list[str]:
    """On what the committed trainings were made."""
    entries = (entry for study in STUDIES.values() for entry in _committed(study).values())
    return sorted({format_device(entry["environment"]) for entry in entries})
