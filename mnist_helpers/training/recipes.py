"""The named recipes, the original report's among them, and those of the many-seed studies."""

import difflib
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from mnist_helpers.training.augmentation import Augmentation
from mnist_helpers.training.recipe import Recipe, RecipeError

# As the original report trained them: analysis/published.py has its printed digits. Its "validation" was the test set.
ORIGINAL_LENET5 = Recipe(
    "ORIGINAL_LENET5", "LeNet5", activation="tanh", pooling="average", resize="bilinear", normalise=False,
    optimizer="adam", learning_rate=1e-3, batch_size=32, validation=0,
)  # fmt: skip
ORIGINAL_MLP = Recipe(
    "ORIGINAL_MLP", "MLP", widths=(256, 128), initialisation="uniform01", normalise=False,
    optimizer="adam", learning_rate=1e-2, batch_size=1000, shuffle=False, validation=0,
)  # fmt: skip

# The course's protocol: the defaults of Recipe. MLP_SMALL has as many parameters as LeNet-5 (61,723 against 61,706).
LENET5 = Recipe("LENET5", "LeNet5", resize="pad")
MLP = Recipe("MLP", "MLP", widths=(256, 128))
MLP_SMALL = Recipe("MLP_SMALL", "MLP", widths=(75, 33))

# The shortest trainings whose mean over 5 seeds reaches the original's best accuracy, 98.89 %, and LeCun's 99.05 %.
# Chosen on the validation images, then trained on all 60,000: see benchmarks/README.md.
SPRINT_LENET5 = Recipe(
    "SPRINT_LENET5", "LeNet5", resize="pad", optimizer="adamw", learning_rate=2e-2, weight_decay=0.01,
    schedule="one-cycle", batch_size=256, epochs=2, validation=0,
)  # fmt: skip
SPRINT_LENET5_9905 = SPRINT_LENET5.changed("SPRINT_LENET5_9905", learning_rate=1e-2, batch_size=192, epochs=3)

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
        MLP_REPAIRS.items(), lambda step, repair: step.changed(*repair), initial=ORIGINAL_MLP.changed("as the original")
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

# The regularized networks: no validation split, the last epoch's averaged weights; chosen by cross-validation among
# finalists with fewer epochs, of which SHORTER_LENET5 and SHORTER_MLP won, and then with more epochs.
AUGMENTATION = Augmentation(shift=1.5, rotation=8, scale=0.08, shear=0.08, elastic=0.8)
BEST_LENET5 = Recipe(
    "BEST_LENET5", "LeNet5", activation="silu", resize="pad", optimizer="adamw", learning_rate=3.5e-3,
    weight_decay=0.05, schedule="one-cycle", batch_size=64, epochs=120, validation=0, label_smoothing=0.05,
    augmentation=AUGMENTATION, calm=0.2, ema=0.999,
)  # fmt: skip
BEST_MLP = Recipe(
    "BEST_MLP", "MLP", widths=(256, 128), optimizer="adamw", learning_rate=2e-3, weight_decay=0.05,
    schedule="one-cycle", batch_size=128, epochs=300, validation=0, label_smoothing=0.05,
    augmentation=Augmentation(shift=1.2, rotation=10, scale=0.1, shear=0.1, elastic=1), calm=0.2, ema=0.999,
)  # fmt: skip
SHORTER_LENET5 = BEST_LENET5.changed("SHORTER_LENET5", epochs=40)
SHORTER_MLP = BEST_MLP.changed("SHORTER_MLP", epochs=100)
# Chapter 7: a tenth of the images is also made fainter, lighter or darker, blurred, noisy and partly covered; chosen on
# the validation images in the study "robust_choice".
ROBUST_LENET5 = BEST_LENET5.changed(
    "ROBUST_LENET5",
    augmentation=replace(AUGMENTATION, contrast=0.95, brightness=0.3, blur=2, noise=0.3, cover=8, spared=0.9),
)  # fmt: skip

# By the course's protocol; chapter 7 and its studies look into these.
COMPARED = {"LeNet-5": LENET5, "MLP": MLP, "small MLP": MLP_SMALL}
NETWORKS = {**COMPARED}  # what chapter 5 compares: add your own network here

# Chapter 7: the networks of the comparison trained on fewer images for more epochs ({images: epochs}), to the last one:
# nothing is chosen.
SIZES = {100: 150, 300: 100, 1_000: 60, 3_000: 40, 10_000: 25, 30_000: 15, 60_000: 15}
SIZED = {
    (name, size): recipe.changed(f"{name}, {size} images", validation=0, train_images=size, epochs=epochs)
    for name, recipe in COMPARED.items()
    for size, epochs in SIZES.items()
}

