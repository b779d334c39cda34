"""Synthetic photos of a digit as people take them, of many kinds; `python tests/digit/photos.py` prints a table.

Strokes are MNIST's digits, enlarged. The table is of test digits, which only measure; what `classify` decides by was
chosen on photos of training digits.
"""

import io
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
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


def photos(digits, name: str, n: int, seed: int) -> Iterator[tuple[Image.Image, int]]:
    """n pictures of one kind with the digit in each, drawn from Digits; the same for the same seed."""
    rng = np.random.default_rng([seed, *name.encode()])
    for _ in range(n):
        chosen = rng.choice(len(digits), 3, replace=False)
        yield KINDS[name].make(rng, digits.images[chosen].numpy()), int(digits.labels[chosen[0]])


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


def simple(name: str, colours=(WHITE, BLACK), share=(0.3, 0.65), noise=3, blur=0.6, read=True, size=SIZE, **rules):
    """A kind that is paper, perhaps ruled, and pen; colours: of both."""

    @kind(name, read)
    def make(rng, images):
        page = paper(rng, colours[0], size)
        if rules:
            rule(rng, page, **rules)
        if read:
            write(rng, page, images[0], colours[1], share)
        return taken(rng, page, noise, blur)


simple("plain paper")
simple("pale lines", colour=(205, 215, 232), spacing=45)
simple("pale grid", colour=(205, 215, 232), spacing=32, grid=True)
simple("blackboard", ((40, 62, 50), (225, 228, 220)))
simple("red pen", (WHITE, (200, 40, 45)))
simple("blue pen", (WHITE, (35, 55, 160)))
simple("blur", blur=4)
simple("noise", noise=25)
simple("coloured paper", ((165, 205, 170), (40, 40, 90)))
simple("inverted scan", ((12, 12, 12), (240, 240, 240)))
simple("large", share=(0.8, 0.92))
simple("pencil on ruled paper", (WHITE, (140, 140, 142)), colour=(170, 195, 225), spacing=45, width=3)
simple("pen on strong lines", colour=(110, 135, 185), spacing=45, width=4)
simple("pen on a strong grid", colour=(120, 140, 185), spacing=40, grid=True, width=3)
simple("pen on turned lines", colour=(110, 135, 185), spacing=50, tilt=12, width=4)
simple("yellow marker", (WHITE, (250, 232, 60)))
simple("faint pencil", (WHITE, (188, 188, 190)), noise=4)
simple("tiny on a large page", share=(0.05, 0.08), size=(900, 690))
simple("empty paper", read=False)
simple("empty ruled paper", read=False, colour=(110, 135, 185), spacing=45, width=3)


@kind("soft shadow")
def soft_shadow(rng, images):
    page = paper(rng)
    write(rng, page, images[0])
    x, y = np.meshgrid(np.linspace(-1, 1, page.shape[1]), np.linspace(-1, 1, page.shape[0]))
    angle = rng.uniform(0, 2 * np.pi)
    page *= 1 - 0.55 / (1 + np.exp(-4 * (x * np.cos(angle) + y * np.sin(angle))))[..., None]
    return taken(rng, page)


@kind("hard shadow")
def hard_shadow(rng, images):
    page = paper(rng)
    write(rng, page, images[0])
    x, y = np.meshgrid(np.arange(page.shape[1]), np.arange(page.shape[0]))
    angle, sharp = rng.uniform(0, 2 * np.pi), rng.uniform(2, 6)
    away = (x - page.shape[1] / 2) * np.cos(angle) + (y - page.shape[0] / 2) * np.sin(angle) + rng.uniform(-60, 60)
    page *= 1 - 0.42 / (1 + np.exp(-np.clip(away / sharp, -50, 50)))[..., None]
    return taken(rng, page)


@kind("tight crop")
def tight_crop(rng, images):
    page = paper(rng)
    box = write(rng, page, images[0])
    more = rng.integers(4, 16, 4) * (-1, -1, 1, 1)
    return taken(rng, page).crop(tuple(int(v) for v in np.array(box) + more))


@kind("JPEG artefacts")
def jpeg(rng, images):
    page = paper(rng)
    write(rng, page, images[0])
    content = io.BytesIO()
    taken(rng, page).save(content, "jpeg", quality=8)
    return Image.open(content)


@kind("transparent")
def transparent(rng, images):
    picture = Image.new("RGBA", SIZE, (20, 30, 90, 0))
    alpha = np.zeros((*SIZE[::-1], 3))
    write(rng, alpha, images[0], (255, 255, 255))
    picture.putalpha(Image.fromarray(alpha[..., 0].astype(np.uint8)))
    return picture


@kind("turned by EXIF")
def exif(rng, images):
    page = paper(rng)
    write(rng, page, images[0])
    content, tags = io.BytesIO(), Image.Exif()
    tags[0x0112] = 6  # shown after a quarter turn to the right
    taken(rng, page).rotate(90, expand=True).save(content, "jpeg", exif=tags)
    return Image.open(content)


