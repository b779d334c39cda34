"""What the studies contain: which recipes, and with which seeds."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mnist_helpers.files import project_path
from mnist_helpers.training import recipes
from mnist_helpers.training.augmentation import Augmentation
from mnist_helpers.training.jobs import Job
from mnist_helpers.training.recipe import Recipe
from mnist_helpers.training.recipes import AUGMENTATION, BEST_LENET5, BEST_MLP, LENET5, MLP_SMALL, TECHNIQUES

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
    "LeNet-5, SiLU": BEST_LENET5,
    "LeNet-5, ReLU": replace(BEST_LENET5, activation="relu"),
    "MLP": replace(BEST_MLP, augmentation=replace(AUGMENTATION, shift=1)),
    "MLP, stronger distortions": BEST_MLP,
}
FOLDS = 6

IDEAS_PLAN = """\
*Question.* Which of LeNet-5's ideas carries its lead over an MLP: locality (a value of C1 or C3 depends on 5 × 5
neighbouring places), shared weights (the same at every place), or pooling?

*Networks.* LeNet-5, and the same network without sharing (each place has weights of its own), without pooling (C1 and
C3 move by two pixels instead), and with neither, which leaves locality. S4 and the layers after it keep their shapes.
Everything is trained by the protocol of chapter 5, with 10 seeds.

*Comparisons.* Five, with the pixels in order: sharing with pooling and without it, pooling with sharing and without
it, and the network with neither against the MLP, which has more parameters. The networks of a pair have the same seeds.
The interval of a difference allows for other seeds and other test images; p is adjusted for five tests (Holm).

*Parts.* The lead of LeNet-5 over the MLP is the sum of three parts: that of locality is the lead of the network with
neither, those of sharing and of pooling are the means of their two comparisons. The largest part is said to carry the
lead if the interval of its difference to the second largest is above zero; else no idea is named.

*What would refute it.* An idea is said to be needed if both its comparisons (for locality the one) are significant and
above zero. If one is not, the report says so.

*Beside it.* The same networks with permuted pixels and on 1,000, 10,000 and 60,000 images are shown with intervals, and
not tested. With permuted pixels no network should lead the MLP."""


@dataclass(frozen=True)
class Study:
    """Every recipe with every seed; its summary is studies/<name>.json.

    plan: what is asked, what would refute it and how it is tested, written before the first training. keeps_networks: also the test probabilities of all runs, in thousandths, in studies/<name>.npz, and each recipe's
    weights for its first seed, in the package.
    """

    name: str
    recipes: tuple[Recipe, ...]
    seeds: tuple[int, ...]
    keeps_networks: bool = False
    plan: str = ""

    @property
    def jobs(self) -> list[Job]:
        return [(recipe, seed) for recipe in self.recipes for seed in self.seeds]

    def path(self, kind: str = "json") -> Path:
        return project_path("studies") / f"{self.name}.{kind}"


def _studies() -> Iterable[Study]:
    five, ten = tuple(range(42, 47)), tuple(range(42, 52))
    sweep = {f"{name}: {value}": change for name, of in SWEEP.items() for value, change in of.items()}
    yield Study("sweep", tuple(LENET5.changed(name, change) for name, change in sweep.items()), five[:2])
    alone = [LENET5.changed(name, change) for name, change in TECHNIQUES.items()]
    yield Study("alone", (LENET5.changed("plain"), *alone), five)
    all_but = [
        LENET5.changed(f"all but {left_out}", *(change for name, change in TOGETHER.items() if name != left_out))
        for left_out in TOGETHER
    ]
    small = {"plain": [], "augmentation": [TECHNIQUES["augmentation"]], "all": TOGETHER.values()}
    small_mlps = [MLP_SMALL.changed(f"small MLP, {name}", *changes) for name, changes in small.items()]
    yield Study("company", (LENET5.changed("all", *TOGETHER.values()), *all_but, *small_mlps), five)
    folds = [
        recipe.changed(f"{name}, fold {fold}", validation=60_000 // FOLDS, fold=fold)
        for name, recipe in FINALISTS.items()
        for fold in range(FOLDS)
    ]
    yield Study("folds", tuple(folds), five[:1])
    yield Study("record", (BEST_LENET5, BEST_MLP), five, keeps_networks=True)
    # ten seeds: with the first five the MLP's change missed zero by a hair; see chapter 7
    yield Study("pixels", (*recipes.UNPERMUTED.values(), *recipes.PERMUTED.values()), ten)
    yield Study("data", tuple(recipes.SIZED.values()), five)
    yield Study("ideas", tuple(recipes.IDEAS.values()), ten, plan=IDEAS_PLAN)


STUDIES = {study.name: study for study in _studies()}
