"""The trained networks that come with the package: a reader has one without training."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import nn

from mnist_helpers.data import DataError
from mnist_helpers.files import write_atomically
from mnist_helpers.training import models
from mnist_helpers.training.recipes import Recipe
from mnist_helpers.training.run import Run

FOLDER = Path(str(files("mnist_helpers.training") / "weights"))


def pretrained(name: str) -> tuple[nn.Module, Recipe]:
    """(network in evaluation mode, its recipe) of a name such as "best-lenet5".

    Its input is `data.prepare(images, recipe)`. DataError for an unknown name.
    """
    state, about = read(name)
    recipe = Recipe.of(about["name"], json.loads(about["recipe"]))
    with torch.random.fork_rng(devices=[]):  # building draws weights that are not used
        model = models.build(recipe)
    model.load_state_dict(state)
    return model.eval(), recipe


def read(name: str) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """(weights, what the file says of them: name, recipe as JSON, seed, test_accuracy, device and versions)."""
    path = FOLDER / f"{name}.safetensors"
    if not path.is_file():
        names = ", ".join(sorted(path.stem for path in FOLDER.glob("*.safetensors")))
        raise DataError(f"there is no pretrained network {name!r}; there are {names or 'none'}")
    with safe_open(path, "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118, not a dict


def keep(run: Run) -> Path:
    """Put a run's weights into the package, as its recipe's name in small letters with hyphens."""
    accuracy = run.history[run.epoch]["test_accuracy"]
    about = {"name": run.recipe.name, "recipe": json.dumps(run.recipe.fields()), "seed": str(run.seed)}
    about |= {"test_accuracy": f"{accuracy:.4f}"} | {key: str(value) for key, value in run.environment.items()}
    state = {key: value.contiguous() for key, value in run.state.items()}
    path = FOLDER / f"{run.recipe.name.lower().replace('_', '-')}.safetensors"
    write_atomically(path, save(state, about))
    return path
