"""Images made harder by a known amount: turned, scaled, noisy, blurred, faint, covered, shifted; who still reads them.

Every function takes uint8 [N, 28, 28] and gives new images of the same shape; strength 0 of a kind changes nothing,
and the same call gives the same images. Where MNIST-C (Mu and Gilmer 2019) defines a kind, its five strengths are used.
"""

from collections import namedtuple
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from mnist_helpers import data
from mnist_helpers.training import models
from mnist_helpers.training.recipes import Recipe


def shift(images: Tensor, right: int, down: int) -> Tensor:
    """Moved by whole pixels, at most the image's size; what leaves the image is lost, and background comes in."""
    return F.pad(images, [right, -right, down, -down])


def rotate(images: Tensor, degrees: float) -> Tensor:
    """Turned to the left about the centre, bilinear."""
    return tv.rotate(images, degrees, InterpolationMode.BILINEAR)


def shrink(images: Tensor, share: float) -> Tensor:
    """Smaller by that share of the size, about the centre."""
    return tv.affine(images, 0, [0, 0], 1 - share, [0, 0], interpolation=InterpolationMode.BILINEAR)


def gaussian_noise(images: Tensor, std: float, seed: int = 0) -> Tensor:
    """Normal noise added to every pixel; std in units of the whole range from white to black."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed)).to(images.device)
    return (images.float() + 255 * std * noise).round().clamp(0, 255).byte()


def gaussian_blur(images: Tensor, std: float) -> Tensor:
    """Convolved with a Gaussian; std in pixels."""
    if std == 0:
        return images.clone()
    size = min(2 * round(4 * std) + 1, 2 * images.shape[-1] - 1)  # torchvision reflects at most the image itself
    return tv.gaussian_blur(images, [size, size], [std, std])


def lower_contrast(images: Tensor, share: float) -> Tensor:
    """Every pixel nearer to its image's mean by that share of the distance."""
    means = images.float().mean((1, 2), keepdim=True)
    return ((images.float() - means) * (1 - share) + means).round().byte()


def cover(images: Tensor, side: float, seed: int = 0) -> Tensor:
    """A square of background over every image, its centre drawn evenly in the middle 20 x 20 pixels."""
    size, side = images.shape[-1], round(side)
    centres = torch.randint(4, size - 4, (2, len(images), 1), generator=torch.Generator().manual_seed(seed))
    first = centres.to(images.device) - side // 2
    place = torch.arange(size, device=images.device)
    rows, columns = ((place >= start) & (place < start + side) for start in first)
    return images.masked_fill(rows[:, :, None] & columns[:, None, :], 0)


# a kind: its function of (images, strength), strengths to try from none upwards, and their label with unit
Corruption = namedtuple("Corruption", ["apply", "strengths", "label"])
CORRUPTIONS = {
    "rotation": Corruption(rotate, (0, 11.5, 22.9, 34.4, 45.8, 57.3), "rotation (degrees)"),
    "size": Corruption(shrink, (0, 0.1, 0.2, 0.3, 0.4, 0.5), "smaller by (share of the size)"),
    "noise": Corruption(gaussian_noise, (0, 0.08, 0.12, 0.18, 0.26, 0.38), "standard deviation of noise"),
    "blur": Corruption(gaussian_blur, (0, 1, 2, 3, 4, 6), "blur (pixels)"),
    "contrast": Corruption(lower_contrast, (0, 0.6, 0.7, 0.8, 0.9, 0.95), "contrast lost (share)"),
    "cover": Corruption(cover, (0, 4, 6, 8, 10, 12), "covered square, side (pixels)"),
}


Networks = Mapping[str, Sequence[tuple[nn.Module, Recipe]]]  # {name: [(model, recipe), ...]}, on the digits' device


def accuracies(networks: Networks, digits: data.Digits) -> pd.DataFrame:
    """A row for each network's name, member of its list (a seed), kind and strength, with the accuracy in %."""
    rows = [
        (name, member, kind, strength, accuracy)
        for kind, corruption in CORRUPTIONS.items()
        for strength in corruption.strengths
        for name, found in _accuracies(networks, corruption.apply(digits.images, strength), digits.labels).items()
        for member, accuracy in enumerate(found)
    ]
    return pd.DataFrame(rows, columns=["network", "member", "kind", "strength", "accuracy"])


def shift_maps(networks: Networks, digits: data.Digits, steps: Sequence[int]) -> dict[str, np.ndarray]:
    """{network's name: accuracy in % [members, down, right]} with all images shifted by these numbers of pixels."""
    found = [_accuracies(networks, shift(digits.images, x, y), digits.labels) for y in steps for x in steps]
    shape = (-1, len(steps), len(steps))
    return {name: np.transpose([place[name] for place in found]).reshape(shape) for name in networks}


def _accuracies(networks: Networks, images: Tensor, labels: Tensor) -> dict[str, list[float]]:
    def accuracy(model: nn.Module, recipe: Recipe) -> float:
        answers = models.predict(model, data.prepare(images, recipe)).argmax(1)
        return 100 * (answers == labels).cpu().double().mean().item()

    return {name: [accuracy(*member) for member in members] for name, members in networks.items()}
