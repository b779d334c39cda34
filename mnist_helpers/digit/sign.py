"""The one digit among the strokes of a picture, without lines, frames and other writing."""

import numpy as np
from scipy import ndimage

from mnist_helpers.digit import paper

STROKE = 0.4  # of the strongest ink: at least this dark is a stroke


class DigitError(Exception):
    """A picture without one clear digit; the message says what was found and what to do."""

    exit_code = 2


def find_digit(rgb: np.ndarray) -> tuple[np.ndarray, tuple[int, int, int, int], list[str]]:
    """(its ink, float [h, w] in 0 to 1; its box: left, top, right, bottom; what was cut away) of the one digit.

    rgb: float [H, W, 3] in 0 to 1. DigitError for no digit or several.
    """
    darkness, sheet, cut = paper.find_strokes(rgb)
    most = paper.strongest(darkness[sheet])
    if most < paper.FAINTEST:
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
    leave(_frames(labels, boxes, sizes), "a frame around the digit")
    slim = np.array([max(map(_length, box)) > 12 * min(map(_length, box)) for box in boxes])
    leave(slim & ~inside, "a line at the edge")
    if not left.any():
        raise DigitError("No digit was found, only lines or specks. Write a digit, large and dark.")
    flat = np.array([_length(box[1]) > 4 * _length(box[0]) for box in boxes])  # as no digit is
    main = np.argmax(sizes * (left & ~flat)) if (left & ~flat).any() else np.argmax(sizes * left)
    below = np.array([box[0].start >= boxes[main][0].stop for box in boxes])
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


def _frames(labels: np.ndarray, boxes: list, sizes: np.ndarray) -> np.ndarray:
    """bool [N]: those parts in whose hole another one lies that may be a digit."""
    found = np.zeros(len(boxes), bool)
    for k in np.flatnonzero(sizes >= 0.1 * max(labels.shape)):
        part = labels[boxes[k]] == k + 1
        inside = labels[boxes[k]][ndimage.binary_fill_holes(part) & ~part]
        found[k] = any(sizes[other - 1] > 0.25 * sizes[k] for other in np.unique(inside[inside > 0]))
    return found
