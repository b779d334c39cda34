"""What the networks say of a digit in MNIST's form, and whether that can be trusted."""

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from mnist_helpers import data, training
from mnist_helpers.digit.form import mnist_form
from mnist_helpers.digit.sign import DigitError
from mnist_helpers.training import models

NETWORKS = "best-lenet5", "best-mlp"
# chosen on photos of training digits; label smoothing keeps nearly all probabilities of both below 0.95
SURE = 0.3  # an answer's mean probability over both networks and some views of the digit
TWO = 1.15  # see `check`
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
    """DigitError where the image, uint8 [28, 28], may show two digits, or none that the networks are sure of.

    Two digits that touch are wide, their halves are digits, and the whole is not one in every view of it.
    """
    views, halves = _views(image), _halves(image)
    both = torch.stack([_read(torch.cat([views, *halves]), network) for network in NETWORKS]).double()
    whole, parts = both[:, : len(views), digit], both[:, len(views) :].mean(0).amax(1)
    two = float(parts.view(-1, 2).amin(1).max()) if len(parts) else 0.0
    rows, columns = (int(np.ptp(np.flatnonzero(image.amax(axis)))) + 1 for axis in (1, 0))
    if columns / rows + 0.75 * (two - float(whole.min())) > TWO:
        raise DigitError("This may be two digits that touch, or one that is unusually wide. Crop it to one digit.")
    if whole.mean() < SURE:
        raise DigitError("This is not clearly a digit to both networks. Write it again, or crop the picture to it.")


def _views(image: Tensor) -> Tensor:
    """uint8 [8, 28, 28]: the image, and as it may as well have been written."""
    ways = F.pad(torch.tensor(VIEWS, dtype=torch.float32), (0, 1))  # [8, 2, 3]
    grid = F.affine_grid(ways, [len(ways), 1, *image.shape], align_corners=False)
    views = F.grid_sample(image.expand(len(ways), 1, -1, -1).float(), grid, align_corners=False)
    return views[:, 0].round().to(torch.uint8)


def _halves(image: Tensor) -> list[Tensor]:
    """uint8 [2, 28, 28] each: left and right of a cut through the least ink near the middle, upright or slanted."""
    large = np.asarray(Image.fromarray(image.numpy()).resize((112, 112), Image.Resampling.BICUBIC))
    large, found = np.where(large < 40, 0, large), []
    y, x = np.indices(large.shape)
    height = np.ptp(np.flatnonzero(large.any(1)))
    for slant in (-0.3, 0, 0.3):
        column = np.rint(x + slant * (y - 56)).astype(int)
        ink = np.bincount(column.ravel() + 56, large.ravel())
        first, last = np.flatnonzero(ink)[[0, -1]]
        quarter = (last - first) // 4
        middle = np.arange(first + quarter, last - quarter + 1)
        at = middle[np.argmin(ink[middle])] - 56
        sides = [np.where(side, large, 0) for side in (column < at, column >= at)]
        if all(side.any() and np.ptp(np.flatnonzero(side.any(1))) >= height / 2 for side in sides):
            found.append(torch.stack([mnist_form(side) for side in sides]))
    return found
