"""Recipe: every hyperparameter of a training, brought to one form, so that equal recipes have one key."""

import difflib
import hashlib
import inspect
import json
import re
import sys
from dataclasses import asdict, field, fields, replace
from functools import cached_property
from typing import Annotated, Literal

import pydantic
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Strict
from pydantic.dataclasses import dataclass
from torch import nn

from mnist_helpers.source import digest
from mnist_helpers.training import models
from mnist_helpers.training.augmentation import NONE, Augmentation

OPTIONS = ("widths", "activation", "pooling", "initialisation", "dropout", "batch_norm")  # of a model that takes them
Share = Annotated[float, Field(ge=0, lt=1)]
# 0 becomes 0.0; "0", True or 0.5 are no whole numbers
FORM = pydantic.ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)


class RecipeError(ValueError):
    """A recipe that cannot be trained; the message names it, the field and what is expected."""

    exit_code = 2


@dataclass(eq=False, repr=False, config=FORM)
class Recipe:
    """All that decides a training but its data and seed. Equal recipes are equal whatever their names.

    model: "LeNet5", "MLP", or a class of your own, which takes any of these fields as arguments and makes logits
    [B, 10] of [B, 1, 28, 28], or of 32 pixels a side. widths: hidden layers of an MLP; pooling: "average" or "max".
    resize: 28 -> 32 pixels by "pad" or "bilinear", or "none"; "auto" is what the model's class says, else "none".
    normalise: True for the training images' mean and standard deviation, (mean, std) for others, False for neither.
    learning_rate, momentum, weight_decay: of `optimizer`; schedule "cosine": the rate falls to 0 by the last step;
    "one-cycle": it rises to learning_rate over the share `warm_up` of the steps, then falls (Smith and Topin 2019).
    batch_size in images; shuffle: a new order each epoch.
    validation: training images held out for choosing the epoch; 0 trains on all and keeps the last epoch.
    fold: which images these are, for cross-validation. train_images: how many are trained on; 0 means all others.
    permuted: the pixels of every image in one fixed random order (see data.permute).

    Regularization, none of it by default. dropout: the share of hidden values that are left out; batch_norm;
    label_smoothing: the share of the target spread over all classes; augmentation: of the training batches, its
    strength falling to 0 over the last share `calm` of the epochs; ema: the decay of the weights' exponential moving
    average after each step, which is then what is evaluated and kept; patience: stop after so many epochs without
    a better one on validation.
    """

    name: str
    model: Literal[tuple(models.MODELS)] | type[nn.Module]
    widths: Annotated[tuple[PositiveInt, ...], Strict(False)] = ()
    activation: Literal[tuple(models.ACTIVATIONS)] = "relu"
    pooling: Literal[tuple(models.POOLINGS)] = "max"
    initialisation: Literal[tuple(models.INITIALISATIONS)] = "default"
    resize: Literal["auto", "none", "pad", "bilinear"] = "auto"
    normalise: bool | Annotated[tuple[float, PositiveFloat], Strict(False)] = True
    optimizer: Literal["adam", "adamw", "sgd"] = "sgd"
    learning_rate: PositiveFloat = 0.01
    momentum: NonNegativeFloat = 0.9
    weight_decay: NonNegativeFloat = 0.0
    schedule: Literal["constant", "cosine", "one-cycle"] = "constant"
    warm_up: Annotated[float, Field(gt=0, lt=1)] = 0.25
    batch_size: PositiveInt = 64
    shuffle: bool = True
    epochs: PositiveInt = 15
    validation: NonNegativeInt = 5_000
    fold: NonNegativeInt = 0
    train_images: NonNegativeInt = 0
    permuted: bool = False
    dropout: Share = 0.0
    batch_norm: bool = False
    label_smoothing: Share = 0.0
    augmentation: Augmentation = NONE
    calm: Share = 0.0
    ema: Share = 0.0
    patience: NonNegativeInt = 0
    code: str = field(default="", init=False)  # of a class of one's own: a hash of its source and of what that uses

    def __post_init__(self):
        names = {network: name for name, network in models.MODELS.items()}
        if self.model in names:
            object.__setattr__(self, "model", names[self.model])
        elif not isinstance(self.model, str):
            object.__setattr__(self, "code", digest(self.model))
        taken = inspect.signature(self._class()).parameters
        for key, parameter in taken.items():
            known = key in FIELDS or parameter.default is not parameter.empty or parameter.kind > 1
            self._require(known, "model", f"have a default for {key!r}, which no recipe gives")
        if self.resize == "auto":
            object.__setattr__(self, "resize", getattr(self._class(), "resize", "none"))
        for key in OPTIONS:
            usual = key in taken or getattr(self, key) == getattr(type(self), key)
            self._require(usual, key, f"be left out, since {self.model_name} does not take it")
        n = getattr(self._class(), "n_widths", len(self.widths))
        self._require(len(self.widths) in (0, n), "widths", f"be the sizes of {n} layers, or left out")
        self._require(not self.patience or self.validation, "patience", "be 0 without validation images to judge by")

    def _require(self, holds, key: str, expected: str) -> None:
        if not holds:
            raise RecipeError(f"recipe {self.name}: {key} is {getattr(self, key)!r}; it should {expected}")

    def _class(self) -> type[nn.Module]:
        return models.MODELS[self.model] if isinstance(self.model, str) else self.model

    @property
    def network(self) -> type[nn.Module]:
        """The model's class. RecipeError where a notebook has another class of the name that the recipe gives."""
        own = getattr(sys.modules["__main__"], self.model, None) if isinstance(self.model, str) else None
        if isinstance(own, type) and own.__module__ == "__main__":
            raise RecipeError(
                f"recipe {self.name} names the package's {self.model}, and this notebook has a class of that name. "
                f"To train yours, write model={self.model}, without quotes, in the recipe; else rename your class"
            )
        return self._class()

    @property
    def model_name(self) -> str:
        return self._class().__name__

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, rows, columns) of what the network reads."""
        return (1, 28, 28) if self.resize == "none" else (1, 32, 32)

    def changed(self, name: str, *changes: dict, **values) -> "Recipe":
        """This recipe under another name with other values of some fields: changed("mine", epochs=2)."""
        values = {key: value for change in (*changes, values) for key, value in change.items()}
        if "model" not in values:
            return replace(self, name=name, **values)
        kept = {key: getattr(self, key) for key in FIELDS[2:] if key not in (*OPTIONS, "resize")}
        return Recipe(name, **kept | values)  # what one model took, another may not take

    def table(self) -> dict[str, str]:
        """Every field but the name, as text; of an augmentation what it does."""
        limits = ", ".join(f"{key} {value:g}" for key, value in asdict(self.augmentation).items() if value)
        return {key: str(getattr(self, key)) for key in self.fields()} | {"augmentation": limits or "none"}

    def __repr__(self) -> str:
        """Name, model, and every field that is not at its default."""
        used = [key for key in FIELDS[2:] if getattr(self, key) != getattr(Recipe, key)]
        parts = [repr(self.name), repr(self.model), *(f"{key}={getattr(self, key)!r}" for key in used)]
        return f"Recipe({', '.join(parts)})"

    def fields(self) -> dict:
        """Every field but the name, JSON-ready, so that Recipe(name, **fields) is this one; a class of one's own by its
        name and a hash of its code."""
        values = asdict(self) | {"model": " ".join(filter(None, (self.model_name, self.code)))}
        return {key: list(values[key]) if isinstance(values[key], tuple) else values[key] for key in FIELDS[1:]}

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits of the fields that are not at their defaults, so that a new field changes none."""
        usual = {entry.name: entry.default for entry in fields(self)}
        usual |= {"widths": [], "augmentation": {}, "resize": "none"}
        told = self.fields()
        told["augmentation"] = {key: limit for key, limit in told["augmentation"].items() if limit}
        told = {key: value for key, value in told.items() if value != usual[key]}
        model = told.pop("model")
        text = re.sub(r"(?<=\d)\.0(?=[,}\]])", "", json.dumps([model, told], sort_keys=True))  # 1.0 as 1
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def __eq__(self, other) -> bool:
        return isinstance(other, Recipe) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __setattr__(self, key: str, value) -> None:
        raise RecipeError(f"a recipe is not changed in place; write recipe.changed('a new name', {key}={value!r})")


