"""What the studies contain: which recipes, and with which seeds."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mnist_helpers.files import project_path
from mnist_helpers.studies import plans
from mnist_helpers.training import recipes
from mnist_helpers.training.augmentation import Augmentation
from mnist_helpers.training.jobs import Job
from mnist_helpers.training.recipe import Recipe
from mnist_helpers.training.recipes import (
    AUGMENTATION,
    BEST_LENET5,
    BEST_MLP,
    LENET5,
    MLP_SMALL,
    SHORTER_LENET5,
    SHORTER_MLP,
    TECHNIQUES,
)

# How strong each technique of TECHNIQUES should be: two values of each; the last two techniques have none.
SWEEP = {
    "dropout": {"0.1": {"dropout": 0.1}, "0.25": {"dropout": 0.25}},
    "weight decay": {"0.0005": {"weight_decay": 5e-4}, "0.002": {"weight_decay": 2e-3}},
    "label smoothing": {"0.05": {"label_smoothing": 0.05}, "0.1": {"label_smoothing": 0.1}},
    "augmentation": {
        "milder": {"augmentation": Augmentation(shift=1, rotation=5, scale=0.05, shear=0.05, elastic=0.5)},
        "stronger": {"augmentation": AUGMENTATION},
    },
    "averaged weights (EMA)": {"0.99": {"ema": 0.99}, "0.999": {"ema": 0.999}},
    "learning-rate schedule": {
        "cosine": {"schedule": "cosine"},
        "one-cycle, peak 0.05": {"schedule": "one-cycle", "learning_rate": 0.05},
    },
}
# In company: without early stopping, which would end a training before its learning rate has fallen.
TOGETHER = {name: change for name, change in TECHNIQUES.items() if name != "early stopping"}
# Finalists for the regularized networks, each trained FOLDS times with a sixth of the training images held out.
FINALISTS = {
    "LeNet-5, SiLU": SHORTER_LENET5,
    "LeNet-5, ReLU": replace(SHORTER_LENET5, activation="relu"),
    "MLP": replace(SHORTER_MLP, augmentation=replace(AUGMENTATION, shift=1)),
    "MLP, stronger distortions": SHORTER_MLP,
}
# Their winners with three times the epochs.
LONGER = {
    "LeNet-5, SiLU, 120 epochs": BEST_LENET5,
    "MLP, stronger distortions, 300 epochs": BEST_MLP,
}
FOLDS = 6


# Candidates for a robust LeNet-5: distortions of values beside those of places; then, for a share of the images, also
# covered squares.
def _robust(changed: Recipe = SHORTER_LENET5, **limits: float) -> Recipe:
    return replace(changed, augmentation=replace(AUGMENTATION, **limits))


MIDDLE = {"contrast": 0.95, "brightness": 0.3, "blur": 2, "noise": 1}
GENTLE = {"contrast": 0.9, "brightness": 0.3, "blur": 1.5, "noise": 0.4}
FAINTER = {"contrast": 0.95, "brightness": 0.3, "blur": 2, "noise": 0.3, "cover": 8}
ROBUST = {
    "regularized": SHORTER_LENET5,
    "mild": _robust(contrast=0.9, brightness=0.3, blur=1, noise=0.5),
    "middle": _robust(**MIDDLE),
    "middle, to the end": _robust(replace(SHORTER_LENET5, calm=0), **MIDDLE),
    "strong": _robust(**MIDDLE | {"blur": 3, "noise": 1.2}),
    "a half": _robust(**GENTLE, cover=14, spared=0.5),
    "a quarter": _robust(**GENTLE, cover=14, spared=0.75),
    "a half, 80 epochs": _robust(replace(SHORTER_LENET5, epochs=80), **GENTLE, cover=14, spared=0.5),
    "a quarter, 80 epochs": _robust(replace(SHORTER_LENET5, epochs=80), **GENTLE, cover=14, spared=0.75),
    "a half, fainter": _robust(replace(SHORTER_LENET5, epochs=80), **FAINTER, spared=0.5),
    "a third, fainter": _robust(replace(SHORTER_LENET5, epochs=80), **FAINTER, spared=0.67),
    "a fifth, 120 epochs": _robust(BEST_LENET5, **FAINTER, spared=0.8),
    "a tenth, 120 epochs": recipes.ROBUST_LENET5,
}
# The lead of LeNet-5 over the MLP in three parts: sums of accuracies of the study "ideas", each times its weight.
PARTS = {
    "locality": {"neither": 1, "MLP": -1},
    "shared weights": {"LeNet-5": 0.5, "no sharing": -0.5, "no pooling": 0.5, "neither": -0.5},
    "pooling": {"LeNet-5": 0.5, "no sharing": 0.5, "no pooling": -0.5, "neither": -0.5},
}


@dataclass(frozen=True)
class Study:
    """Every recipe with every seed; its summary is studies/<name>.json.

    plan: what is asked, what would refute it, how it is tested, what was known when it was written. keeps_answers:
    also the test probabilities of all runs, in hundredths, in studies/<name>.npz. pretrained: recipes whose weights
    for the first seed the package keeps. corrupted: also the accuracies on these images, "validation" or "test",
    corrupted.
    """

    name: str
    recipes: tuple[Recipe, ...]
    seeds: tuple[int, ...]
    plan: str = ""
    keeps_answers: bool = False
    pretrained: tuple[Recipe, ...] = ()
    corrupted: str = ""

    @property
    def measured(self) -> list[str]:
        """What an entry of this study has more than others have."""
        return [f"corrupted {self.corrupted}"] if self.corrupted else []

    @property
    def jobs(self) -> list[Job]:
        return [(recipe, seed) for recipe in self.recipes for seed in self.seeds]

    def path(self, kind: str = "json") -> Path:
        return project_path("studies") / f"{self.name}.{kind}"


def _in_folds(finalists: dict[str, Recipe]) -> tuple[Recipe, ...]:
    """Each recipe FOLDS times, every time with another part of the training images held out."""
    return tuple(
        recipe.changed(f"{name}, fold {fold}", validation=60_000 // FOLDS, fold=fold)
        for name, recipe in finalists.items()
        for fold in range(FOLDS)
    )


def _studies() -> Iterable[Study]:
    five, ten, twenty = (tuple(range(42, 42 + n)) for n in (5, 10, 20))
    sweep = {f"{name}: {value}": change for name, of in SWEEP.items() for value, change in of.items()}
    yield Study("sweep", tuple(LENET5.changed(name, change) for name, change in sweep.items()), five[:2])
    alone = [LENET5.changed(name, change) for name, change in TECHNIQUES.items()]
    everything = (LENET5.changed("plain"), LENET5.changed("all", *TOGETHER.values()), *alone)
    yield Study("techniques", everything, twenty, plan=plans.TECHNIQUES)
    all_but = [
        LENET5.changed(f"all but {left_out}", *(change for name, change in TOGETHER.items() if name != left_out))
        for left_out in TOGETHER
    ]
    yield Study("left_out", tuple(all_but), ten, plan=plans.TECHNIQUES)
    small = {"plain": [], "augmentation": [TECHNIQUES["augmentation"]], "all": TOGETHER.values()}
    small_mlps = [MLP_SMALL.changed(f"small MLP, {name}", *changes) for name, changes in small.items()]
    yield Study("small_mlps", tuple(small_mlps), five)
    yield Study("folds", _in_folds(FINALISTS), five[:1])
    yield Study("record", (SHORTER_LENET5, SHORTER_MLP), ten)
    yield Study("data", tuple(recipes.SIZED.values()), five)
    yield Study("ideas", tuple(recipes.IDEAS.values()), ten, plan=plans.IDEAS)
    yield Study("capacity", (*recipes.CAPACITY["LeNet-5"], *recipes.CAPACITY["MLP"]), five, plan=plans.CAPACITY)
    yield Study("ideas_data", tuple(recipes.IDEAS_DATA.values()), ten, plan=plans.IDEAS)
    controls = (recipe for steps in recipes.CONTROLS.values() for recipe in steps.values())
    yield Study("controls", tuple(controls), ten, plan=plans.CONTROLS)
    yield Study("longer_folds", _in_folds(LONGER), five[:1], plan=plans.LONGER)
    best = (BEST_LENET5, BEST_MLP)
    yield Study("longer", best, ten, plan=plans.LONGER, keeps_answers=True, pretrained=best)
    robust = [recipe.changed(name, validation=5_000) for name, recipe in ROBUST.items()]
    yield Study(
        "robust_choice", (LENET5.changed("plain"), *robust), five[:1], plan=plans.ROBUST, corrupted="validation"
    )
    robust = recipes.ROBUST_LENET5
    yield Study("robust", (robust, LENET5), ten, plan=plans.ROBUST, pretrained=(robust,), corrupted="test")


STUDIES = {study.name: study for study in _studies()}
