"""A drawn or photographed digit made into MNIST's form, and read by a network."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from scipy import ndimage
from torch import Tensor

from mnist_helpers import data, training
from mnist_helpers.training import models

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # no format whose reading starts another program
MAX_PIXELS = 64_000_000  # a larger picture would take gigabytes to open
WORKING_SIZE = 256  # pixels: the longer side on which the digit is looked for
FAINTEST = 0.12  # of the range from white to black: paler ink than this is no ink
BOX, SIZE = 20, 28  # MNIST's digits fit in 20 x 20 of 28 x 28 pixels
THINNEST = 2.0  # pixels of 20: the thinnest stroke that is left as it is; MNIST's own have some 2.5


class DigitError(Exception):
    """A picture without one clear digit; the message says what was found and what to do."""

    exit_code = 2


@dataclass(frozen=True)
class Answer:
    """What a network says of a picture. probabilities: float [10]; image: the uint8 [28, 28] that it saw."""

    digit: int
    probabilities: list[float]
    image: Tensor


def classify(picture: str | Path | Image.Image, network: str = "best-lenet5") -> Answer:
    """Read a photo, scan or drawing of one digit with a network that comes with the package.

    Any size and colour, dark on light or light on dark, transparent, turned by its EXIF data. DigitError where there is
    no picture, no digit or more than one.
    """
    image = to_mnist(picture)
    answer = probabilities(image, network)
    return Answer(int(np.argmax(answer)), answer, image)


_network = cache(training.pretrained)  # a drawing is read many times a second


def probabilities(image: Tensor, network: str) -> list[float]:
    """What a network that comes with the package says of one uint8 [28, 28]: 10 probabilities."""
    model, recipe = _network(network)
    return models.predict(model, data.prepare(image[None], recipe)).softmax(1)[0].tolist()


def to_mnist(picture: str | Path | Image.Image) -> Tensor:
    """uint8 [28, 28] as MNIST prepares its digits: cropped, fitted into 20 x 20, its centre of mass in the middle.

    After LeCun et al. 1998, section III.A; thin lines are made as wide as MNIST's thinnest first.
    """
    ink = find_digit(_darkness(_open(picture)))
    ink = ink[ndimage.find_objects((ink > 0).astype(int))[0]]
    ink = _thickened(ink / ink.max())  # a darker speck beside it may have set the scale
    large = Image.fromarray((255 * ink / ink.max()).astype(np.uint8))
    small = ImageOps.contain(large, (BOX, BOX), Image.Resampling.BOX)
    image, middle = Image.new("L", (SIZE, SIZE)), ndimage.center_of_mass(np.asarray(small))[::-1]
    corner = (min(max(round(SIZE / 2 - at), 0), SIZE - n) for at, n in zip(middle, small.size, strict=True))
    image.paste(small, tuple(corner))  # to the whole pixel, and inside
    return torch.from_numpy(np.array(image))


def find_digit(darkness: np.ndarray) -> np.ndarray:
    """The ink of the one digit, float [H, W] in 0 to 1, 0 elsewhere; DigitError for none or several."""
    strongest = np.quantile(darkness, 0.999)
    if strongest < FAINTEST:
        raise DigitError("The picture is empty: no ink stands out from its background. Write a digit, large and dark.")
    mask = darkness > 0.4 * strongest
    if mask.mean() > 0.5:
        raise DigitError("No digit was found: more than half of the picture is ink. Leave some background around it.")
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    areas = np.bincount(labels.flat)[1:]
    parts = np.isin(labels, 1 + np.flatnonzero(areas >= 0.04 * areas.max()))  # without specks
    # parts that overlap or nearly touch sideways are one sign: its columns are a run without a wide gap
    gap = int(0.06 * max(box[0].stop - box[0].start for box in ndimage.find_objects(labels * parts) if box)) + 1
    columns = ndimage.binary_closing(np.pad(parts.any(0), gap), np.ones(gap))[gap:-gap]
    run_of_column, _ = ndimage.label(columns)
    weights = np.bincount(run_of_column, parts.sum(0))[1:]
    signs = 1 + np.flatnonzero(weights >= 0.2 * weights.max())
    if len(signs) > 1:
        raise DigitError(f"The picture shows {len(signs)} separate signs. Crop it to one digit.")
    near = ndimage.binary_dilation(parts & (run_of_column == signs[0]), iterations=2)  # with the strokes' pale edge
    return np.where(near, np.clip(darkness / strongest, 0, 1), 0)


def _thickened(ink: np.ndarray) -> np.ndarray:
    """The ink with strokes at least THINNEST pixels wide once the digit is BOX pixels large."""
    inside = ndimage.distance_transform_edt(np.pad(ink > 0.5, 1))
    missing = THINNEST * max(ink.shape) / BOX - 2 * np.quantile(inside[inside > 0], 0.9)
    if missing <= 0:
        return ink
    reach = int(np.ceil(missing / 2))
    place = np.arange(-reach, reach + 1)
    return ndimage.grey_dilation(np.pad(ink, reach), footprint=place[:, None] ** 2 + place**2 <= reach**2 + 1)


def _darkness(grey: np.ndarray) -> np.ndarray:
    """How far each pixel lies from the background towards the ink, dark or light, 0 to 1; grey: [H, W] in 0 to 1."""
    coarse = Image.fromarray(grey.astype(np.float32))
    coarse.thumbnail((48, 48), Image.Resampling.BOX)
    median = ndimage.median_filter(np.asarray(coarse), size=31, mode="nearest")  # wide, so a soft shadow is no ink
    background = np.asarray(Image.fromarray(median).resize(grey.shape[::-1], Image.Resampling.BILINEAR))
    difference = background - grey
    dark, light = (np.quantile(np.clip(sign * difference, 0, None), 0.999) for sign in (1, -1))
    return np.clip(difference if dark >= light else -difference, 0, None)


def _open(picture: str | Path | Image.Image) -> np.ndarray:
    """float [H, W], 0 black to 1 white, upright, its longer side at most WORKING_SIZE pixels."""
    try:
        image = picture if isinstance(picture, Image.Image) else Image.open(picture, formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            size = f"{image.width * image.height / 1e6:.0f} megapixels, too many to open safely"
            raise DigitError(f"The picture has {size}. Save it with at most {MAX_PIXELS / 1e6:.0f}.")
        image = ImageOps.exif_transpose(image)  # which reads it
    except FileNotFoundError as error:
        raise DigitError(f"There is no file {picture}.") from error
    except (Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise DigitError(f"{picture} is not a picture that can be read ({error}). Use a PNG or JPEG file.") from error
    if image.mode[0] in "IF":  # more than 8 bits a pixel, as scanners write: its own darkest and lightest are the range
        values = np.asarray(image, dtype=np.float64)
        values = np.nan_to_num(values - np.nanmin(values))
        image = Image.fromarray((255 * values / max(values.max(), 1e-9)).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        grey, alpha = np.asarray(image.convert("L"), float), np.asarray(image.getchannel("A"), float) / 255
        paper = 255 if (grey * alpha).sum() < 127.5 * alpha.sum() else 0  # white under dark ink, black under light
        image = Image.fromarray((grey * alpha + paper * (1 - alpha)).astype(np.uint8))
    image = image.convert("L")
    image.thumbnail((WORKING_SIZE, WORKING_SIZE), Image.Resampling.BOX)
    return np.asarray(image, dtype=np.float64) / 255
