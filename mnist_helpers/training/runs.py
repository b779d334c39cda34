"""Run: a finished training. Runs on disk, each in its own folder; checkpoints of unfinished ones; locks."""

import hashlib
import io
import json
import os
import platform
import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from importlib.metadata import version
from numbers import Integral
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn

from mnist_helpers.data import MEAN, STD, DataError, Mnist, prepare
from mnist_helpers.files import project_path, write_atomically
from mnist_helpers.source import digest
from mnist_helpers.training import models
from mnist_helpers.training.loop import TrainingError, fit
from mnist_helpers.training.recipe import Recipe, RecipeError

UNFINISHED = ".unfinished"  # the folder in runs/ with checkpoints and locks
PRETRAINED = Path(__file__).with_name("weights")
RECORDED = ("seed", "history", "epoch", "wrong", "environment", "scale")


@dataclass(frozen=True)
class Run:
    """A finished training.

    history: one dict an epoch with epoch, train_loss, train_accuracy, valid_*, test_loss and test_accuracy
    (accuracies as fractions; valid_* None without a validation split). epoch: the one whose weights are kept,
    the best on validation or else the last. wrong: indices of the test images that it answers wrong. environment:
    device, versions, date and training time in seconds. scale: mean and standard deviation of the training images.
    state: the weights; predictions: test logits [10000, 10]; a committed study has neither, and no losses.
    """

    recipe: Recipe
    seed: int
    history: list[dict]
    epoch: int
    wrong: list[int]
    environment: dict
    scale: tuple[float, float] = (MEAN, STD)
    state: dict[str, Tensor] | None = None
    predictions: Tensor | None = None

    @property
    def test_accuracy(self) -> float:
        return self.history[self.epoch]["test_accuracy"]

    def model(self) -> nn.Module:
        """The trained network on the CPU, in evaluation mode; RecipeError where its class is another one meanwhile."""
        if self.recipe.code and self.recipe.code != digest(self.recipe.network):
            raise RecipeError(f"the code of {self.recipe.model_name} was changed after this training; train it again")
        with torch.random.fork_rng(devices=[]):  # building draws weights that are not used
            model = models.build(self.recipe)
        model.load_state_dict(self.state)
        return model.eval()

    def predict(self, images: Tensor) -> Tensor:
        """Logits [N, 10] of uint8 images [N, 28, 28], prepared as the recipe says."""
        return models.predict(self.model(), prepare(images.cpu(), self.recipe, self.scale))

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


def describe_environment(device: torch.device) -> dict:
    """Device, threads, versions and date: what a result must name."""
    return {
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "threads": 1,  # of every training, so that digits are the same however many run side by side
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "torchvision": version("torchvision"),
        "numpy": np.__version__,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
    }


def format_device(environment: dict) -> str:
    """Such as "cuda (NVIDIA H200), 1 thread for each training"."""
    threads = f"{environment['threads']} thread{'s' * (environment['threads'] != 1)} for each training"
    return f"{environment['device']} ({environment['device_name']}), {threads}"


def format_versions(environment: dict) -> str:
    """Such as "torch 2.11.0, torchvision 0.26.0, numpy 2.4.6, Python 3.12.3"."""
    versions = ", ".join(f"{name} {environment[name]}" for name in ("torch", "torchvision", "numpy"))
    return f"{versions}, Python {environment['python']}"


def folder_of(recipe: Recipe, seed: int, images: str, runs: str | Path, device: torch.device) -> Path:
    """Where the run is kept: its name ends in a hash of all that decides its digits; images: Mnist.hash."""
    whole = isinstance(seed, Integral) and not isinstance(seed, bool) and 0 <= seed < 2**63
    if not (isinstance(recipe, Recipe) and whole):
        raise RecipeError(f"expected a Recipe such as recipes.LENET5 and a seed from 0 on; got {recipe!r}, {seed!r}")
    values = [value for value in recipe.fields().values() if isinstance(value, str)]
    code = digest(fit, Mnist, recipe.network, chosen=values)
    decides = [recipe.key, int(seed), images, code, describe_environment(device) | {"date": ""}]
    name = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
    return project_path(runs) / f"{recipe.model_name.lower()}-seed{seed}-{name}"


