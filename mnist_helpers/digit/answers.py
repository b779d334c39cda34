"""What the networks say of a digit in MNIST's form, and whether that can be trusted."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from mnist_helpers import data, training
from mnist_helpers.digit.sign import DigitError
from mnist_helpers.training import models

NETWORKS = "best-lenet5", "best-mlp"
# Both were chosen on photos of training digits and on scikit-learn's digits. SURE: the answer's mean probability over
# both networks and all views; label smoothing keeps nearly all below 0.95, and below SURE about half are wrong.
SURE = 0.35
TWO = 0.99  # the probability of two digits, by the network of pairs.py
# how each view's pixels are taken from the image: turned, made narrower and wider, lower, and slanted
VIEWS = [[[1, 0], [0, 1]], [[0.99, -0.14], [0.14, 0.99]], [[0.99, 0.14], [-0.14, 0.99]], [[1.12, 0], [0, 1]],
         [[0.9, 0], [0, 1]], [[1, 0], [0, 1.12]], [[1, 0.12], [0, 1]], [[1, -0.12], [0, 1]]]  # fmt: skip

_network = cache(training.pretrained)  # a drawing is read many times a second


def probabilities(image: Tensor, network: str) -> list[float]:
    """What a network that comes with the package says of one uint8 [28, 28]: 10 probabilities."""
    return _read(image[None], network)[0].tolist()


def _read(images: Tensor, network: str) -> Tensor:
    model, recipe = _network(network)
    return models.predict(model, data.prepare(images, recipe)).softmax(1)


def check(image: Tensor, digit: int) -> None:
    """DigitError where a sign may be two digits, or none that the networks are sure of.

    image: uint8 [28, 28], in MNIST's form; digit: the answer.
    """
    one, two = (_read(image[None], "one-or-two")[0, :2]).tolist()
    if two > TWO * (one + two):
        raise DigitError("This may be two digits that touch, or one that is unusually wide. Crop it to one digit.")
    views = _views(image)
    if torch.stack([_read(views, network)[:, digit] for network in NETWORKS]).mean() < SURE:
        raise DigitError("This is not clearly a digit to both networks. Write it again, or crop the picture to it.")


def _views(image: Tensor) -> Tensor:
    """uint8 [8, 28, 28]: the image, and as it may as well have been written."""
    ways = F.pad(torch.tensor(VIEWS, dtype=torch.float32), (0, 1))  # [8, 2, 3]
    grid = F.affine_grid(ways, [len(ways), 1, *image.shape], align_corners=False)
    views = F.grid_sample(image.expand(len(ways), 1, -1, -1).float(), grid, align_corners=False)
    return views[:, 0].round().to(torch.uint8)