@kind("whiteboard with glare")
def glare(rng, images):
    page = paper(rng, (205, 208, 212))
    write(rng, page, images[0], [(25, 25, 30), (20, 50, 150), (30, 110, 60)][rng.integers(3)])
    x, y = np.meshgrid(np.linspace(0, 1, page.shape[1]), np.linspace(0, 1, page.shape[0]))
    spot = np.exp(-((x - rng.uniform(0, 1)) ** 2 + (y - rng.uniform(0, 0.3)) ** 2) / 0.02)
    return taken(rng, page + 45 * spot[..., None])


def on_desk(name: str, desk: Callable, degrees: float, inside=(0.62, 0.8)):
    """A kind that is a sheet, all of it seen, on a desk."""

    @kind(name)
    def make(rng, images):
        page = paper(rng)
        write(rng, page, images[0], share=(0.35, 0.65), room=0.15)
        return taken(rng, put_on(rng, page, desk(rng), turned(rng, degrees, rng.uniform(*inside))))


on_desk("sheet on a dark desk", lambda rng: paper(rng, (55, 48, 45)), 12)
on_desk("sheet on a wooden desk", wood, 8)
on_desk("sheet on a grey desk", lambda rng: paper(rng, (150, 152, 155)), 8)
on_desk("small sheet on a dark desk", lambda rng: paper(rng, (70, 60, 52)), 20, (0.4, 0.5))


@kind("corner of a desk")
def desk_corner(rng, images):
    page = paper(rng)
    write(rng, page, images[0], share=(0.3, 0.5), room=0.4)
    (x, y), (right, down) = rng.choice([0, 1], 2) * SIZE, rng.uniform(0.25, 0.5, 2) * SIZE
    wedge = [(x, y), (abs(x - right), y), (x, abs(y - down))]
    ink(page, shape(page, lambda draw: draw.polygon(wedge, 255)), wood(rng))
    return taken(rng, page)


@kind("perspective")
def perspective(rng, images):
    page = paper(rng)
    write(rng, page, images[0], share=(0.4, 0.65), room=0.2)
    narrow = rng.uniform(0.12, 0.25)
    corners = [(narrow, 0.12), (1 - narrow, 0.12), (0.97, 0.95), (0.03, 0.95)]
    return taken(rng, put_on(rng, page, paper(rng, (60, 55, 60)), corners))


@kind("dark border of the picture")
def border(rng, images):
    page = paper(rng)
    write(rng, page, images[0], share=(0.3, 0.55), room=0.25)
    left, top, right, bottom = rng.integers(8, 45, 4)
    frame = shape(page, lambda draw: draw.rectangle([left, top, SIZE[0] - right, SIZE[1] - bottom], 255))
    ink(page, 1 - frame, (30, 30, 30))
    return taken(rng, page)


def boxed(name: str, width: tuple[int, int], radius: int = 0):
    """A kind with a box drawn around the digit."""

    @kind(name)
    def make(rng, images):
        page = paper(rng)
        box = np.array(write(rng, page, images[0], share=(0.3, 0.5), room=0.3))
        around = (box + rng.integers(15, 50, 4) * (-1, -1, 1, 1)).tolist()
        pen = int(rng.integers(*width))
        draw = lambda d: d.rounded_rectangle(around, radius, outline=255, width=pen)  # noqa: E731
        lines = Image.fromarray((255 * shape(page, draw)).astype(np.uint8)).rotate(rng.uniform(-3, 3))
        ink(page, np.asarray(lines) / 255, BLACK)
        return taken(rng, page)


boxed("thin box around", (2, 4))
boxed("thick box around", (8, 14))
boxed("rounded box around", (4, 8), 30)


@kind("margin line")
def margin(rng, images):
    page = paper(rng)
    write(rng, page, images[0], share=(0.3, 0.6), room=0.3)
    x, lean = rng.integers(20, 70), rng.integers(-8, 8)
    ink(page, shape(page, lambda draw: draw.line([(x, 0), (x + lean, SIZE[1])], 255, 3)), (205, 70, 80))
    return taken(rng, page)


@kind("underlined")
def underlined(rng, images):
    page = paper(rng)
    left, _, right, bottom = write(rng, page, images[0], share=(0.3, 0.6), room=0.2)
    y, lean, pen = bottom + rng.integers(12, 25), rng.integers(-6, 6), int(rng.integers(3, 9))
    line = [(left - rng.integers(0, 40), y), (right + rng.integers(0, 40), y + lean)]
    ink(page, shape(page, lambda draw: draw.line(line, 255, pen)), BLACK)
    return taken(rng, page)


@kind("other writing near by")
def other_writing(rng, images):
    page = paper(rng)
    write(rng, page, images[0], share=(0.4, 0.6), room=0.45)
    x, y = rng.choice([20, 380]), rng.choice([15, 410])
    for k in range(rng.integers(3, 7)):
        ink(page, glyph(rng, images[1 + k % 2], int(rng.integers(20, 32))), BLACK, (x + 28 * k, y + rng.integers(6)))
    return taken(rng, page)


