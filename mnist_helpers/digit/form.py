"""Ink of any size made into MNIST's form, after LeCun et al. 1998, section III.A."""

import numpy as np
import torch
from PIL import Image, ImageOps
from scipy import ndimage
from torch import Tensor

BOX, SIZE = 20, 28  # MNIST's digits fit in 20 x 20 of 28 x 28 pixels
THINNEST = 2.0  # pixels of 20: the thinnest stroke that is left as it is; MNIST's own have some 2.5


def mnist_form(ink: np.ndarray) -> Tensor:
    """uint8 [28, 28] of ink, float [H, W] with 0 around it: fitted into 20 x 20, its centre of mass in the middle.

    Thin lines are made as wide as MNIST's thinnest first.
    """
    ink = ink[ndimage.find_objects((ink > 0).astype(int))[0]]
    ink = _thickened(ink / ink.max())  # a darker speck beside it may have set the scale
    large = Image.fromarray((255 * ink / ink.max()).astype(np.uint8))
    small = ImageOps.contain(large, (BOX, BOX), Image.Resampling.BOX)
    image, middle = Image.new("L", (SIZE, SIZE)), ndimage.center_of_mass(np.asarray(small))[::-1]
    corner = (min(max(round(SIZE / 2 - at), 0), SIZE - n) for at, n in zip(middle, small.size, strict=True))
    image.paste(small, tuple(corner))  # to the whole pixel, and inside
    return torch.from_numpy(np.array(image))


def _thickened(ink: np.ndarray) -> np.ndarray:
    """The ink with strokes at least THINNEST pixels wide once the digit is BOX pixels large."""
    inside = ndimage.distance_transform_edt(np.pad(ink > 0.5, 1))
    missing = THINNEST * max(ink.shape) / BOX - 2 * np.quantile(inside[inside > 0], 0.9)
    if missing <= 0:
        return ink
    reach = int(np.ceil(missing / 2))
    place = np.arange(-reach, reach + 1)
    return ndimage.grey_dilation(np.pad(ink, reach), footprint=place[:, None] ** 2 + place**2 <= reach**2 + 1)
