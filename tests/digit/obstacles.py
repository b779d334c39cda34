"""Kinds of photos with more in them than paper and a digit, and those without one digit."""

from collections.abc import Callable

import numpy as np
from paint import BLACK, SIZE, disc, glyph, ink, kind, paper, put_on, shape, taken, turned, wood, write
from PIL import Image


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
        ink(page, disc(r), (90, 80, 70), (x, y))
    return taken(rng, page)


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
