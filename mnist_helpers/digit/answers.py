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
SURE = 0.4  # the answer's mean probability over both networks and all views: below it about half the answers are wrong
TWO = 1.1  # see `check`
# how each view's pixels are taken from the image: turned, made narrower and wider, lower, and slanted
VIEWS = [[[1, 0], [0, 1]], [[0.99, -0.14], [0.14, 0.99]], [[0.99, 0.14], [-0.14, 0.99]], [[1.12, 0], [0, 1]],
         [[0.9, 0], [0, 1]], [[1, 0], [0, 1.12]], [[1, 0.12], [0, 1]], [[1, -0.12], [0, 1]]]  # fmt: skip

LARGE = 112  # pixels: the longer side of a digit that is cut in two
SLANTS = -0.4, -0.2, 0, 0.2, 0.4  # of the cuts: columns a row

_network = cache(training.pretrained)  # a drawing is read many times a second


def probabilities(image: Tensor, network: str) -> list[float]:
    """What a network that comes with the package says of one uint8 [28, 28]: 10 probabilities."""
    return _read(image[None], network)[0].tolist()


def _read(images: Tensor, network: str) -> Tensor:
    model, recipe = _network(network)
    return models.predict(model, data.prepare(images, recipe)).softmax(1)


def check(ink: np.ndarray, image: Tensor, digit: int) -> None:
    """DigitError where a sign may be two digits, or none that the networks are sure of.

    ink: float [H, W]; image: the uint8 [28, 28] made of it; digit: the answer.
    Two digits that touch are wide, their halves are digits, and the whole is not one in every view of it.
    """
    views, halves = _views(image), _halves(ink)
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


def _halves(ink: np.ndarray) -> list[Tensor]:
    """uint8 [2, 28, 28] each: left and right of cuts through the least ink near the middle, upright or slanted."""
    image = Image.fromarray((255 * ink).astype(np.uint8))
    image.thumbnail((LARGE, LARGE), Image.Resampling.BOX)
    large, found = np.asarray(image) / 255, []
    y, x = np.indices(large.shape)
    for slant in SLANTS:
        column = np.rint(x + slant * y).astype(int)
        column -= column.min()
        amount = np.bincount(column.ravel(), large.ravel())
        first, last = np.flatnonzero(amount)[[0, -1]]
        quarter = (last - first) // 4
        at = first + quarter + np.argmin(amount[first + quarter : last - quarter + 1])
        sides = [np.where(side, large, 0) for side in (column < at, column >= at)]
        if all(side.any() and np.ptp(np.flatnonzero(side.any(1))) >= len(large) / 2 for side in sides):
            found.append(torch.stack([mnist_form(side) for side in sides]))
    return found
