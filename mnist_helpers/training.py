"""train(recipe, seed) -> Run: resident tensors, a plain loop, a checkpoint an epoch, finished runs reused."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mnist_helpers import data, models, parallel, storage
from mnist_helpers.augmentation import augment
from mnist_helpers.pretrained import pretrained as pretrained  # training.pretrained("best-lenet5")
from mnist_helpers.progress import Progress
from mnist_helpers.recipes import Recipe
from mnist_helpers.run import Run, describe_environment, format_epoch
from mnist_helpers.storage import TrainingError

HISTORY_KEYS = (
    "epoch", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "test_loss", "test_accuracy",
)  # fmt: skip


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

    # a GPU repeats its digits too; enabled must be said, since flags() would switch cuDNN off
    exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    current = torch.cuda.device(device) if device.type == "cuda" else nullcontext()  # the one that graphs capture
    with exact, current, torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        history, kept = _fit(recipe, seed, mnist, device, on_epoch, past, keep)
    environment = describe_environment(device) | {"seconds": round(seconds(), 2)}
    run = Run(recipe, seed, history, **kept, environment=environment)
    storage.save(run, folder)
    return run


def _fit(
    recipe: Recipe, seed: int, mnist: data.Mnist, device: torch.device, on_epoch, past=None, keep=lambda state: None
) -> tuple[list[dict], dict]:
    """The history, and the epoch, weights and test logits that are kept.

    Random numbers are drawn in the order of the plain pipeline, so its printed digits come out: the network,
    then in each epoch the training loader's two seeds and those of three evaluation passes.
    """
    model = models.build(recipe).to(device, memory_format=torch.channels_last)
    train, valid = data.split(mnist.train, recipe.validation, fold=recipe.fold)
    optimizer = make_optimizer(recipe, model)
    schedule = make_schedule(recipe, optimizer, math.ceil(len(train) / recipe.batch_size))
    average = _average_of(model, recipe.ema) if recipe.ema else None
    splits = {"train": train, "test": mnist.test} | ({"valid": valid} if recipe.validation else {})
    inputs = {name: data.prepare(digits.images, recipe) for name, digits in splits.items()}
    forward = _graphed(model, inputs["train"][: recipe.batch_size]) if device.type == "cuda" else model
    step = Step(recipe, model, forward, optimizer, schedule, average)
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule, "average": average}
    parts = {name: part for name, part in parts.items() if part is not None}
    done = _restore(past, parts, device) if past else {"history": [], "best": (-1.0, 0.0)}
    for row in done["history"]:
        on_epoch(row)
    while not _is_finished(recipe, done):
        epoch = len(done["history"])
        batches = data.epoch_order(len(train), recipe.shuffle).to(device).split(recipe.batch_size)
        model.train()
        losses, rates = _train_epoch(step, inputs["train"], train.labels, batches, strength_in(recipe, epoch))
        row = dict.fromkeys(HISTORY_KEYS) | {"epoch": epoch}
        row["train_loss"] = _mean_loss(losses, rates, len(train), f"{recipe.name} with seed {seed}", epoch)
        for _ in range(4):  # the plain loop's passes over the test, the shuffled training and the test loader
            data.draw_seed()
        network = average.module if average else model
        predictions = _evaluate(network, splits, inputs, row)
        done["history"].append(row)
        score = (row["valid_accuracy"], -row["valid_loss"]) if recipe.validation else (float(epoch), 0.0)
        if score > done["best"]:
            state = {key: value.detach().cpu().clone() for key, value in network.state_dict().items()}
            done |= {"best": score, "kept": {"epoch": epoch, "state": state, "predictions": predictions}}
        keep(done | _states(parts, device))
        on_epoch(row)
    return done["history"], done["kept"]


def _is_finished(recipe: Recipe, done: dict) -> bool:
    epochs = len(done["history"])
    if recipe.patience and epochs and epochs - 1 - done["kept"]["epoch"] >= recipe.patience:
        return True
    return epochs >= recipe.epochs


def strength_in(recipe: Recipe, epoch: int) -> float:
    """The strength of augmentation in an epoch: 1, then a straight line to 0 over the last share `calm` of them."""
    return min(1.0, (recipe.epochs - 1 - epoch) / (recipe.calm * recipe.epochs)) if recipe.calm else 1.0


def _evaluate(model: nn.Module, splits: dict[str, data.Digits], inputs: dict[str, Tensor], row: dict) -> Tensor:
    """Put the splits' accuracies and losses into the row; the test logits."""
    for name, digits in splits.items():
        logits, labels = models.predict(model, inputs[name]).cpu(), digits.labels.cpu()
        row[f"{name}_accuracy"] = (logits.argmax(1) == labels).double().mean().item()
        if name != "train":  # the training loss is the running mean of the epoch
            row[f"{name}_loss"] = F.cross_entropy(logits.double(), labels).item()
        if name == "test":
            predictions = logits
    return predictions


