"""fit(recipe, seed, ...): a plain loop over resident tensors, from the first step to the last; it keeps no files."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mnist_helpers import data
from mnist_helpers.training import cuda, models, turns
from mnist_helpers.training.augmentation import augment
from mnist_helpers.training.recipe import Recipe, RecipeError

HISTORY_KEYS = ("epoch", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "test_loss", "test_accuracy")


class Splits:
    """The digits of "train", "test" and, where there is one, "valid", and the inputs that a network has of them."""

    def __init__(self, recipe: Recipe, mnist: data.Mnist):
        train, valid = data.split(mnist.train, recipe.validation, fold=recipe.fold, train=recipe.train_images)
        self.digits = {"train": train, "test": mnist.test} | ({"valid": valid} if recipe.validation else {})
        scale = mnist.scale
        self.inputs = {name: data.prepare(part.images, recipe, scale) for name, part in self.digits.items()}


class TrainingError(Exception):
    """A training that cannot go on or be kept; the message names it and the cause."""

    exit_code = 1


def fit(
    recipe: Recipe, seed: int, mnist: data.Mnist, device: torch.device, on_epoch, past=None, keep=lambda state: None
) -> tuple[list[dict], dict]:
    """(history, {"epoch", "state", "predictions"} of what is kept: the epoch, its weights and its test logits).

    past: the state that `keep` was last given, to go on from; on_epoch: called with each row of the history.
    The global random numbers are left as they were. Raises TrainingError where a loss is not finite.
    They are drawn in the order of the plain pipeline, so its printed digits come out: first the network's, then in each
    epoch the training loader's two seeds and those of three evaluation passes.
    """
    gpu = device.type == "cuda"
    splits = turns.shared(Splits, recipe, mnist) if gpu else Splits(recipe, mnist)
    train, inputs = splits.digits["train"], splits.inputs["train"]
    with turns.repeatable(seed, device) if gpu else _repeatable(seed) as turn:
        step = Step(recipe, inputs)
        done = {"history": [], "best": (-1.0, 0.0), "kept": {"epoch": 0}}
        if past:
            step.restore(past["step"])
            done = {key: past[key] for key in done}
        pass_over = partial(train_epoch, step, inputs, train.labels)
        if gpu:
            pass_over = cuda.Graphs(step, inputs, train.labels, turn)
        for row in done["history"]:
            on_epoch(row)
        while (epoch := len(done["history"])) < recipe.epochs:
            if recipe.patience and epoch - 1 - done["kept"]["epoch"] >= recipe.patience:
                break
            batches = data.epoch_order(len(train), recipe.shuffle).to(device).split(recipe.batch_size)
            losses, rates = pass_over(batches, strength_in(recipe, epoch))
            row = dict.fromkeys(HISTORY_KEYS) | {"epoch": epoch}
            row["train_loss"] = _mean_loss(losses, rates, len(train), f"{recipe.name} with seed {seed}", epoch)
            for _ in range(4):  # the plain loop's passes over the test, the shuffled training and the test loader
                data.draw_seed()
            predictions = _evaluate(step.network, splits, row)
            done["history"].append(row)
            score = (row["valid_accuracy"], -row["valid_loss"]) if recipe.validation else (float(epoch), 0.0)
            if score > done["best"]:
                state = {key: value.detach().cpu().clone() for key, value in step.network.state_dict().items()}
                done |= {"best": score, "kept": {"epoch": epoch, "state": state, "predictions": predictions}}
            keep(done | {"step": step.state()})
            on_epoch(row)
        return done["history"], done["kept"]


@contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    """Random numbers of this seed, and those of before at the end."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def strength_in(recipe: Recipe, epoch: int) -> float:
    """The strength of augmentation in an epoch: 1, then a straight line to 0 over the last share `calm` of them."""
    return min(1.0, (recipe.epochs - 1 - epoch) / (recipe.calm * recipe.epochs)) if recipe.calm else 1.0


def _evaluate(model: nn.Module, splits: Splits, row: dict) -> Tensor:
    """Put the splits' accuracies and losses into the row; the test logits."""
    for name, digits in splits.digits.items():
        inputs = splits.inputs[name]
        logits = models.predict(model, inputs, batch=2000 if inputs.is_cuda else 250)
        row[f"{name}_accuracy"] = (logits.argmax(1) == digits.labels).cpu().double().mean().item()
        if name != "train":  # the training loss is the running mean of the epoch
            row[f"{name}_loss"] = F.cross_entropy(logits.cpu().double(), digits.labels.cpu()).item()
        if name == "test":
            predictions = logits.cpu()
    return predictions


def make_optimizer(recipe: Recipe, model: nn.Module) -> Optimizer:
    """The recipe's optimizer over the model's parameters, fused where the device has such kernels."""
    kinds = {"sgd": partial(SGD, momentum=recipe.momentum), "adam": Adam, "adamw": AdamW}
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    options = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay, "fused": fused}
    return kinds[recipe.optimizer](model.parameters(), **options)


