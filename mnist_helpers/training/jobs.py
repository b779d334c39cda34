"""train(recipe, seed) -> Run: a finished run is reused, an unfinished one goes on; many of them on every core."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from mnist_helpers import data
from mnist_helpers.progress import Progress
from mnist_helpers.training import parallel, storage
from mnist_helpers.training.loop import fit
from mnist_helpers.training.recipes import Recipe
from mnist_helpers.training.run import Run, describe_environment, format_epoch
from mnist_helpers.training.storage import TrainingError


def print_epoch(row: dict) -> None:
    print(format_epoch(row), flush=True)


def train(recipe: Recipe, seed: int, *, root="data", runs="runs", device=None, reuse=True, on_epoch=print_epoch) -> Run:
    """Train a recipe with a seed; a finished equal run is reused, an unfinished one goes on.

    root, runs: folders of data and runs, relative ones from the project's. device: None picks CUDA, MPS or the CPU.
    on_epoch: called with each row of the history, those of earlier times too; prints a line of it by default.
    Raises TrainingError where a loss is not finite or `runs` cannot be written to.
    """
    device = data.best_device(device)
    folder = storage.folder(recipe, seed, runs, device, torch.get_num_threads())
    run = storage.load(folder, recipe) if reuse else None
    if run is None:
        with storage.locked(folder):
            if reuse:  # another process may have finished it while this one waited
                run = storage.load(folder, recipe, set_aside=True)
            else:
                storage.discard_checkpoint(folder)
            if run is None:
                return _train_and_keep(recipe, seed, data.load(root, device), device, folder, on_epoch)
    for row in run.history:
        on_epoch(row)
    return run


def train_many(recipe: Recipe, seeds: Iterable[int], **options) -> list[Run]:
    """The runs of a recipe in the seeds' order; options as in `train`. Shows a progress bar, prints nothing."""
    return train_grid([recipe], seeds, **options)[recipe.name]


def train_grid(recipes: Iterable[Recipe], seeds: Iterable[int], **options) -> dict[str, list[Run]]:
    """{recipe's name: its runs in the seeds' order}, of every recipe with every seed, as `train_jobs` trains them."""
    recipes, seeds = list(recipes), list(seeds)
    if len({recipe.name for recipe in recipes}) < len(recipes):
        raise ValueError(f"two recipes have one name: {', '.join(recipe.name for recipe in recipes)}")
    found = train_jobs([(recipe, seed) for recipe in recipes for seed in seeds], **options)
    return {recipe.name: [found[recipe, seed] for seed in seeds] for recipe in recipes}


def train_jobs(
    jobs: Iterable[tuple[Recipe, int]], *, root="data", runs="runs", device=None, reuse=True
) -> dict[tuple[Recipe, int], Run]:
    """The run of each (recipe, seed).

    On a CPU each core trains one run at a time with one thread: two such processes beat one with two threads.
    After a failure the others are still finished and kept; then the first failure is raised.
    """
    device, root, runs = data.best_device(device), data.project_path(root), data.project_path(runs)
    found = {
        job: storage.load(storage.folder(*job, runs, device, 1), job[0]) if reuse else None
        for job in dict.fromkeys(jobs)
    }
    jobs = [job for job in found if found[job] is None]
    failures = []
    if jobs:
        data.load(root, device)  # a damaged file is one DataError now, not a failure of every job
        run_jobs = parallel.run_jobs if device.type == "cpu" else _run_in_turn
        with Progress(sum(recipe.epochs for recipe, _ in jobs), "training, epochs") as progress:
            for index, outcome in run_jobs(_train_job, [(*job, root, runs, device, reuse) for job in jobs], progress):
                if isinstance(outcome, Exception):
                    failures.append((index, outcome))
                found[jobs[index]] = outcome
    if failures:
        index, error = min(failures, key=lambda failure: failure[0])
        others = f" ({len(failures) - 1} more failed)" if failures[1:] else ""
        raise TrainingError(f"{jobs[index][0].name} with seed {jobs[index][1]} failed: {error}{others}") from error
    return found


def _train_job(recipe: Recipe, seed: int, root, runs, device, reuse: bool, on_epoch: Callable) -> Run:
    return train(recipe, seed, root=root, runs=runs, device=device, reuse=reuse, on_epoch=on_epoch)


def _run_in_turn(work: Callable, jobs: list[tuple], progress: Progress):
    """Like parallel.run_jobs, one after another in this process: a GPU is kept busy by one training."""
    for index, job in enumerate(jobs):
        try:
            yield index, work(*job, lambda _: progress.update(progress.done + 1))
        except Exception as error:
            yield index, error


def _train_and_keep(recipe: Recipe, seed: int, mnist: data.Mnist, device: torch.device, folder: Path, on_epoch) -> Run:
    """Train from the checkpoint on, if there is one; keep a checkpoint after each epoch and the run at the end."""
    past, start = storage.load_checkpoint(folder), time.perf_counter()
    before = past["seconds"] if past else 0.0
    about = {"recipe": recipe.fields(), "seed": seed, "environment": describe_environment(device)}

    def seconds() -> float:
        return before + time.perf_counter() - start

    def keep(state: dict) -> None:
        storage.save_checkpoint(folder, about | {"seconds": seconds()} | state)

    history, kept = fit(recipe, seed, mnist, device, on_epoch, past, keep)
    environment = describe_environment(device) | {"seconds": round(seconds(), 2)}
    run = Run(recipe, seed, history, **kept, environment=environment)
    storage.save(run, folder)
    return run