def make_optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimizer over the model's parameters, fused where the device has such kernels."""
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    options = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay, "fused": fused}
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(model.parameters(), momentum=recipe.momentum, **options)
    return {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimizer](model.parameters(), **options)


def make_schedule(recipe: Recipe, optimizer: torch.optim.Optimizer, steps_an_epoch: int) -> LRScheduler | None:
    """The recipe's learning-rate schedule, to be stepped after each batch; None where the rate is constant."""
    steps = recipe.epochs * steps_an_epoch
    if recipe.schedule == "cosine":
        return CosineAnnealingLR(optimizer, steps)
    if recipe.schedule == "one-cycle":
        return OneCycleLR(optimizer, recipe.learning_rate, steps, pct_start=recipe.warm_up, cycle_momentum=False)
    return None


def _average_of(model: nn.Module, decay: float) -> AveragedModel:
    """The exponential moving average of a model's weights, and of what batch normalisation keeps."""
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)


def _graphed(model: nn.Module, batch: Tensor) -> Callable[[Tensor], Tensor]:
    """The network in training mode, whole batches as CUDA graphs: with small ones a GPU waits for its launches."""
    plain = model.forward
    graph = torch.cuda.make_graphed_callables(model.train(), (batch.clone(),))
    return lambda x: graph(x) if len(x) == len(batch) else plain(x)


@dataclass
class Step:
    """One step of a training: a batch in, new weights out."""

    recipe: Recipe
    model: nn.Module
    forward: Callable[[Tensor], Tensor]  # of the model, perhaps as a CUDA graph
    optimizer: torch.optim.Optimizer
    schedule: LRScheduler | None
    average: AveragedModel | None  # of the weights after each step

    def __call__(self, inputs: Tensor, labels: Tensor, strength: float) -> Tensor:
        """The batch's mean loss, label smoothing included, of images augmented with that strength."""
        logits = self.forward(augment(inputs, self.recipe.augmentation, strength))
        loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.schedule:
            self.schedule.step()
        if self.average:
            self.average.update_parameters(self.model)
        return loss.detach()


def _train_epoch(
    step: Step, inputs: Tensor, labels: Tensor, batches: Sequence[Tensor], strength: float
) -> tuple[Tensor, list[float]]:
    """One pass over the batches (tensors of indices): the summed loss, float64 [batches], and learning rate of each."""
    losses, rates = [], []
    for batch in batches:
        rates.append(step.optimizer.param_groups[0]["lr"])
        losses.append(step(inputs[batch], labels[batch], strength))
    return torch.stack(losses).cpu().double() * torch.tensor([len(batch) for batch in batches]), rates


def _mean_loss(losses: Tensor, rates: list[float], n: int, who: str, epoch: int) -> float:
    """The epoch's mean loss an image; TrainingError where a loss is not finite."""
    if not losses.isfinite().all():
        step = int((~losses.isfinite()).nonzero()[0])
        raise TrainingError(
            f"{who}: the loss is {losses[step].item()} in epoch {epoch}, step {step}, at learning rate "
            f"{rates[step]:.3g}. Try a smaller learning rate or another initialisation."
        )
    return losses.sum().item() / n


# --- going on where a training stopped ------------------------------------------------------------------------


def _states(parts: dict, device: torch.device) -> dict:
    """All that decides the coming epochs: of the network, optimizer and schedule, and of the random numbers."""
    random = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        random["cuda"] = torch.cuda.get_rng_state(device)
    return {name: part.state_dict() for name, part in parts.items()} | {"random": random}


def _restore(past: dict, parts: dict, device: torch.device) -> dict:
    """Put a checkpoint's states back; what was finished: history, best score and what is kept."""
    for name, part in parts.items():
        part.load_state_dict(past[name])
    torch.set_rng_state(past["random"]["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(past["random"]["cuda"], device)
    return {key: past[key] for key in ("history", "best", "kept")}
