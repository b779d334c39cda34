"""Figures of what a trained network sees: feature maps, weights, evidence, and how it lays out the classes."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.patches import Rectangle
from torch import Tensor

from mnist_helpers.plots import COLOURS, PAGE, WIDTH, bare, note

ON_WHITE = {"boxstyle": "circle,pad=0.12", "fc": "white", "ec": "none", "alpha": 0.8}
DIGIT = {"ha": "center", "va": "center_baseline", "fontsize": 11, "bbox": ON_WHITE}
SIGNED = "cividis_r"  # negative yellow, zero grey, positive dark blue: the lighter the less, in colour and in grey


def feature_maps(image: Tensor, layers: dict[str, Tensor], answer: str) -> Figure:
    """One digit's way through a convolutional network: a row a layer, a map a panel; vectors as one strip of values.

    image: [S, S]; layers: {label: [C, H, W] or [C]} in order; answer: what the network says, at the last row's end.
    """
    rows = {"input": image[None]} | layers
    heights = [2 if len(maps) == 1 else 1 if maps.ndim == 3 else 0.45 for maps in rows.values()]
    figure = plt.figure(figsize=(WIDTH, 0.42 * sum(heights)))
    figure.set_layout_engine(PlaceHolderLayoutEngine(True, True))  # with layout="none" the second save would move all
    grid = figure.add_gridspec(len(rows), 1, height_ratios=heights, left=0.1, right=0.94, top=1, bottom=0, hspace=0.15)
    for cell, (label, maps) in zip(grid, rows.items(), strict=True):
        panels = maps if maps.ndim == 3 else [maps[None]]
        for part, values in zip(cell.subgridspec(1, len(panels), wspace=0.12), panels, strict=True):
            ax = figure.add_subplot(part)
            _draw(ax, values, aspect="equal" if maps.ndim == 3 else "auto")
            edge = Rectangle((0, 0), 1, 1, transform=ax.transAxes, fill=False, color="0.7", lw=0.5, clip_on=False)
            ax.add_patch(edge)
        place = cell.get_position(figure)
        figure.text(0, place.y0 + place.height / 2, label, va="center", fontsize=8.5)
    figure.text(1, place.y0 + place.height / 2, answer, va="center", ha="right", fontsize=13)
    return figure


def weights(groups: dict[str, Tensor], columns: int = 12) -> Figure:
    """Weights as images, a group a block of rows; each from minus to plus its own largest size. groups: [N, H, W]."""
    counts = [-(-len(images) // columns) for images in groups.values()]  # of rows
    size = (WIDTH, 0.92 * WIDTH / columns * sum(counts) + 0.27 * len(groups))
    figure, grid = plt.subplots(sum(counts), columns, figsize=size, squeeze=False, layout="compressed")
    blocks = np.split(grid, np.cumsum(counts)[:-1])
    for block, (title, images) in zip(blocks, groups.items(), strict=True):
        block[0, 0].set_title(" ", fontsize=9)  # room for the title, which is wider than the axes
        note(block[0, 0], title, (0, 1), (0, 4), xycoords="axes fraction", fontsize=9, in_layout=False)
        for ax, image in zip(block.flat[: len(images)], images, strict=True):
            picture = _draw(ax, 100 * image / (image.abs().max() or 1), cmap=SIGNED, vmin=-100, vmax=100)
        for ax in block.flat[len(images) :]:
            ax.set_axis_off()
    figure.colorbar(picture, ax=grid, pad=0.02, label="% of the panel\u2019s largest")
    return figure


def evidence(images: Tensor, titles: Sequence[str], maps: dict[str, Sequence[Tensor]]) -> Figure:
    """A column an image: the digit, then each kind of map over its outline; every map to its own largest value."""
    columns, rows = len(images), 1 + len(maps)
    size = (WIDTH, min(WIDTH / (columns + 1), PAGE / rows) * rows + 0.35)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="compressed")
    for ax, image, title in zip(grid[0], images.cpu(), titles, strict=True):
        _draw(ax, image)
        ax.set_title(title, loc="center", fontsize=8)
    for row, kind in zip(grid[1:], maps.values(), strict=True):
        shares = [100 * values / (values.abs().max().item() or 1) for values in kind]
        signed = min(share.min() for share in shares) < -5
        cmap, low, shade = (SIGNED, -100, "white") if signed else ("gray_r", 0, COLOURS["LeNet-5"])
        for ax, image, share in zip(row, images.cpu(), shares, strict=True):
            picture = _draw(ax, share, cmap=cmap, vmin=low, vmax=100)
            ax.contour(image, levels=[image.max().item() / 2], colors=shade, linewidths=0.7)
        figure.colorbar(picture, ax=row, pad=0.02, aspect=12, label="% of the largest")
    for ax, label in zip(grid[:, 0], ("image", *maps), strict=True):
        ax.set_ylabel(label)
    return figure


def classes(points: dict[str, dict[str, np.ndarray]], labels: np.ndarray, wrong: dict[str, np.ndarray]) -> Figure:
    """Features in two dimensions: a row a network, a column a method; the digit in its class's midst, errors circled.

    points: {network: {method: [N, 2]}}; wrong: {network: bool [N]}.
    """
    rows, columns = len(points), len(next(iter(points.values())))
    figure, grid = plt.subplots(rows, columns, figsize=(WIDTH, min(2.9 * rows, PAGE)), squeeze=False)
    for row, (name, layouts) in zip(grid, points.items(), strict=True):
        for ax, (method, at) in zip(row, layouts.items(), strict=True):
            ax.scatter(*at.T, s=6, c=labels, cmap="tab10", lw=0, rasterized=True, antialiased=False)  # else 1 MB of SVG
            ax.scatter(*at[wrong[name]].T, s=45, facecolors="none", edgecolors="black", lw=0.9, label="answered wrong")
            room, taken = np.ptp(at, axis=0) * (0.09, 0.25 * rows / figure.get_figheight()), []  # of a digit
            for label in np.unique(labels):  # at the point nearest the median that is not too near another's, if one is
                mine = at[labels == label]
                far = np.linalg.norm((mine - np.median(mine, axis=0)) / room, axis=1)
                far += 99 * sum(np.linalg.norm((mine - other) / room, axis=1) < 1 for other in taken)
                taken.append(mine[far.argmin()])
                ax.text(*taken[-1], label, **DIGIT)
            ax.set_title(f"{name}, {method}")
            bare(ax)
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center")
    return figure


def _draw(ax: Axes, values: Tensor, **options) -> AxesImage:
    bare(ax)
    return ax.imshow(values.cpu().numpy(), **options)