# Chapter 7: LeNet-5 without shared weights, without pooling, and without either, and the networks of the comparison,
# all with the pixels in order and permuted, and on fewer images.
WITHOUT = {
    "no sharing": LENET5.changed("no sharing", model="LocalLeNet5"),
    "no pooling": LENET5.changed("no pooling", model="StridedLeNet5"),
    "neither": LENET5.changed("neither", model="LocalStridedLeNet5"),
}
ORDERS = {"in order": {}, "permuted": {"permuted": True}}
FEWER = {f"{n} images": {"validation": 0, "train_images": n, "epochs": SIZES[n]} for n in (1_000, 10_000, 60_000)}
IDEAS, IDEAS_DATA = (
    {
        (name, setting): recipe.changed(f"{name}, {setting}", change)
        for setting, change in settings.items()
        for name, recipe in {**COMPARED, **WITHOUT}.items()
    }
    for settings in (ORDERS, FEWER)
)

# Chapter 6: from the protocol to SHORTER_LENET5 and SHORTER_MLP, the last steps; a step takes these fields of them.
STEPS = {
    "+ long schedule": ("train_images", "optimizer", "schedule", "learning_rate", "epochs", "batch_size"),
    "+ augmentation": ("augmentation", "calm"),
    "+ label smoothing, weight decay": ("label_smoothing", "weight_decay"),
    "+ averaged weights": ("ema",),
    "+ SiLU": ("activation",),
}


def _controls(name: str, best: Recipe) -> dict[str, Recipe]:
    """{step: recipe}: COMPARED[name], then on all images, then STEPS, each with the changes before it."""
    steps = {"protocol": COMPARED[name], "+ all training images": SIZED[name, 60_000]}
    for step, keys in STEPS.items():
        before = steps[next(reversed(steps))]
        steps[step] = before.changed(step, {key: getattr(best, key) for key in keys})
    return {step: recipe.changed(f"{name}: {step}") for step, recipe in steps.items()}


CONTROLS = {"LeNet-5": _controls("LeNet-5", SHORTER_LENET5), "MLP": _controls("MLP", SHORTER_MLP)}
del CONTROLS["MLP"]["+ SiLU"]  # the regularized MLP keeps ReLU

# Chapter 7: both families in five sizes, from about 4,000 to 1,000,000 parameters.
LENET5_WIDTHS = ((2, 4, 30, 21), (3, 8, 60, 42), (), (12, 32, 240, 168), (24, 64, 480, 336))
MLP_WIDTHS = ((5, 3), (20, 10), MLP_SMALL.widths, MLP.widths, (810, 405))
CAPACITY = {
    "LeNet-5": tuple(LENET5.changed(f"LeNet-5 of size {n}", widths=w) for n, w in enumerate(LENET5_WIDTHS, 1)),
    "MLP": tuple(MLP.changed(f"MLP of size {n}", widths=w) for n, w in enumerate(MLP_WIDTHS, 1)),
}

# What the chapters train live, the longest first, with every seed of the report, and with its first seed only.
HAND_IN = (ORIGINAL_LENET5, *COMPARED.values(), ORIGINAL_MLP)
LIVE = (ORIGINAL_LENET5, *NETWORKS.values(), *MLP_LADDER[:0:-1], ORIGINAL_MLP)
LIVE_SIZE = 3_000  # training images, of SIZES
LIVE_ONCE = (
    SHORTER_MLP, IDEAS["no pooling", "in order"], IDEAS_DATA["neither", "1000 images"],
    *(SIZED[name, LIVE_SIZE] for name in COMPARED),
)  # fmt: skip
NAMED = (
    ORIGINAL_LENET5, ORIGINAL_MLP, *NETWORKS.values(), SPRINT_LENET5, SPRINT_LENET5_9905, SHORTER_LENET5,
    SHORTER_MLP, BEST_LENET5, BEST_MLP, ROBUST_LENET5,
)  # fmt: skip
RECIPES = {recipe.name: recipe for recipe in NAMED}


def live(seeds: Sequence[int], hand_in: bool = False) -> list[tuple[Recipe, int]]:
    """(recipe, seed) of all that the notebooks train, or the hand-in alone, the longest first."""
    once, each = ((), HAND_IN) if hand_in else (LIVE_ONCE, LIVE)
    return [(recipe, seeds[0]) for recipe in once] + [(recipe, seed) for recipe in each for seed in seeds]


def get(name: str) -> Recipe:
    """A named recipe; RecipeError with the nearest names for an unknown one."""
    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name.upper().replace("-", ""), RECIPES, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise RecipeError(f"there is no recipe {name!r}.{hint} The named recipes are {', '.join(RECIPES)}.")
