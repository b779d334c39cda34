"""train(recipe, seed) -> Run: resident tensors, a plain loop, and every finished run kept on disk for reuse."""

from __future__ import annotations

import ast
import hashlib
import json
import math
import os
import platform
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from mnist_helpers import data, models, parallel
from mnist_helpers.progress import Progress
from mnist_helpers.recipes import Recipe


class TrainingError(Exception):
    """A training that cannot go on; the message names the recipe, the seed and the cause."""


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


# --- training -------------------------------------------------------------------------------------------------


def train(recipe: Recipe, seed: int, *, root="data", runs="runs", device=None, reuse=True) -> Run:
    """Train a recipe with a seed, printing a line an epoch; an equal finished run is reused from `runs`.

    root, runs: folders, relative ones from the project's folder. device: None picks CUDA, MPS or the CPU.
    """
    folder = _folder(recipe, seed, runs, data.best_device(device), torch.get_num_threads())
    run = _load(folder, recipe) if reuse else None
    if run is not None:
        print(run.log())
        return run
    return _train(recipe, seed, root, runs, device, lambda row: print(format_epoch(row), flush=True))


def train_many(recipe: Recipe, seeds: Iterable[int], **options) -> list[Run]:
    """The runs of a recipe in the seeds' order; options as in `train`. Shows a progress bar, prints nothing."""
    return train_grid([recipe], seeds, **options)[recipe.name]


def train_grid(
    recipes: Iterable[Recipe], seeds: Iterable[int], *, root="data", runs="runs", device=None, reuse=True
) -> dict[str, list[Run]]:
    """{recipe's name: its runs in the seeds' order}, of every recipe with every seed.

    On a CPU each core trains one run at a time with one thread: two such processes beat one with two threads.
    After a failure the others are still finished and kept; then the first failure is raised.
    """
    recipes, seeds, device = list(recipes), list(seeds), data.best_device(device)
    if len({recipe.name for recipe in recipes}) < len(recipes):
        raise ValueError(f"two recipes have one name: {', '.join(recipe.name for recipe in recipes)}")
    root, runs = data.project_path(root), data.project_path(runs)
    grid = [(recipe, seed) for recipe in recipes for seed in seeds]
    found = {job: _load(_folder(*job, runs, device, 1), job[0]) if reuse else None for job in grid}
    jobs = [job for job in found if found[job] is None]
    failures = []
    if jobs:
        data.load(root, device)  # a damaged file is one DataError now, not a failure of every job
        run_jobs = parallel.run_jobs if device.type == "cpu" else _run_in_turn
        with Progress(sum(recipe.epochs for recipe, _ in jobs), "training, epochs") as progress:
            for index, outcome in run_jobs(_train, [(*job, root, runs, device) for job in jobs], progress):
                if isinstance(outcome, Exception):
                    failures.append((index, outcome))
                found[jobs[index]] = outcome
    if failures:
        index, error = min(failures, key=lambda failure: failure[0])
        others = f" ({len(failures) - 1} more failed)" if failures[1:] else ""
        raise TrainingError(f"{jobs[index][0].name} with seed {jobs[index][1]} failed: {error}{others}") from error
    return {recipe.name: [found[recipe, seed] for seed in seeds] for recipe in recipes}


def _run_in_turn(work: Callable, jobs: list[tuple], progress: Progress):
    """Like parallel.run_jobs, one after another in this process: a GPU is kept busy by one training."""
    for index, job in enumerate(jobs):
        try:
            yield index, work(*job, lambda _: progress.update(progress.done + 1))
        except Exception as error:
            yield index, error


def _train(recipe: Recipe, seed: int, root, runs, device, on_epoch: Callable[[dict], None]) -> Run:
    """Train and keep the run on disk; on_epoch gets each row of the history as it is finished."""
    device, start = data.best_device(device), time.perf_counter()
    exact = torch.backends.cudnn.flags(deterministic=True, allow_tf32=False)  # a GPU repeats its digits too
    with exact, torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        history, kept = _fit(recipe, seed, data.load(root, device), device, on_epoch)
    environment = describe_environment(device) | {"seconds": round(time.perf_counter() - start, 2)}
    run = Run(recipe, seed, history, **kept, environment=environment)
    _save(run, _folder(recipe, seed, runs, device, torch.get_num_threads()))
    return run


