"""Recipe: every hyperparameter of a training. The named recipes, the original report's among them."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate

from torch import nn

from mnist_helpers.training import models
from mnist_helpers.training.augmentation import NONE, Augmentation

CHOICES = {
    "resize": ("none", "pad", "bilinear"),
    "optimizer": ("adam", "adamw", "sgd"),
    "schedule": ("constant", "cosine", "one-cycle"),
    "initialisation": models.INITIALISATIONS,
    "activation": tuple(models.ACTIVATIONS),
    "pooling": tuple(models.POOLINGS),
}


@dataclass(frozen=True, repr=False)
class Recipe:
    """All that decides a training but its seed. Equal recipes are equal whatever their names.

    model: a class of `models`; widths: hidden layers of an MLP; pooling: of LeNet-5 ("average", "max").
    resize: 28 -> 32 pixels by "pad" or "bilinear", or "none"; normalise: mean 0.1307 and std 0.3081.
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

    name: str = field(compare=False)
    model: str
    widths: tuple[int, ...] = ()
    activation: str = "relu"
    pooling: str = "max"
    initialisation: str = "default"
    resize: str = "none"
    normalise: bool = True
    optimizer: str = "sgd"
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    warm_up: float = 0.25
    batch_size: int = 64
    shuffle: bool = True
    epochs: int = 15
    validation: int = 5_000
    fold: int = 0
    train_images: int = 0
    permuted: bool = False
    dropout: float = 0.0
    batch_norm: bool = False
    label_smoothing: float = 0.0
    augmentation: Augmentation = NONE
    calm: float = 0.0
    ema: float = 0.0
    patience: int = 0

    def __post_init__(self):
        network = getattr(models, self.model, None)
        if not (isinstance(network, type) and issubclass(network, nn.Module)):
            raise ValueError(f"recipe {self.name}: there is no model {self.model!r} in mnist_helpers.models")
        for key in ("batch_size", "epochs", "validation", "fold", "train_images", "patience"):
            if type(getattr(self, key)) is not int:
                raise ValueError(f"recipe {self.name}: {key} must be a whole number, not {getattr(self, key)!r}")
        if not isinstance(self.widths, tuple):
            raise ValueError(f"recipe {self.name}: widths must be a tuple such as (256, 128), not {self.widths!r}")
        for key, allowed in CHOICES.items():
            if getattr(self, key) not in allowed:
                raise ValueError(
                    f"recipe {self.name}: {key} is {getattr(self, key)!r}; choose one of {', '.join(allowed)}"
                )
        if self.weight_decay < 0 or not 0 < self.warm_up < 1:
            raise ValueError(f"recipe {self.name}: weight_decay must be 0 or more, and warm_up between 0 and 1")
        for key in ("learning_rate", "batch_size", "epochs"):
            if not getattr(self, key) > 0:
                raise ValueError(f"recipe {self.name}: {key} must be above 0, not {getattr(self, key)}")
        for key in ("dropout", "label_smoothing", "calm", "ema"):
            if not 0 <= getattr(self, key) < 1:
                raise ValueError(f"recipe {self.name}: {key} must be 0 or more and below 1, not {getattr(self, key)}")
        if self.patience < 0:
            raise ValueError(f"recipe {self.name}: patience must be 0 or more epochs, not {self.patience}")
        if self.fold < 0 or not 0 <= self.validation * (self.fold + 1) <= 60_000 or self.validation == 60_000:
            raise ValueError(
                f"recipe {self.name}: there is no fold {self.fold} of {self.validation} validation images in 60,000"
            )
        if not 0 <= self.train_images <= 60_000 - self.validation:
            raise ValueError(
                f"recipe {self.name}: there are no {self.train_images} training images beside {self.validation} for "
                "validation in 60,000"
            )
        if self.patience and not self.validation:
            raise ValueError(f"recipe {self.name}: patience needs validation images to judge the epochs by")

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, rows, columns) of what the network reads."""
        return (1, 28, 28) if self.resize == "none" else (1, 32, 32)

    def changed(self, name: str, *changes: dict) -> Recipe:
        """This recipe under another name with other values of some fields."""
        return replace(self, name=name, **{key: value for change in changes for key, value in change.items()})

    def table(self) -> dict[str, str]:
        """Every field but the name, as text; of an augmentation what it does."""
        values = {key: getattr(self, key) for key in self.fields()}
        limits = ", ".join(f"{key} {value:g}" for key, value in asdict(self.augmentation).items() if value)
        return {key: str(value) for key, value in values.items()} | {"augmentation": limits or "none"}

    def __repr__(self) -> str:
        """Every field, but of `fold` and regularization only what is used."""
        names = list(self.__dataclass_fields__)
        hidden = {key for key in names[names.index("fold") :] if getattr(self, key) == getattr(type(self), key)}
        return f"Recipe({', '.join(f'{key}={getattr(self, key)!r}' for key in names if key not in hidden)})"

    def fields(self) -> dict:
        """Every field but the name, JSON-ready: what a run is keyed by."""
        fields = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        return {key: value for key, value in fields.items() if key != "name"}

    def hash(self) -> str:
        """16 hexadecimal digits of the fields that are not at their defaults, so that a new field changes none."""
        usual = Recipe("", self.model).fields()
        told = {key: value for key, value in self.fields().items() if value != usual[key]}
        return hashlib.sha256(json.dumps([self.model, told], sort_keys=True).encode()).hexdigest()[:16]

    @classmethod
    def of(cls, name: str, fields: dict) -> Recipe:
        """The recipe with these `fields()`; what they leave out, being older, has its default."""
        made = dict(fields)
        if "widths" in made:
            made["widths"] = tuple(made["widths"])
        if "augmentation" in made:
            made["augmentation"] = Augmentation(**made["augmentation"])
        return cls(name, **made)


# As the original report trained them: see published.py for its printed digits. Its "validation" was the test set.
ORIGINAL_LENET5 = Recipe(
    "ORIGINAL_LENET5", "LeNet5", activation="tanh", pooling="average", resize="bilinear", normalise=False,
    optimizer="adam", learning_rate=1e-3, batch_size=32, validation=0,
)  # fmt: skip
ORIGINAL_MLP = Recipe(
    "ORIGINAL_MLP", "MLP", widths=(256, 128), initialisation="uniform01", normalise=False,
    optimizer="adam", learning_rate=1e-2, batch_size=1000, shuffle=False, validation=0,
)  # fmt: skip

# The course's protocol: the defaults above. MLP_SMALL has as many parameters as LeNet-5 (61,723 against 61,706).
LENET5 = Recipe("LENET5", "LeNet5", resize="pad")
MLP = Recipe("MLP", "MLP", widths=(256, 128))
MLP_SMALL = Recipe("MLP_SMALL", "MLP", widths=(75, 33))

# The shortest trainings whose mean over 5 seeds reaches the original's best accuracy, 98.89 %, and LeCun's 99.05 %.
# Chosen on the validation images, then trained on all 60,000: see benchmarks/README.md.
SPRINT_LENET5 = Recipe(
    "SPRINT_LENET5", "LeNet5", resize="pad", optimizer="adamw", learning_rate=2e-2, weight_decay=0.01,
    schedule="one-cycle", batch_size=256, epochs=2, validation=0,
)  # fmt: skip
SPRINT_LENET5_9905 = replace(SPRINT_LENET5, name="SPRINT_LENET5_9905", learning_rate=1e-2, batch_size=192, epochs=3)

# Chapter 4 repairs the original MLP one change at a time; each step of the ladder keeps the changes before it.
MLP_REPAIRS = {
    "+ Kaiming weights": {"initialisation": "kaiming"},
    "+ learning rate 0.001, falling": {"learning_rate": 1e-3, "schedule": "cosine"},
    "+ shuffled each epoch": {"shuffle": True},
    "+ normalised inputs": {"normalise": True},
    "+ batches of 100": {"batch_size": 100},
}
MLP_LADDER = tuple(
    accumulate(
        MLP_REPAIRS.items(),
        lambda step, repair: replace(step, name=repair[0], **repair[1]),
        initial=replace(ORIGINAL_MLP, name="as the original"),
    )
)

# Chapter 6: regularization of LENET5, one change each; how strong was chosen in the study "sweep".
TECHNIQUES = {
    "dropout": {"dropout": 0.25},
    "weight decay": {"weight_decay": 5e-4},
    "batch normalisation": {"batch_norm": True},
    "label smoothing": {"label_smoothing": 0.1},
    "augmentation": {"augmentation": Augmentation(shift=1, rotation=5, scale=0.05, shear=0.05, elastic=0.5)},
    "averaged weights (EMA)": {"ema": 0.99},
    "learning-rate schedule": {"schedule": "one-cycle", "learning_rate": 0.05},
    "early stopping": {"patience": 3},
}

# The record: no validation split, the last epoch's averaged weights; chosen among the finalists by cross-validation.
AUGMENTATION = Augmentation(shift=1.5, rotation=8, scale=0.08, shear=0.08, elastic=0.8)
BEST_LENET5 = Recipe(
    "BEST_LENET5", "LeNet5", activation="silu", resize="pad", optimizer="adamw", learning_rate=3.5e-3,
    weight_decay=0.05, schedule="one-cycle", batch_size=64, epochs=40, validation=0, label_smoothing=0.05,
    augmentation=AUGMENTATION, calm=0.2, ema=0.999,
)  # fmt: skip
BEST_MLP = Recipe(
    "BEST_MLP", "MLP", widths=(256, 128), optimizer="adamw", learning_rate=2e-3, weight_decay=0.05,
    schedule="one-cycle", batch_size=128, epochs=100, validation=0, label_smoothing=0.05,
    augmentation=Augmentation(shift=1.2, rotation=10, scale=0.1, shear=0.1, elastic=1), calm=0.2, ema=0.999,
)  # fmt: skip
BEST_TECHNIQUE = LENET5.changed("augmentation", TECHNIQUES["augmentation"])

# Chapter 5 compares these by the course's protocol, chapter 7 looks into the first three. Add your own network here.
COMPARED = {"LeNet-5": LENET5, "MLP": MLP, "small MLP": MLP_SMALL}
NETWORKS = {**COMPARED}

# Chapter 7: the networks of the comparison with all pixels in another order, and trained on fewer images for more
# epochs ({images: epochs}), to the last one: nothing is chosen.
UNPERMUTED = {name: recipe.changed(f"{name}, in order") for name, recipe in COMPARED.items()}
PERMUTED = {name: recipe.changed(f"{name}, permuted", {"permuted": True}) for name, recipe in COMPARED.items()}
SIZES = {100: 150, 300: 100, 1_000: 60, 3_000: 40, 10_000: 25, 30_000: 15, 60_000: 15}
SIZED = {
    (name, size): recipe.changed(
        f"{name}, {size} images", {"validation": 0, "train_images": size, "epochs": SIZES[size]}
    )
    for name, recipe in COMPARED.items()
    for size in SIZES
}

# What the chapters train live, the longest first, with every seed of the report, and with its first seed only.
LIVE = (ORIGINAL_LENET5, *NETWORKS.values(), *MLP_LADDER[:0:-1], ORIGINAL_MLP)
LIVE_SIZE = 3_000  # training images, of SIZES
LIVE_ONCE = (PERMUTED["LeNet-5"], BEST_TECHNIQUE, PERMUTED["MLP"], PERMUTED["small MLP"],
             *(SIZED[name, LIVE_SIZE] for name in COMPARED))  # fmt: skip
NAMED = (
    ORIGINAL_LENET5, ORIGINAL_MLP, *NETWORKS.values(), SPRINT_LENET5, SPRINT_LENET5_9905, BEST_LENET5, BEST_MLP,
)  # fmt: skip
RECIPES = {recipe.name: recipe for recipe in NAMED}


def live(seeds: Sequence[int]) -> list[tuple[Recipe, int]]:
    """(recipe, seed) of all that the chapters train: `report` does it before it runs them, so no core is idle."""
    return [(recipe, seeds[0]) for recipe in LIVE_ONCE] + [(recipe, seed) for recipe in LIVE for seed in seeds]


def get(name: str) -> Recipe:
    """A named recipe; ValueError with the nearest names for an unknown one."""
    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name.upper().replace("-", ""), RECIPES, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise ValueError(f"there is no recipe {name!r}.{hint} The named recipes are {', '.join(RECIPES)}.")
