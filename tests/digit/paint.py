"""What synthetic photos are painted with: paper, pens, lines, desks, a camera. Strokes are MNIST's digits, enlarged."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

SIZE = (600, 460)  # of most pictures: width and height, pixels
FLAT = (1, -1), (-1, 1)
WHITE, BLACK = (243, 242, 238), (35, 34, 38)


@dataclass(frozen=True)
class Kind:
    """make: (generator, digits uint8 [3, 28, 28], the first is meant) -> picture; read: False to be refused."""

    make: Callable
    read: bool = True


KINDS: dict[str, Kind] = {}


def kind(name: str, read: bool = True):
    """Register a maker of photos under a name."""
    return lambda make: KINDS.setdefault(name, Kind(make, read)).make


def glyph(rng, image: np.ndarray, height: int) -> np.ndarray:
    """The strokes as float [H, W] in 0 to 1, the longer side `height` pixels; by a pen of a random width."""
    rows, columns = (np.flatnonzero(image.any(axis)) for axis in (1, 0))
    image = np.pad(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    scale = height / max(image.shape)
    size = tuple(max(1, round(n * scale)) for n in image.shape[::-1])
    smooth = np.asarray(Image.fromarray(image.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)) / 255
    return np.clip((smooth - rng.uniform(0.25, 0.6)) * min(scale, 6) + 0.5, 0, 1)


def paper(rng, colour=WHITE, size=SIZE) -> np.ndarray:
    """float [H, W, 3]: a sheet with a little light from one side."""
    grey = sum(np.linspace(*rng.uniform(0.94, 1.02, 2), n).reshape(to) for n, to in zip(size, FLAT, strict=True))
    return np.asarray(colour, np.float32) * (grey / 2)[..., None].astype(np.float32)


def ink(page: np.ndarray, alpha: np.ndarray, colour, at=(0, 0)) -> None:
    """Paint over a page, in place; at: the left upper corner of alpha, x and y."""
    x, y = (int(v) for v in at)
    part = page[max(y, 0) : y + alpha.shape[0], max(x, 0) : x + alpha.shape[1]]
    colour = np.asarray(colour, np.float32)
    alpha = alpha[max(-y, 0) :, max(-x, 0) :][: part.shape[0], : part.shape[1], None].astype(np.float32)
    part += (colour - part) * alpha


def write(rng, page, image, colour=BLACK, share=(0.3, 0.65), room=0.06) -> tuple[int, int, int, int]:
    """One digit anywhere on the page; share: its height in the page's; returns its box: left, top, right, bottom."""
    height, width = page.shape[:2]
    strokes = glyph(rng, image, int(rng.uniform(*share) * height))
    free = [max(n - m, 0) for n, m in zip((width, height), strokes.shape[::-1], strict=True)]
    x, y = (int(rng.uniform(room, 1 - room) * n) for n in free)
    ink(page, strokes, colour, (x, y))
    return x, y, x + strokes.shape[1], y + strokes.shape[0]


def shape(page, draw: Callable, blur: float = 0.6) -> np.ndarray:
    """float [H, W] in 0 to 1 of what `draw` draws in white; smooth at its edges."""
    mask = Image.new("L", page.shape[1::-1])
    draw(ImageDraw.Draw(mask))
    return ndimage.gaussian_filter(np.asarray(mask, np.float32) / 255, blur, truncate=3)


def rule(rng, page, colour, spacing: int, width: int = 2, grid: bool = False, tilt: float = 3) -> None:
    """Parallel lines over the whole page, turned by up to `tilt` degrees."""
    slope = np.tan(np.radians(rng.uniform(-tilt, tilt)))
    h, w = page.shape[:2]
    reach = int(abs(slope) * max(h, w)) + spacing

    def lines(draw):
        for y in range(-reach + int(rng.integers(spacing)), h + reach, spacing):
            draw.line([(0, y), (w, y + slope * w)], 255, width)
        for x in range(-reach, w + reach, spacing) if grid else ():
            draw.line([(x, 0), (x - slope * h, h)], 255, width)

    ink(page, shape(page, lines), colour)


def taken(rng, page, noise: float = 3, blur: float = 0.6) -> Image.Image:
    """What the camera makes of a page."""
    page = ndimage.gaussian_filter(page, (blur, blur, 0), truncate=2) + noise * rng.standard_normal(
        page.shape, np.float32
    )
    return Image.fromarray(page.clip(0, 255).astype(np.uint8))


def put_on(rng, page, desk: np.ndarray, corners) -> np.ndarray:
    """The page on a desk of the same form, its corners at the given shares of it, in perspective."""
    h, w = page.shape[:2]
    there = np.asarray(corners, float) * (w, h)
    rows = []
    for (x, y), (u, v) in zip(there, ((0, 0), (w, 0), (w, h), (0, h)), strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    target = np.array([0, 0, w, 0, w, h, 0, h], float)
    how = np.linalg.solve(np.array(rows), target)
    image = Image.fromarray(page.clip(0, 255).astype(np.uint8))
    whole = Image.new("L", (w, h), 255)
    moved, mask = (
        im.transform((w, h), Image.Transform.PERSPECTIVE, how, Image.Resampling.BICUBIC) for im in (image, whole)
    )
    alpha = np.asarray(mask, float)[..., None] / 255
    return desk * (1 - alpha) + np.asarray(moved, float) * alpha


def turned(rng, degrees: float, inside: float = 0.75) -> np.ndarray:
    """Four corners of a sheet of `inside` of the picture, turned by up to so many degrees, a little askew."""
    angle = np.radians(rng.uniform(-degrees, degrees))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * inside / 2 + rng.uniform(-0.02, 0.02, (4, 2))
    return square @ turn.T + 0.5 + rng.uniform(-0.03, 0.03, 2)


def wood(rng) -> np.ndarray:
    """float [H, W, 3]: a brown desk with a grain."""
    grain = ndimage.gaussian_filter(rng.normal(0, 1, SIZE[::-1]), (1.5, 40))
    return np.array((150, 105, 65)) * (1 + 0.08 * grain / grain.std())[..., None] * rng.uniform(0.6, 1.1)


def disc(radius: float) -> np.ndarray:
    """float [N, N]: a small disc."""
    place = np.arange(-5, 6)
    return np.clip(radius - np.hypot(place[:, None], place) + 0.5, 0, 1)