def make_schedule(recipe: Recipe, optimizer: Optimizer, steps_an_epoch: int) -> LRScheduler | None:
    """The recipe's learning-rate schedule, to be stepped after each batch; None where the rate is constant."""
    steps = recipe.epochs * steps_an_epoch
    if recipe.schedule == "cosine":
        return CosineAnnealingLR(optimizer, steps)
    if recipe.schedule == "one-cycle":
        return OneCycleLR(optimizer, recipe.learning_rate, steps, pct_start=recipe.warm_up, cycle_momentum=False)
    return None


class Step:
    """A network, untrained at first, and all that trains it: a batch in, new weights out.

    inputs: the prepared training images [N, 1, S, S], on the device that trains.
    """

    def __init__(self, recipe: Recipe, inputs: Tensor):
        self.recipe = recipe
        layout = torch.contiguous_format if inputs.is_cuda else torch.channels_last  # whichever is faster there
        self.model = models.build(recipe).to(inputs.device, memory_format=layout)
        _check(recipe, self.model, inputs)
        self.optimizer = make_optimizer(recipe, self.model)
        self.schedule = make_schedule(recipe, self.optimizer, math.ceil(len(inputs) / recipe.batch_size))
        self.average = None  # of the weights after each step, and of what batch normalisation keeps
        if recipe.ema:
            self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema), use_buffers=True)
        self.parts = [part for part in (self.model, self.optimizer, self.schedule, self.average) if part]
        kind = inputs.device.type  # a step draws random numbers of the CPU and of this device
        self.generators = [torch] if kind == "cpu" else [torch, getattr(torch, kind)]

    @property
    def network(self) -> nn.Module:
        """What is evaluated and kept."""
        return self.average.module if self.average else self.model

    def __call__(self, inputs: Tensor, labels: Tensor, strength: float) -> Tensor:
        """The batch's mean loss, label smoothing included, of images augmented with that strength."""
        loss = self.learn(inputs, labels, strength)
        if self.schedule:
            self.schedule.step()
        if self.average:
            self.average.update_parameters(self.model)
        return loss

    def learn(self, inputs: Tensor, labels: Tensor, strength: float | Tensor) -> Tensor:
        """The optimizer's share of a step; the batch's mean loss."""
        logits = self.model(augment(inputs, self.recipe.augmentation, strength))
        loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def state(self) -> dict:
        """All that decides the coming steps: of network, optimizer, schedule and average, and the random numbers."""
        parts = [part.state_dict() for part in self.parts]
        return {"parts": parts, "random": [module.get_rng_state() for module in self.generators]}

    def restore(self, state: dict) -> None:
        for part, values in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(values)
        for module, values in zip(self.generators, state["random"], strict=True):
            module.set_rng_state(values)


def _check(recipe: Recipe, model: nn.Module, inputs: Tensor) -> None:
    """RecipeError unless the network takes the training images and gives ten logits for each."""
    if not list(model.parameters()):
        raise RecipeError(
            f"recipe {recipe.name}: {recipe.model_name} has no parameters; make each layer an attribute of its own, or "
            "keep them in nn.Sequential or nn.ModuleList"
        )
    remainder, hint, inputs = len(inputs) % recipe.batch_size, "", inputs[:2]
    try:
        with torch.random.fork_rng(devices=[]):
            made = list(models.predict(model, inputs).shape)
    except Exception as error:  # whatever a class of one's own raises
        made, other = f"an error: {error}", ("pad", 32) if recipe.resize == "none" else ("none", 28)
        if isinstance(error, RuntimeError | ValueError):
            hint = f'; perhaps it is made for another size: resize="{other[0]}" gives {other[1]} pixels a side'
    if made != [len(inputs), data.CLASSES]:
        raise RecipeError(
            f"recipe {recipe.name}: of images {list(inputs.shape)} {recipe.model_name} makes {made}, and not logits "
            f"{[len(inputs), data.CLASSES]}{hint}"
        )
    if remainder == 1:
        try:
            with torch.random.fork_rng(devices=[]):
                deepcopy(model).train()(inputs[:1])
        except ValueError as error:  # of batch normalisation
            raise RecipeError(
                f"recipe {recipe.name}: batches of {recipe.batch_size} leave a last one of a single image, which "
                f"{recipe.model_name} cannot be trained on ({error}); choose another batch_size"
            ) from error


def train_epoch(
    step: Step, inputs: Tensor, labels: Tensor, batches: Sequence[Tensor], strength: float = 1.0
) -> tuple[Tensor, list[float]]:
    """One pass over the batches (tensors of indices): the summed loss, float64 [batches], and learning rate of each."""
    step.model.train()
    losses, rates = [], []
    for batch in batches:
        rates.append(step.optimizer.param_groups[0]["lr"])
        losses.append(step(inputs[batch], labels[batch], strength))
    return torch.stack(losses).cpu().double() * torch.tensor([len(batch) for batch in batches]), rates


def _mean_loss(losses: Tensor, rates: list[float], n: int, who: str, epoch: int) -> float:
    """The epoch's mean loss an image; TrainingError where a loss is not finite."""
    if not losses.isfinite().all():
        step = int((~losses.isfinite()).nonzero()[0])
        raise TrainingError(
            f"{who}: the loss is {losses[step].item()} in epoch {epoch}, step {step}, at learning rate "
            f"{rates[step]:.3g}. Try a smaller learning rate or another initialisation."
        )
    return losses.sum().item() / n
