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
from mnist_helpers.digit import paper
from mnist_helpers.training import models

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # no format whose reading starts another program
MAX_PIXELS = 64_000_000  # a larger picture would take gigabytes to open
LARGE = 900  # pixels: the longer side is made smaller, but not than this, as soon as a picture is open
WORKING_SIZE = 384  # pixels: the longer side on which the digit is looked for
CLOSER = 72  # pixels of these: a smaller digit is looked at again from nearer
FAINTEST = 0.12  # of the paper's brightness: paler ink than this is no ink
STROKE = 0.4  # of the strongest ink: at least this dark is a stroke
BOX, SIZE = 20, 28  # MNIST's digits fit in 20 x 20 of 28 x 28 pixels
THINNEST = 2.0  # pixels of 20: the thinnest stroke that is left as it is; MNIST's own have some 2.5


class DigitError(Exception):
    """A picture without one clear digit; the message says what was found and what to do."""

    exit_code = 2


@dataclass(frozen=True)
class Answer:
    """What a network says of a picture. probabilities: float [10]; image: the uint8 [28, 28] that it saw.

    warnings: what else was in the picture and was cut away, such as "ruled lines".
    """

    digit: int
    probabilities: list[float]
    image: Tensor
    warnings: tuple[str, ...] = ()


def classify(picture: str | Path | Image.Image, network: str = "best-lenet5") -> Answer:
    """Read a photo, scan or drawing of one digit with a network that comes with the package.

    Any size and colour, dark on light or light on dark, transparent, turned by its EXIF data. DigitError where there is
    no picture, no digit or more than one.
    """
    image, cut = _prepare(picture)
    answer = probabilities(image, network)
    return Answer(int(np.argmax(answer)), answer, image, tuple(cut))


_network = cache(training.pretrained)  # a drawing is read many times a second


def probabilities(image: Tensor, network: str) -> list[float]:
    """What a network that comes with the package says of one uint8 [28, 28]: 10 probabilities."""
    model, recipe = _network(network)
    return models.predict(model, data.prepare(image[None], recipe)).softmax(1)[0].tolist()


def to_mnist(picture: str | Path | Image.Image) -> Tensor:
    """uint8 [28, 28] as MNIST prepares its digits: cropped, fitted into 20 x 20, its centre of mass in the middle.

    After LeCun et al. 1998, section III.A; thin lines are made as wide as MNIST's thinnest first. DigitError where there
    is no picture, no digit or more than one.
    """
    return _prepare(picture)[0]


def _prepare(picture: str | Path | Image.Image) -> tuple[Tensor, list[str]]:
    """What `to_mnist` makes of a picture, and what was cut away."""
    page = _open(picture)
    ink, box, cut = find_digit(_pixels(page))
    scale = max(page.size) / WORKING_SIZE
    if max(ink.shape) < CLOSER and scale > 1:  # a small digit on a large page: look again, at that place only
        left, top, right, bottom = (scale * side for side in box)
        more = 0.6 * max(right - left, bottom - top)
        near = page.crop((max(left - more, 0), max(top - more, 0), right + more, bottom + more))
        ink, _, more_cut = find_digit(_pixels(near))
        cut += [what for what in more_cut if what not in cut]
    ink = _thickened(ink / ink.max())  # a darker speck beside it may have set the scale
    large = Image.fromarray((255 * ink / ink.max()).astype(np.uint8))
    small = ImageOps.contain(large, (BOX, BOX), Image.Resampling.BOX)
    image, middle = Image.new("L", (SIZE, SIZE)), ndimage.center_of_mass(np.asarray(small))[::-1]
    corner = (min(max(round(SIZE / 2 - at), 0), SIZE - n) for at, n in zip(middle, small.size, strict=True))
    image.paste(small, tuple(corner))  # to the whole pixel, and inside
    return torch.from_numpy(np.array(image)), cut


def find_digit(rgb: np.ndarray) -> tuple[np.ndarray, tuple[int, int, int, int], list[str]]:
    """(its ink, float [h, w] in 0 to 1; its box: left, top, right, bottom; what was cut away) of the one digit.

    rgb: float [H, W, 3] in 0 to 1. DigitError for no digit or several.
    """
    darkness, sheet, cut = paper.find_strokes(rgb)
    most = paper.strongest(darkness[sheet])
    if most < FAINTEST:
        raise DigitError("The picture is empty: no ink stands out from its background. Write a digit, large and dark.")
    mask = darkness > STROKE * most
    if mask.sum() > 0.5 * sheet.sum():
        raise DigitError("No digit was found: more than half of the picture is ink. Leave some background around it.")
    lines = paper.straight_lines(darkness > STROKE / 2 * most, sheet)
    rest = mask & ~lines
    if (mask & lines).any():
        cut.append("lines from edge to edge")
    if not rest.any():
        raise DigitError("No digit was found, only straight lines. Write a digit, large and dark.")
    parts, more_cut = _one_sign(rest, sheet)
    near = ndimage.binary_dilation(parts, iterations=2) & ~lines  # with the strokes' pale edge
    ink = np.where(near, np.clip(darkness / most, 0, 1), 0)
    rows, columns = ndimage.find_objects((ink > 0).astype(int))[0]
    return ink[rows, columns], (columns.start, rows.start, columns.stop, rows.stop), cut + more_cut