def beside(folder: Path, ending: str) -> Path:
    """Where a run's "lock", "checkpoint" or half-written "part" is kept."""
    return folder.parent / UNFINISHED / f"{folder.name}.{ending}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's lock: of two processes that want the same run one trains, and the other waits to reuse it."""
    path = beside(folder, "lock")
    lock = FileLock(path)
    with writing_to(folder.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            held = lock.acquire(timeout=0)
        except Timeout:
            if sys.stderr.isatty():  # not into a notebook that is being executed
                print(f"another process is training {folder.name}; waiting for it", file=sys.stderr)
            held = lock.acquire()
    with held:
        yield


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


def save(run: Run, folder: Path) -> None:
    """Write the run beside its place and rename it there, so that a run on disk is whole; needs its lock."""
    tensors = {} if run.predictions is None else {"predictions": run.predictions}
    tensors |= {f"state.{key}": value.contiguous() for key, value in run.state.items()}
    content, part = safetensors.torch.save(tensors), beside(folder, "part")
    record = {"run": folder.name, "name": run.recipe.name, "recipe": run.recipe.fields()}
    record |= {key: getattr(run, key) for key in RECORDED} | {"sha256": hashlib.sha256(content).hexdigest()}
    with writing_to(folder.parent):
        shutil.rmtree(part, ignore_errors=True)  # of a process that was killed here
        part.mkdir(parents=True)
        try:
            (part / "run.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
            (part / "run.safetensors").write_bytes(content)
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        beside(folder, "checkpoint").unlink(missing_ok=True)


def load(folder: Path, recipe: Recipe | None = None, *, set_aside=False) -> Run | None:
    """The finished run in a folder, None where there is none or it cannot be read; recipe: its own, if none is given.

    set_aside: move a damaged one out of the way, with a warning; needs its lock, since another process may just save.
    """
    if not folder.is_dir():
        return None
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        content = (folder / "run.safetensors").read_bytes()
        if (record["run"], record["sha256"]) != (folder.name, hashlib.sha256(content).hexdigest()):
            raise ValueError("it is of another recipe, seed or version, or the checksum of its weights is wrong")
        tensors = safetensors.torch.load(content)
        predictions = tensors.pop("predictions", None)
        state = {key.removeprefix("state."): value for key, value in tensors.items()}
        recipe = recipe or Recipe(record["name"], **record["recipe"])
        record["scale"] = tuple(record["scale"])
        return Run(recipe, **{key: record[key] for key in RECORDED}, state=state, predictions=predictions)
    except Exception as error:  # whatever a damaged file makes json or safetensors say
        if set_aside:
            _set_aside(folder, f"the run in {folder.name} is damaged ({error})")
        return None


def save_checkpoint(folder: Path, state: dict) -> None:
    """Keep an unfinished training's state under the run's name, with a checksum; needs the run's lock."""
    buffer = io.BytesIO()  # torch reports a full disk less clearly than write() does
    torch.save({"run": folder.name} | state, buffer)
    content = buffer.getvalue()
    with writing_to(folder.parent):
        write_atomically(beside(folder, "checkpoint"), hashlib.sha256(content).digest() + content)


def read_checkpoint(path: Path) -> dict:
    content = path.read_bytes()
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        raise ValueError("its checksum is wrong")
    return torch.load(io.BytesIO(content[32:]), weights_only=True, map_location="cpu")


def load_checkpoint(folder: Path) -> dict | None:
    """The state last kept, None where there is none; a damaged or foreign one is set aside with a warning."""
    path = beside(folder, "checkpoint")
    try:
        state = read_checkpoint(path)
        if state["run"] != folder.name:
            raise ValueError(f"it is of another recipe, seed or version: {state['run']}")
        return state
    except FileNotFoundError:
        return None
    except Exception as error:
        _set_aside(path, f"the checkpoint of {folder.name} cannot be used ({error}); the training starts over")
        return None


def _set_aside(path: Path, problem: str) -> None:
    with writing_to(path.parent):
        aside = path.rename(path.with_name(f".damaged-{path.name}-{time.time_ns()}"))
    warnings.warn(f"{problem}; set aside as {aside.name}", stacklevel=4)


def pretrained(name: str) -> tuple[nn.Module, Recipe]:
    """(network in evaluation mode, its recipe) of a name such as "best-lenet5"; a reader has one without training.

    Its input is `data.prepare(images, recipe)`. DataError for an unknown name and for a damaged file.
    """
    folder = PRETRAINED / name
    run = load(folder)
    if run is None and (folder / "run.json").is_file():
        raise DataError(f"the pretrained network in {folder} is damaged; restore its two files, or install anew")
    if run is None:
        names = ", ".join(sorted(path.parent.name for path in PRETRAINED.glob("*/run.json")))
        raise DataError(f"there is no pretrained network {name!r}; there are {names or 'none'}")
    return run.model(), run.recipe


def keep_pretrained(run: Run) -> None:
    """Put a run into the package as its recipe's name in small letters with hyphens, without predictions.

    Half precision takes half the space; of BEST_LENET5 and BEST_MLP it changes no test answer.
    """
    state = {key: value.half() if value.is_floating_point() else value for key, value in run.state.items()}
    save(replace(run, state=state, predictions=None), PRETRAINED / run.recipe.name.lower().replace("_", "-"))
