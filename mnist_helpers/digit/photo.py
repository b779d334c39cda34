"""A drawn or photographed digit made into MNIST's form, and read by a network."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor

from mnist_helpers.digit.answers import check, probabilities
from mnist_helpers.digit.form import mnist_form
from mnist_helpers.digit.sign import DigitError, find_digit

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # no format whose reading starts another program
MAX_PIXELS = 64_000_000  # a larger picture would take gigabytes to open
LARGE = 900  # pixels: the longer side is made smaller, but not than this, as soon as a picture is open
WORKING_SIZE = 384  # pixels: the longer side on which the digit is looked for
CLOSER = 72  # pixels of these: a smaller digit is looked at again from nearer


@dataclass(frozen=True)
class Answer:
    """What a network says of a picture. probabilities: float [10]; image: the uint8 [28, 28] that it saw.

    warnings: what else was in the picture and was cut away, such as "a frame around the digit".
    """

    digit: int
    probabilities: list[float]
    image: Tensor
    warnings: tuple[str, ...] = ()


def classify(picture: str | Path | Image.Image, network: str = "robust-lenet5") -> Answer:
    """Read a photo, scan or drawing of one digit with a network that comes with the package.

    Any size and colour, dark on light or light on dark, transparent, turned by its EXIF data. DigitError, which
    says why, where there is no picture, no digit, more than one, or none that the networks are sure of.
    """
    ink, cut = _ink(picture)
    image = mnist_form(ink)
    answer = probabilities(image, network)
    digit = int(np.argmax(answer))
    check(image, digit)
    return Answer(digit, answer, image, tuple(cut))


def to_mnist(picture: str | Path | Image.Image) -> Tensor:
    """uint8 [28, 28] as MNIST prepares its digits: cropped, fitted into 20 x 20, its centre of mass in the middle.

    After LeCun et al. 1998, section III.A; thin lines are made as wide as MNIST's thinnest first. DigitError where
    there is no picture, no digit or more than one.
    """
    return mnist_form(_ink(picture)[0])


def _ink(picture: str | Path | Image.Image) -> tuple[np.ndarray, list[str]]:
    """(the digit's ink, float [h, w] in 0 to 1, what was cut away around it) of a picture."""
    page = _open(picture)
    ink, box, cut = find_digit(_pixels(page))
    scale = max(page.size) / WORKING_SIZE
    if max(ink.shape) < CLOSER and scale > 1:  # a small digit on a large page: look again, at that place only
        left, top, right, bottom = (scale * side for side in box)
        more = 0.6 * max(right - left, bottom - top)
        near = page.crop((max(left - more, 0), max(top - more, 0), right + more, bottom + more))
        ink, _, more_cut = find_digit(_pixels(near))
        cut += [what for what in more_cut if what not in cut]
    return ink, cut


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
    if image.mode in ("P", "PA", "1"):
        image = image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    image = image.reduce(max(1, max(image.size) // LARGE))
    if image.mode in ("RGBA", "LA") or "transparency" in image.info:
        image = image.convert("RGBA")
        grey, alpha = np.asarray(image.convert("L"), float), np.asarray(image.getchannel("A"), float) / 255
        # white paper under dark ink, black under light
        colour = "white" if (grey * alpha).sum() < 127.5 * alpha.sum() else "black"
        image = Image.alpha_composite(Image.new("RGBA", image.size, colour), image)
    return image.convert("RGB")