def _one_sign(mask: np.ndarray, sheet: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """(the strokes of the one sign among those of mask, what was left out); both bool [H, W]."""
    labels, n = ndimage.label(mask, np.ones((3, 3)))
    boxes, areas, cut = ndimage.find_objects(labels), np.bincount(labels.flat)[1:], []
    sizes = np.array([max(side.stop - side.start for side in box) for box in boxes])
    edge = sheet & ~ndimage.minimum_filter(sheet, 3, mode="constant")
    inside = ~np.isin(np.arange(1, n + 1), labels[edge])
    left = sizes >= max(4, 0.02 * max(mask.shape))

    def leave(which: np.ndarray, what: str) -> None:
        if (which & left).any():
            cut.append(what)
            left[which] = False

    if (inside & left).any() and sizes[inside].max() >= 0.3 * sizes[left].max():
        leave(~inside, "what touches the edge of the picture")
    leave(np.array([k in _frames(labels, boxes, sizes) for k in range(n)], bool), "a frame around the digit")
    slim = np.array([max(map(_length, box)) > 12 * min(map(_length, box)) for box in boxes])
    leave(slim & ~inside, "a line at the edge")
    if not left.any():
        raise DigitError("No digit was found, only lines or specks. Write a digit, large and dark.")
    main = np.argmax(sizes * left)
    below = np.array([box[0].start >= boxes[main][0].stop for box in boxes])
    flat = np.array([_length(box[1]) > 4 * _length(box[0]) for box in boxes])
    leave(below & flat, "a line below the digit")
    left &= areas >= 0.04 * areas[main]
    parts = np.isin(labels, 1 + np.flatnonzero(left))
    joined = ndimage.maximum_filter(parts, (1 + int(0.25 * sizes[main]), 1 + int(0.08 * sizes[main])))
    signs = ndimage.label(joined)[0] * parts
    heights = np.array([0 if box is None else _length(box[0]) for box in ndimage.find_objects(signs)])
    large = np.flatnonzero(heights >= 0.5 * heights.max())
    if len(large) > 1:
        raise DigitError(f"The picture shows {len(large)} separate signs. Crop it to one digit.")
    if (heights > 0).sum() > 1:
        cut.append("smaller writing near by")
    return signs == 1 + large[0], cut


def _length(side: slice) -> int:
    return side.stop - side.start


def _frames(labels: np.ndarray, boxes: list, sizes: np.ndarray) -> set[int]:
    """The numbers of those parts in whose hole another one lies that may be a digit."""
    found = set()
    for k, box in enumerate(boxes):
        if sizes[k] < 0.1 * max(labels.shape):
            continue
        part = labels[box] == k + 1
        hole = ndimage.binary_fill_holes(part) & ~part
        others = np.unique(labels[box][hole])
        if any(sizes[other - 1] > 0.25 * sizes[k] for other in others if other):
            found.add(k)
    return found


def _thickened(ink: np.ndarray) -> np.ndarray:
    """The ink with strokes at least THINNEST pixels wide once the digit is BOX pixels large."""
    inside = ndimage.distance_transform_edt(np.pad(ink > 0.5, 1))
    missing = THINNEST * max(ink.shape) / BOX - 2 * np.quantile(inside[inside > 0], 0.9)
    if missing <= 0:
        return ink
    reach = int(np.ceil(missing / 2))
    place = np.arange(-reach, reach + 1)
    return ndimage.grey_dilation(np.pad(ink, reach), footprint=place[:, None] ** 2 + place**2 <= reach**2 + 1)


def _pixels(image: Image.Image) -> np.ndarray:
    """float [H, W, 3] in 0 to 1, the longer side at most WORKING_SIZE pixels."""
    image = image.copy()
    image.thumbnail((WORKING_SIZE, WORKING_SIZE), Image.Resampling.BOX)
    return np.asarray(image, dtype=np.float32) / 255


def _open(picture: str | Path | Image.Image) -> Image.Image:
    """The picture upright, as RGB, and made smaller where it has several times LARGE pixels."""
    try:
        image = picture if isinstance(picture, Image.Image) else Image.open(picture, formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            size = f"{image.width * image.height / 1e6:.0f} megapixels, too many to open safely"
            raise DigitError(f"The picture has {size}. Save it with at most {MAX_PIXELS / 1e6:.0f}.")
        if image is not picture:
            image.draft(None, (LARGE, LARGE))  # a JPEG file is read at an eighth, a quarter or half of its size
        image = ImageOps.exif_transpose(image)  # which reads it
    except FileNotFoundError as error:
        raise DigitError(f"There is no file {picture}.") from error
    except (Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise DigitError(f"{picture} is not a picture that can be read ({error}). Use a PNG or JPEG file.") from error
    if image.mode[0] in "IF":  # more than 8 bits a pixel, as scanners write: its own darkest and lightest are the range
        values = np.asarray(image, dtype=np.float64)
        values = np.nan_to_num(values - np.nanmin(values))
        image = Image.fromarray((255 * values / max(values.max(), 1e-9)).astype(np.uint8))
    if image.mode == "P" or image.mode == "1":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    image = image.reduce(max(1, max(image.size) // LARGE))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        grey, alpha = np.asarray(image.convert("L"), float), np.asarray(image.getchannel("A"), float) / 255
        # white paper under dark ink, black under light
        colour = "white" if (grey * alpha).sum() < 127.5 * alpha.sum() else "black"
        image = Image.alpha_composite(Image.new("RGBA", image.size, colour), image)
    return image.convert("RGB")
