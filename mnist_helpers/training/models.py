"""The two networks of the report. Everything that varies is an argument, which a recipe gives."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATIONS = {
    "tanh": nn.Tanh,
    "relu": partial(nn.ReLU, inplace=True),
    "gelu": nn.GELU,
    "silu": partial(nn.SiLU, inplace=True),
}
POOLINGS = {"average": nn.AvgPool2d, "max": nn.MaxPool2d}
INITIALISATIONS = {
    "default": None,
    "kaiming": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "uniform01": nn.init.uniform_,
}


class FullConv2d(nn.Conv2d):
    """A convolution whose kernel covers its whole input: the same weights and sums as a linear layer, and faster."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-2:] != self.kernel_size:
            raise ValueError(f"FullConv2d needs maps of {list(self.kernel_size)}, got {list(x.shape[-2:])}")
        return F.linear(x.flatten(1), self.weight.flatten(1), self.bias)[..., None, None]


def hidden(activation: str, batch_norm: bool, norm: nn.Module, dropout: float = 0.0) -> nn.Module:
    """What follows a hidden layer: `norm` if batch_norm (Ioffe and Szegedy 2015), the activation, then dropout."""
    parts = [norm] * batch_norm + [ACTIVATIONS[activation]()] + [nn.Dropout(dropout)] * (dropout > 0)
    return parts[0] if len(parts) == 1 else nn.Sequential(*parts)


class LeNet5(nn.Module):
    """LeNet-5 with fully connected C3 and a linear output: 61,706 parameters (LeCun et al. 1998, section II.B).

    [B, 1, 32, 32] -> logits [B, 10]. activation: a key of ACTIVATIONS; pooling: a key of POOLINGS.
    dropout: in C5 and F6, where 94 % of the parameters are. batch_norm: after every hidden layer, 452 parameters more.
    """

    resize = "pad"  # of a recipe that does not say how 28 x 28 pixels become 32 x 32

    def __init__(
        self, activation="tanh", pooling="average", initialisation="default", dropout: float = 0, batch_norm=False
    ):
        super().__init__()
        act, pool = partial(hidden, activation, batch_norm), POOLINGS[pooling]
        self.c1 = nn.Conv2d(1, 6, kernel_size=5)  # 156 parameters
        self.act1, self.s2 = act(nn.BatchNorm2d(6)), pool(2)
        self.c3 = nn.Conv2d(6, 16, kernel_size=5)  # 2,416
        self.act3, self.s4 = act(nn.BatchNorm2d(16)), pool(2)
        self.c5 = FullConv2d(16, 120, kernel_size=5)  # 48,120
        self.act5, self.flatten = act(nn.BatchNorm2d(120), dropout), nn.Flatten()
        self.f6 = nn.Linear(120, 84)  # 10,164
        self.act6 = act(nn.BatchNorm1d(84), dropout)
        self.output = nn.Linear(84, 10)  # 850
        initialise(self, initialisation)

    def forward(self, x: Tensor) -> Tensor:
        # x: [B, 1, 32, 32]
        x = self.s2(self.act1(self.c1(x)))  # [B, 6, 28, 28] -> [B, 6, 14, 14]
        x = self.s4(self.act3(self.c3(x)))  # [B, 16, 10, 10] -> [B, 16, 5, 5]
        x = self.flatten(self.act5(self.c5(x)))  # [B, 120, 1, 1] -> [B, 120]
        x = self.act6(self.f6(x))  # [B, 84]
        return self.output(x)  # logits [B, 10]


class MLP(nn.Module):
    """A multilayer perceptron over the 784 pixels; the default 784-256-128-10 has 235,146 parameters.

    [B, 1, 28, 28] -> logits [B, 10]. widths: the sizes of the hidden layers, and where `hidden` comes in.
    """

    def __init__(
        self, widths=(256, 128), activation="relu", initialisation="default", dropout: float = 0, batch_norm=False
    ):
        super().__init__()
        sizes = (28 * 28, *widths)
        layers: list[nn.Module] = [nn.Flatten()]  # [B, 784]
        for n_in, n_out in pairwise(sizes):
            layers.append(nn.Linear(n_in, n_out))  # (n_in + 1) x n_out parameters
            layers.append(hidden(activation, batch_norm, nn.BatchNorm1d(n_out), dropout))
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], 10))
        initialise(self, initialisation)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)  # logits [B, 10]


MODELS: dict[str, type[nn.Module]] = {"LeNet5": LeNet5, "MLP": MLP}  # what a recipe's or a file's name of a model means


def initialise(model: nn.Module, how: str) -> None:
    """Draw the weights anew, biases 0, unless how = "default" (what PyTorch's layers drew themselves).

    "kaiming": N(0, 2 / fan_in) (He et al. 2015, eq. 10). "uniform01": U(0, 1), as the original report's MLP had it.
    """
    if how not in INITIALISATIONS:
        raise ValueError(f"unknown initialisation {how!r}: choose one of {', '.join(INITIALISATIONS)}")
    for layer in model.modules() if how != "default" else ():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            INITIALISATIONS[how](layer.weight)
            nn.init.zeros_(layer.bias)


def build(recipe) -> nn.Module:
    """A recipe's untrained network, its weights drawn from torch's global generator.

    The recipe's fields that the class takes as arguments are given to it.
    """
    taken = inspect.signature(recipe.network).parameters
    return recipe.network(**{key: getattr(recipe, key) for key in taken if hasattr(recipe, key)})


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """The model in evaluation mode; its mode is restored."""
    was_training = model.training
    try:
        yield model.eval()
    finally:
        model.train(was_training)


@torch.inference_mode()
def predict(model: nn.Module, inputs: Tensor, batch: int = 250) -> Tensor:
    """Logits [N, 10] of prepared inputs [N, 1, S, S], in evaluation mode and large batches; the mode is restored."""
    with evaluating(model):
        return torch.cat([model(part) for part in inputs.split(batch)])
