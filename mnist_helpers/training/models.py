"""The networks of the report: LeNet-5, LeNet-5 without one of its ideas, and the MLP.

Everything that varies is an argument, which a recipe gives.
"""

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

    [B, 1, 32, 32] -> logits [B, 10]. activation: a key of ACTIVATIONS; pooling: a key of POOLINGS; widths: the sizes of
    C1, C3, C5 and F6, or () for those of 1998.
    dropout: in C5 and F6, where 94 % of the parameters are. batch_norm: after every hidden layer, 452 parameters more.
    """

    n_widths = 4
    resize = "pad"  # of a recipe that does not say how 28 x 28 pixels become 32 x 32

    def __init__(
        self, activation="tanh", pooling="average", initialisation="default", dropout: float = 0, batch_norm=False,
        widths=(),
    ):  # fmt: skip
        super().__init__()
        n1, n3, n5, n6 = widths or (6, 16, 120, 84)
        act, pool = partial(hidden, activation, batch_norm), POOLINGS[pooling]
        self.c1 = nn.Conv2d(1, n1, kernel_size=5)  # 156 parameters
        self.act1, self.s2 = act(nn.BatchNorm2d(n1)), pool(2)
        self.c3 = nn.Conv2d(n1, n3, kernel_size=5)  # 2,416
        self.act3, self.s4 = act(nn.BatchNorm2d(n3)), pool(2)
        self.c5 = FullConv2d(n3, n5, kernel_size=5)  # 48,120
        self.act5, self.flatten = act(nn.BatchNorm2d(n5), dropout), nn.Flatten()
        self.f6 = nn.Linear(n5, n6)  # 10,164
        self.act6 = act(nn.BatchNorm1d(n6), dropout)
        self.output = nn.Linear(n6, 10)  # 850
        initialise(self, initialisation)

    def forward(self, x: Tensor) -> Tensor:
        # x: [B, 1, 32, 32]
        x = self.s2(self.act1(self.c1(x)))  # [B, 6, 28, 28] -> [B, 6, 14, 14]
        x = self.s4(self.act3(self.c3(x)))  # [B, 16, 10, 10] -> [B, 16, 5, 5]
        x = self.flatten(self.act5(self.c5(x)))  # [B, 120, 1, 1] -> [B, 120]
        x = self.act6(self.f6(x))  # [B, 84]
        return self.output(x)  # logits [B, 10]


class LocalConv2d(nn.Module):
    """A convolution without sharing: at every place its own weights and bias, of the same receptive field.

    [B, in, S, S] -> [B, out, side, side], side = (S - k) // stride + 1. weight: [places, out, in k k]; drawn as
    nn.Conv2d draws.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, size: int, stride: int = 1):
        super().__init__()
        self.in_channels, self.kernel_size, self.stride = in_channels, kernel_size, stride
        self.side = (size - kernel_size) // stride + 1
        places, reads = self.side**2, in_channels * kernel_size**2
        self.weight = nn.Parameter(torch.empty(places, out_channels, reads).uniform_(-(reads**-0.5), reads**-0.5))
        self.bias = nn.Parameter(torch.empty(places, out_channels, 1).uniform_(-(reads**-0.5), reads**-0.5))

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(1, 2, 3, 0).contiguous()  # [in, S, S, B]: with the batch last, windows are quickly copied
        windows = x.unfold(1, self.kernel_size, self.stride).unfold(2, self.kernel_size, self.stride)
        windows = windows.permute(1, 2, 0, 4, 5, 3).flatten(2, 4).flatten(0, 1)  # [places, in k k, B]
        maps = torch.baddbmm(self.bias, self.weight, windows)  # [places, out, B]
        maps = maps.permute(2, 1, 0).unflatten(2, (self.side, self.side))
        return maps.contiguous(memory_format=torch.channels_last)  # faster to pool


class LocalLeNet5(LeNet5):
    """LeNet-5 whose C1 and C3 share no weights: 423,038 parameters. Locality and pooling without sharing."""

    def __init__(self, activation="tanh", pooling="average"):
        super().__init__(activation, pooling)
        self.c1 = LocalConv2d(1, 6, kernel_size=5, size=32)  # 122,304 parameters
        self.c3 = LocalConv2d(6, 16, kernel_size=5, size=14)  # 241,600


class StridedLeNet5(LeNet5):
    """LeNet-5 without pooling: C1 and C3 move by two pixels, so that all sizes and 61,706 parameters stay."""

    def __init__(self, activation="tanh"):
        super().__init__(activation)
        self.c1, self.s2 = nn.Conv2d(1, 6, kernel_size=5, stride=2), nn.Identity()
        self.c3, self.s4 = nn.Conv2d(6, 16, kernel_size=5, stride=2), nn.Identity()


class LocalStridedLeNet5(LeNet5):
    """LeNet-5 without sharing and without pooling: 150,110 parameters. What is left of its ideas is locality."""

    def __init__(self, activation="tanh"):
        super().__init__(activation)
        self.c1, self.s2 = LocalConv2d(1, 6, kernel_size=5, size=32, stride=2), nn.Identity()  # 30,576 parameters
        self.c3, self.s4 = LocalConv2d(6, 16, kernel_size=5, size=14, stride=2), nn.Identity()  # 60,400


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


# what a recipe's or a file's name of a model means
MODELS: dict[str, type[nn.Module]] = {
    network.__name__: network for network in (LeNet5, LocalLeNet5, StridedLeNet5, LocalStridedLeNet5, MLP)
}


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