def _fit(recipe: Recipe, seed: int, mnist: data.Mnist, device: torch.device, on_epoch) -> tuple[list[dict], dict]:
    """The history, and the epoch, weights and test logits that are kept.

    Random numbers are drawn in the order of the plain pipeline, so its printed digits come out: the network,
    then in each epoch the training loader's two seeds and those of three evaluation passes.
    """
    model = models.build(recipe).to(device, memory_format=torch.channels_last)
    train, valid = data.split(mnist.train, recipe.validation)
    optimizer = make_optimizer(recipe, model)
    steps = recipe.epochs * math.ceil(len(train) / recipe.batch_size)
    cosine = CosineAnnealingLR(optimizer, steps) if recipe.schedule == "cosine" else None
    splits = {"train": train, "test": mnist.test} | ({"valid": valid} if recipe.validation else {})
    inputs = {name: data.prepare(digits.images, recipe) for name, digits in splits.items()}
    history, kept, best = [], {}, (-1.0, 0.0)
    for epoch in range(recipe.epochs):
        order = data.epoch_order(len(train), recipe.shuffle).to(device)
        row = dict.fromkeys(HISTORY_KEYS) | {"epoch": epoch}
        batches = order.split(recipe.batch_size)
        losses = _train_epoch(model, optimizer, cosine, inputs["train"], train.labels, batches)
        row["train_loss"] = _mean_loss(losses, len(train), recipe, seed, epoch)
        for _ in range(4):  # the plain loop's passes over the test, the shuffled training and the test loader
            data.draw_seed()
        for name, digits in splits.items():
            logits = models.predict(model, inputs[name]).cpu()
            row[f"{name}_accuracy"] = (logits.argmax(1) == digits.labels.cpu()).double().mean().item()
            if name != "train":  # the training loss is the running mean of the epoch
                row[f"{name}_loss"] = F.cross_entropy(logits.double(), digits.labels.cpu()).item()
            if name == "test":
                predictions = logits
        history.append(row)
        on_epoch(row)
        score = (row["valid_accuracy"], -row["valid_loss"]) if recipe.validation else (float(epoch), 0.0)
        if score > best:
            state = {key: value.detach().cpu().clone() for key, value in model.state_dict().items()}
            best, kept = score, {"epoch": epoch, "state": state, "predictions": predictions}
    return history, kept


HISTORY_KEYS = (
    "epoch", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "test_loss", "test_accuracy",
)  # fmt: skip


def make_optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimizer over the model's parameters; fused where the device has such kernels."""
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    if recipe.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), recipe.learning_rate, fused=fused)
    return torch.optim.SGD(model.parameters(), recipe.learning_rate, recipe.momentum, fused=fused)


def _train_epoch(model, optimizer, schedule, inputs: Tensor, labels: Tensor, batches: Iterable[Tensor]) -> Tensor:
    """One pass over the batches (tensors of indices): the summed loss of each batch, float64 [batches]."""
    model.train()
    losses = []
    for batch in batches:
        loss = F.cross_entropy(model(inputs[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if schedule:
            schedule.step()
        losses.append(loss.detach() * len(batch))
    return torch.stack(losses).cpu().double()


def _mean_loss(losses: Tensor, n: int, recipe: Recipe, seed: int, epoch: int) -> float:
    """The epoch's mean loss an image; TrainingError where a loss is not finite."""
    if not losses.isfinite().all():
        step = int((~losses.isfinite()).nonzero()[0])
        raise TrainingError(
            f"{recipe.name} with seed {seed}: the loss is {losses[step].item()} in epoch {epoch}, step {step}, "
            f"at learning rate {recipe.learning_rate}. Try a smaller learning rate or another initialisation."
        )
    return losses.sum().item() / n


# --- runs on disk ---------------------------------------------------------------------------------------------


def describe_environment(device: torch.device) -> dict:
    """Device, threads, versions and date: what a result must name."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "device": device.type,
        "device_name": name,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        "numpy": np.__version__,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
    }


@lru_cache(maxsize=1)
def _source_hash() -> str:
    """Of the code that makes digits, comments and layout left out, so that an edit never shows an old result."""
    modules = (models, data, sys.modules[__name__])
    trees = [ast.dump(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))) for module in modules]
    return hashlib.sha256("".join(trees).encode()).hexdigest()


def _folder(recipe: Recipe, seed: int, runs, device: torch.device, threads: int) -> Path:
    """Where a run is kept: its name ends in a hash of all that decides its digits."""
    environment = describe_environment(device) | {"threads": threads if device.type == "cpu" else None}
    del environment["date"]
    decides = [recipe.fields(), seed, _source_hash(), environment]
    key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
    return data.project_path(runs) / f"{recipe.model.lower()}-seed{seed}-{key}"


def _save(run: Run, folder: Path) -> None:
    """Write the run beside its place and rename it there, so that a run on disk is always whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
    try:
        record = {key: getattr(run, key) for key in ("seed", "history", "epoch", "environment")}
        record = {"name": run.recipe.name, "recipe": run.recipe.fields()} | record
        (part / "run.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
        torch.save(run.state, part / "weights.pt")
        np.savez(part / "predictions.npz", logits=run.predictions.numpy())
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(part, folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _load(folder: Path, recipe: Recipe) -> Run | None:
    """The finished run in a folder, None where there is none; a damaged one is set aside with a warning."""
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
        aside = folder.with_name(f".damaged-{folder.name}-{time.time_ns()}")
        folder.rename(aside)
        warnings.warn(f"the run in {folder.name} is damaged ({error}); set aside as {aside.name}", stacklevel=3)
        return None