FIELDS = tuple(entry.name for entry in fields(Recipe) if entry.init)
EXPECTED = {
    "model": f"it should be a class or one of {', '.join(models.MODELS)}; one of your own is an nn.Module, without ()",
    "normalise": "it should be True, False or (mean, std)",
}
_validated = Recipe.__init__


def _checked(self, *values, **named) -> None:
    """Pydantic's checks, whose errors become one sentence; from JSON an augmentation comes as a dict."""
    named |= dict(zip(FIELDS, values, strict=False))
    if named.get("widths") in ((), []):  # as where they are not said
        del named["widths"]
    for key in named.keys() - set(FIELDS):
        near = difflib.get_close_matches(key, FIELDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(FIELDS)}"
        raise RecipeError(f"recipe {named.get('name')}: there is no field {key!r}; {hint}")
    if isinstance(named.get("augmentation"), dict):
        named["augmentation"] = Augmentation(**named["augmentation"])
    try:
        _validated(self, **_defaults(named.get("model")) | named)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        if isinstance(first.get("ctx", {}).get("error"), RecipeError):
            raise first["ctx"]["error"] from None
        key = first["loc"][0]
        message = EXPECTED.get(key, first["msg"].replace("Input should", "it should"))
        raise RecipeError(f"recipe {named.get('name')}: {key} is {named.get(key)!r}; {message}") from None


def _defaults(model) -> dict:
    """The options' defaults in a class of one's own, and the MLP's widths: they count where the recipe says nothing."""
    network = models.MODELS.get(model) if isinstance(model, str) else model
    if not (isinstance(network, type) and issubclass(network, nn.Module)):
        return {}
    own = ("widths",) if network in models.MODELS.values() else OPTIONS
    taken = {key: entry.default for key, entry in inspect.signature(network).parameters.items() if key in own}
    return {key: default for key, default in taken.items() if default is not inspect.Parameter.empty}


Recipe.__init__ = _checked
