"""Run: a finished training, with its history, weights, predictions, and what it was made with."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version

import numpy as np
import torch
from torch import Tensor, nn

from mnist_helpers.training import models
from mnist_helpers.training.recipes import Recipe


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


def format_environment(environment: dict) -> str:
    """Device and versions in one line, without date and time."""
    versions = ", ".join(f"{name} {environment[name]}" for name in ("torch", "torchvision", "numpy"))
    device = f"{environment['device']} ({environment['device_name']}), {environment['threads']} thread(s) a training"
    return f"{device}, {versions}, Python {environment['python']}"


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