@kind("punched holes")
def holes(rng, images):
    page = paper(rng)
    write(rng, page, images[0], share=(0.35, 0.6), room=0.35)
    r, x = rng.integers(9, 15), rng.integers(22, 40)
    for y in (115, 345):
        hole = shape(page, lambda draw, y=y: draw.ellipse([x - r, y - r, x + r, y + r], 255))
        ink(page, hole, (50, 45, 42))
    return taken(rng, page)


@kind("paper clip")
def clip(rng, images):
    page = paper(rng)
    write(rng, page, images[0], share=(0.35, 0.6), room=0.4)
    x = int(rng.choice([25, 545]))

    def wire(draw):
        draw.rounded_rectangle([x, -20, x + 26, 75], 13, outline=255, width=4)
        draw.rounded_rectangle([x + 5, 8, x + 20, 60], 8, outline=255, width=4)

    ink(page, shape(page, wire), (95, 98, 105))
    return taken(rng, page)


@kind("finger in the corner")
def finger(rng, images):
    page = paper(rng)
    write(rng, page, images[0], share=(0.3, 0.55), room=0.35)
    x, y = rng.choice([0, SIZE[0]]), rng.choice([0, SIZE[1]])
    long, wide = rng.integers(70, 110), rng.integers(40, 60)
    thumb = shape(page, lambda draw: draw.ellipse([x - long, y - wide, x + long, y + wide], 255), 2)
    ink(page, thumb, (205, 150, 125))
    return taken(rng, page)


@kind("dust")
def dust(rng, images):
    page = paper(rng)
    write(rng, page, images[0])
    for _ in range(rng.integers(15, 40)):
        (x, y), r = rng.uniform(0, 1, 2) * SIZE, rng.uniform(0.8, 2.5)
        ink(page, shape_at(r), (90, 80, 70), (x, y))
    return taken(rng, page)


def shape_at(radius: float) -> np.ndarray:
    """float [N, N]: a small disc."""
    place = np.arange(-5, 6)
    return np.clip(radius - np.hypot(place[:, None], place) + 0.5, 0, 1)


@kind("folded sheet")
def folded(rng, images):
    page = paper(rng)
    write(rng, page, images[0])
    at = rng.uniform(0.3, 0.7)
    x = np.linspace(0, 1, SIZE[0])[None, :, None] - at
    page *= 1 - 0.08 * (x > 0) - 0.12 * np.exp(-((x / 0.008) ** 2))
    return taken(rng, page)


@kind("two touching digits", read=False)
def touching(rng, images):
    page = paper(rng)
    height = int(rng.uniform(0.4, 0.6) * SIZE[1])
    first, second = (glyph(rng, image, height) for image in images[:2])
    top, left = int(rng.uniform(0.1, 0.3) * SIZE[1]), int(rng.uniform(0.05, 0.2) * SIZE[0])
    apart = next(d for d in range(first.shape[1], 0, -1) if _overlap(first, second, d))
    ink(page, first, BLACK, (left, top))
    ink(page, second, BLACK, (left + apart - 2, top))
    return taken(rng, page)


def _overlap(first: np.ndarray, second: np.ndarray, apart: int) -> bool:
    rows = min(len(first), len(second))
    a, b = first[:rows, apart:] > 0.5, second[:rows] > 0.5
    columns = min(a.shape[1], b.shape[1])
    return bool((a[:, :columns] & b[:, :columns]).any())


@kind("two digits side by side", read=False)
def side_by_side(rng, images):
    page = paper(rng)
    for k, image in enumerate(images[:2]):
        height = int(rng.uniform(0.4, 0.55) * SIZE[1])
        ink(page, glyph(rng, image, height), BLACK, (40 + 290 * k, rng.integers(30, 150)))
    return taken(rng, page)


def outcome(picture: Image.Image, label: int, read: bool) -> str:
    """right, wrong or refused: what `classify` makes of a picture; to refuse what is no digit is right."""
    from mnist_helpers import digit

    try:
        found = digit.classify(picture).digit
    except digit.DigitError:
        return "refused" if read else "right"
    return "right" if read and found == label else "wrong"


def table(digits, n: int, seed: int) -> dict[str, Counter]:
    """How many of n photos of every kind are right, wrong and refused."""
    return {
        name: Counter(outcome(*photo, KINDS[name].read) for photo in photos(digits, name, n, seed)) for name in KINDS
    }


def main() -> None:
    from mnist_helpers import data

    torch.set_num_threads(1)
    n = 200
    print("| kind | right | wrong | refused |\n| --- | ---: | ---: | ---: |")
    counts = table(data.load(device="cpu").test, n, seed=1)
    counts["all kinds"] = sum(counts.values(), Counter())
    for name, count in counts.items():
        print(f"| {name} | {count['right']} | {count['wrong']} | {count['refused']} |", flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
