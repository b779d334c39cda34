"""Where the paper of a photo is, and what is written on it: without the desk, shadows and ruled lines."""

import numpy as np
from PIL import Image
from scipy import ndimage, spatial

SMALL = 96  # pixels: the longer side on which paper and desk are told apart; strokes are nearly gone
DESK = 0.5  # of the paper's brightness: darker than this is a desk or a frame; lighter may be paper in the shadow
CONVEX = 0.945  # of the area of its convex hull: a sheet has at least so much, seen from any side
EVEN = 0.82  # of its middle brightness: nine tenths of a sheet have at least so much
SHARP = 0.9  # of the step from desk to paper, or to a shadow with an edge, lies at that edge
FAINTEST = 0.13  # of the paper's brightness: paler ink than this is no ink
COARSE = 32  # pixels: the longer side on which the light is followed
DARKEST = 0.5  # of white: paper in a shadow is taken to be at least as light
SHORTEST = 0.12  # of the picture's width: a shorter piece of a line is not followed
LINE = 0.8  # of its way from edge to edge of the paper: so much of it is to be seen of a straight line


def find_strokes(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(darkness, paper, what was cut away) of a picture [H, W, 3] in 0 to 1.

    darkness: float [H, W], how far a pixel is from the paper's colour towards the ink's, dark or light; 0 elsewhere.
    paper: bool [H, W].
    """
    red, green, blue = np.moveaxis(rgb, 2, 0)
    dark = np.minimum(np.minimum(red, green), blue)  # a yellow pen is dark in blue only
    sheets, cut = _sheets(dark)
    paper = np.any(sheets, 0)
    behind = _background(dark, sheets)
    darkness = _below(behind, dark)
    if cut and strongest(darkness[paper]) < FAINTEST:  # what seemed to be paper may be a thick stroke, light on dark
        sheets, cut, paper = [np.ones_like(paper)], [], np.ones_like(paper)
        behind = _background(dark, sheets)
        darkness = _below(behind, dark)
    if sheets[0].all():  # no desk, no shadow's edge: it may be a blackboard
        light = 1 - np.maximum(np.maximum(red, green), blue)
        behind_light = _background(light, sheets)
        if strongest(behind_light - light) > strongest(behind - dark):
            darkness = _below(behind_light, light)
    return np.where(paper, darkness, 0), paper, cut


def _below(background: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.clip((background - values) / np.maximum(background, DARKEST), 0, 1)


def strongest(darkness: np.ndarray) -> float:
    """The darkness of the darkest strokes, without single pixels; 0 where there is none."""
    return float(np.quantile(darkness, 1 - min(0.001, 20 / darkness.size))) if darkness.size else 0.0


def _sheets(dark: np.ndarray) -> tuple[list[np.ndarray], list[str]]:
    """bool [H, W] each: the paper, in one piece or as its light and its shadowed part; and what was cut away."""
    small = ndimage.median_filter(shrunk(dark, SMALL), 9, mode="nearest")
    whole = np.ones(dark.shape, bool)
    bright, ratio = _halves(small)
    if ratio > DESK:  # perhaps a shadow, and strokes that reach into it
        small = ndimage.grey_closing(small, (15, 15))
        bright, ratio = _halves(small)
    if ratio > 0.8:
        return [whole], []
    labels, _ = ndimage.label(bright)
    sheet = labels == 1 + np.argmax(np.bincount(labels.flat)[1:])
    solid = ndimage.minimum_filter(sheet, 19, mode="constant").any()
    even = small[ndimage.binary_erosion(sheet, iterations=2)] if solid else np.zeros(1)
    sheet = ndimage.binary_fill_holes(sheet)
    border = np.ones(sheet.shape, bool)
    border[1:-1, 1:-1] = False
    if not solid or (~sheet)[border].mean() < 0.08 or _step(small, sheet) < SHARP:
        return [whole], []
    if ratio < DESK and (_convexity(sheet) < CONVEX or np.quantile(even, 0.1) < EVEN * np.median(even)):
        return [whole], []  # a thick stroke, light on dark
    if ratio > DESK:
        return [_enlarged(ndimage.binary_dilation(side), dark.shape) for side in (sheet, ~sheet)], []
    inside = ndimage.binary_erosion(sheet, np.ones((3, 3)), iterations=2, border_value=1)
    return [_enlarged(inside, dark.shape)], ["what lies around the paper"]


def _convexity(region: np.ndarray) -> float:
    """Its area as a share of its convex hull's: nearly 1 for a sheet of paper, less for most digits."""
    y, x = np.nonzero(region)
    if not np.ptp(y) or not np.ptp(x):
        return 1.0
    hull = spatial.ConvexHull(np.stack([x, y], 1))
    return len(x) / (hull.volume + hull.area / 2)  # of pixels' middles


def _halves(values: np.ndarray) -> tuple[np.ndarray, float]:
    """(bool: the brighter class of values in 0 to 1, the other one's brightness as a share of its)."""
    bright = values > _otsu(values)
    if bright.all() or not bright.any():
        return bright, 1.0
    return bright, float(np.median(values[~bright]) / np.median(values[bright]))


def _step(values: np.ndarray, sheet: np.ndarray) -> float:
    """How much of the difference between inside and outside lies at the sheet's edge: less in a soft shadow."""

    def ring(side: np.ndarray) -> np.ndarray:
        return values[ndimage.binary_erosion(side, iterations=2) & ~ndimage.binary_erosion(side, iterations=5)]

    inner, outer = ring(sheet), ring(~sheet)
    if not len(inner) or not len(outer):
        return 1.0
    at_edge = np.quantile(inner, 0.3) - np.quantile(outer, 0.7)  # strokes that cross it are darker
    return float(at_edge / (np.median(values[sheet]) - np.median(values[~sheet])))


def _background(values: np.ndarray, sheets: list[np.ndarray]) -> np.ndarray:
    """float [H, W]: what values would be without ink; the lowest of the sheets' that overlap there."""
    coarse, lowest = shrunk(values, COARSE), np.ones_like(values)
    for sheet in sheets:
        part = shrunk(sheet.astype(np.float32), COARSE) > 0.99
        if part.any():
            nearest = ndimage.distance_transform_edt(~part, return_distances=False, return_indices=True)
            filled = coarse[tuple(nearest)]
            smooth = ndimage.percentile_filter(filled, 60, 21, mode="nearest")  # wide, so a soft shadow is no ink
            lowest[sheet] = np.minimum(lowest, _enlarged(smooth, values.shape))[sheet]
    return lowest


def straight_lines(mask: np.ndarray, paper: np.ndarray) -> np.ndarray:
    """bool [H, W]: what in the mask belongs to straight lines from edge to edge of the paper, as on a ruled sheet.

    Only where they are as thin as elsewhere, not where a stroke crosses them or lies on them.
    """
    inside = ndimage.minimum_filter(paper, 5, mode="constant")
    return _level_lines(mask, inside) | _level_lines(mask.T, inside.T).T


def _level_lines(mask: np.ndarray, inside: np.ndarray) -> np.ndarray:
    runs, _ = ndimage.label(mask, [[0, 1, 0]] * 3)  # along columns
    height = np.bincount(runs.flat)[runs]
    thin = mask & (height <= max(3, 0.02 * max(mask.shape)))
    joined = ndimage.minimum_filter(ndimage.maximum_filter(thin, (3, 9)), (1, 23))  # without what crosses
    segments, _ = ndimage.label(ndimage.maximum_filter(joined, (1, 23)))
    found, columns = np.zeros_like(mask), np.arange(mask.shape[1])
    for k, box in enumerate(ndimage.find_objects(segments), 1):
        part = (segments[box] == k) & thin[box]
        if box[1].stop - box[1].start < SHORTEST * len(columns) or part.any(0).sum() < 9:
            continue
        y, x = np.nonzero(part)
        at = np.polyval(np.polyfit(x, y, 1), columns - box[1].start) + box[0].start
        band = slice(max(int(at.min()) - 8, 0), max(int(at.max()) + 9, 0))  # of rows; the others are left alone
        rows = np.arange(len(mask))[band, None]
        y, x = np.nonzero(thin[band] & (np.abs(rows - at) <= 4))  # all of the line, without what branches off
        if len(x) < 9:
            continue
        at = np.polyval(np.polyfit(x, y + band.start, 1), columns)
        near = np.abs(rows - at) <= 2.5
        nearest = np.clip(np.rint(at).astype(int), 0, len(mask) - 1)
        way = np.flatnonzero((np.abs(at - nearest) < 1) & inside[nearest, columns])
        seen, end = (mask[band] & near).any(0)[way], max(2, len(way) // 30)
        if len(way) > SHORTEST * len(columns) and seen.mean() > LINE and seen[:end].any() and seen[-end:].any():
            line = thin[band] & near
            found[band] |= line & (height[band] <= np.median(height[band][line]) + 2)
    return found


def _otsu(values: np.ndarray) -> float:
    """The threshold that parts values in 0 to 1 best into two classes (Otsu 1979)."""
    counts, edges = np.histogram(values, 64, (0, 1))
    centres = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts), np.cumsum(counts * centres)
    above = below[-1] - below
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (total / below - (total[-1] - total) / above) ** 2
    return float(edges[1 + np.argmax(np.nan_to_num(between[:-1]))])


def shrunk(values: np.ndarray, size: int) -> np.ndarray:
    """float [h, w]: values [H, W], the longer side at most size pixels."""
    image = Image.fromarray(values.astype(np.float32))
    image.thumbnail((size, size), Image.Resampling.BOX)
    return np.asarray(image)


def _enlarged(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """values [h, w], smooth, or bool, in another shape."""
    image = Image.fromarray(values.astype(np.float32)).resize(shape[::-1], Image.Resampling.BILINEAR)
    return np.asarray(image) > 0.5 if values.dtype == bool else np.asarray(image)
