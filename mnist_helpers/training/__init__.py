"""Recipe, seed and digits -> Run: the networks, the loop over batches, and what is kept of it."""

from mnist_helpers.training.jobs import train as train
from mnist_helpers.training.jobs import train_grid as train_grid
from mnist_helpers.training.jobs import train_jobs as train_jobs
from mnist_helpers.training.jobs import train_many as train_many
from mnist_helpers.training.loop import TrainingError as TrainingError
from mnist_helpers.training.recipe import Recipe as Recipe
from mnist_helpers.training.recipe import RecipeError as RecipeError
from mnist_helpers.training.runs import Run as Run
from mnist_helpers.training.runs import pretrained as pretrained
