"""Kinds of photos by paper, pen, light and camera."""

import io

import numpy as np
from paint import BLACK, SIZE, WHITE, kind, paper, rule, taken, write
from PIL import Image


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
