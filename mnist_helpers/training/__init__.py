"""Recipe, seed and digits -> Run: the networks, the loop over batches, and what is kept of it."""

from mnist_helpers.training.jobs import TrainingError, train, train_grid, train_jobs, train_many
from mnist_helpers.training.pretrained import pretrained

__all__ = ["TrainingError", "pretrained", "train", "train_grid", "train_jobs", "train_many"]
