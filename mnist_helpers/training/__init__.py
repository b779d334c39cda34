"""Recipe, seed and digits -> Run: the networks, the loop over batches, and what is kept of it."""

from mnist_helpers.training.jobs import train, train_grid, train_jobs, train_many
from mnist_helpers.training.loop import TrainingError
from mnist_helpers.training.recipe import Recipe, RecipeError
from mnist_helpers.training.runs import Run, pretrained

__all__ = [
    "Recipe",
    "RecipeError",
    "Run",
    "TrainingError",
    "pretrained",
    "train",
    "train_grid",
    "train_jobs",
    "train_many",
]
