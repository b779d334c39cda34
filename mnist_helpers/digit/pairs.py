"""Is a picture one digit, or two that touch? `python -m mnist_helpers.digit.pairs` trains the network that tells.

A small LeNet-5 learns it from MNIST's training digits: each of them alone, as wide and as slanted as people write, and
two of them pushed together until they touch.
"""

import numpy as np
import torch
from PIL import Image

from mnist_helpers import data, training
from mnist_helpers.digit.form import mnist_form
from mnist_helpers.training import runs
from mnist_helpers.training.recipes import LENET5

ONE_OR_TWO = LENET5.changed(
    "ONE_OR_TWO", widths=(6, 16, 32, 16), optimizer="adamw", learning_rate=5e-3, weight_decay=0.05,
    schedule="one-cycle", batch_size=128, epochs=12, validation=0, ema=0.99,
)  # fmt: skip
IMAGES, HELD_OUT = 40_000, 5_000
FAINT, TOUCHES = 0.06, 0.35  # ink, of 1
COARSE = 0.3  # of the digits are as a scan of few pixels has them


def make_pairs(digits: data.Digits, n: int, seed: int) -> data.Digits:
    """n images in MNIST's form, in turns of one digit (label 0) and of two that touch (label 1)."""
    rng, images = np.random.default_rng(seed), []
    for index in range(n):
        ink = _written(rng, digits, rng.uniform(30, 46), rng.uniform(0.75, 1.8))
        if index % 2:
            height = np.clip(len(ink) * rng.uniform(0.75, 1.25), 20, 60)
            ink = _pushed_together(rng, ink, _written(rng, digits, height, rng.uniform(0.75, 1.2)))
        images.append(mnist_form(np.pad(np.where(ink > FAINT, ink, 0), 1)))
    return data.Digits(torch.stack(images), torch.arange(n) % 2)


def _written(rng: np.random.Generator, digits: data.Digits, height: float, stretch: float) -> np.ndarray:
    """The ink of a digit, float [rows, columns]: so many rows high, wider or narrower, slanted."""
    image = Image.fromarray(digits.images[rng.integers(len(digits))].numpy())
    image = image.crop(image.getbbox())
    size = max(3, round(image.width * height / image.height * stretch)), round(height)
    coarse = rng.random() < COARSE
    if coarse:
        image = image.resize((max(3, round(8 * size[0] / size[1])), 8), Image.Resampling.BOX)
    blocks = coarse and rng.random() < 0.5
    image = image.resize(size, Image.Resampling.NEAREST if blocks else Image.Resampling.BICUBIC)
    slant = 0 if blocks else rng.uniform(-0.25, 0.25)
    room = int(abs(slant) * height) + 1
    wide = Image.new("L", (image.width + 2 * room, image.height))
    wide.paste(image, (room, 0))
    shear = (1, slant, -slant * height / 2, 0, 1, 0)
    ink = np.asarray(wide.transform(wide.size, Image.Transform.AFFINE, shear, Image.Resampling.BILINEAR)) / 255
    return ink[:, ink.max(0) > 0.2]


def _pushed_together(rng: np.random.Generator, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Both digits' ink, the right one as far to the left as it goes before more than touching."""
    height, width = max(len(left), len(right)), left.shape[1] + right.shape[1]
    both = np.zeros((2, height, width))
    for page, ink in zip(both, (left, right), strict=True):
        top = rng.integers(height - len(ink) + 1)
        page[top : top + len(ink), : ink.shape[1]] = ink
    apart = left.shape[1]
    while apart > 1 and not (np.minimum(both[0], np.roll(both[1], apart, 1)) > TOUCHES).any():
        apart -= 1
    apart = max(1, apart - rng.integers(3))
    return np.maximum(both[0], np.roll(both[1], apart, 1))[:, : max(left.shape[1], apart + right.shape[1])]


def main() -> None:
    """Train the network, print how often it is right about digits that it has not seen, and put it into the package."""
    digits = data.load(device="cpu").train
    seen, unseen = digits[:-HELD_OUT], digits[-HELD_OUT:]
    pairs = data.Mnist(make_pairs(seen, IMAGES, seed=1), make_pairs(unseen, HELD_OUT, seed=2))
    runs.keep_pretrained(training.train(ONE_OR_TWO, 42, data=pairs, device="cpu"))


if __name__ == "__main__":
    main()
