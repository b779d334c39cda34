"""Figures of what a trained network sees: feature maps, weights, evidence, and how it lays out the classes."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.patches import Rectangle
from torch import Tensor

from mnist_helpers.plots import COLOURS, PAGE, WIDTH, bare

WEIGHTS = "RdGy"  # diverging: negative red, positive dark grey, zero white


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
    figure, grid = plt.subplots(sum(counts), columns, squeeze=False)
    figure.set_size_inches(WIDTH, WIDTH / columns * len(grid) + 0.25 * len(groups))
    blocks = np.split(grid, np.cumsum(counts)[:-1])
    for block, (title, images) in zip(blocks, groups.items(), strict=True):
        block[0, 0].set_title(title, fontsize=9)
        for ax, image in zip(block.flat[: len(images)], images, strict=True):
            reach = image.abs().max().item()
            _draw(ax, image, cmap=WEIGHTS, vmin=-reach, vmax=reach)
        for ax in block.flat[len(images) :]:
            ax.set_axis_off()
    return figure


def evidence(images: Tensor, titles: Sequence[str], maps: dict[str, Sequence[Tensor]]) -> Figure:
    """A column an image: the digit, then each kind of map over its outline; every map to its own largest value."""
    columns, rows = len(images), 1 + len(maps)
    side = min(WIDTH / columns, PAGE / rows)
    figure, grid = plt.subplots(rows, columns, figsize=(WIDTH, side * rows + 0.45), squeeze=False)
    for column, (image, title) in enumerate(zip(images.cpu(), titles, strict=True)):
        _draw(grid[0, column], image)
        grid[0, column].set_title(title, loc="center", fontsize=8)
        for ax, values in zip(grid[1:, column], (kind[column] for kind in maps.values()), strict=True):
            reach = values.abs().max().item() or 1.0
            signed = bool(values.min() < -0.05 * reach)
            _draw(ax, values, cmap=WEIGHTS if signed else "gray_r", vmin=-reach if signed else 0, vmax=reach)
            ax.contour(image, levels=[image.max().item() / 2], colors=COLOURS["LeNet-5"], linewidths=0.6)
    for ax, label in zip(grid[:, 0], ("image", *maps), strict=True):
        ax.set_ylabel(label)
    return figure


def classes(points: dict[str, dict[str, np.ndarray]], labels: np.ndarray, wrong: dict[str, np.ndarray]) -> Figure:
    """Features in two dimensions: a row a network, a column a method; the digit as sign and colour, errors circled.

    points: {network: {method: [N, 2]}}; wrong: {network: bool [N]}.
    """
    rows, columns = len(points), len(next(iter(points.values())))
    figure, grid = plt.subplots(rows, columns, figsize=(WIDTH, min(2.9 * rows, PAGE)), squeeze=False)
    shades = plt.get_cmap("tab10").colors
    for row, (name, layouts) in zip(grid, points.items(), strict=True):
        for ax, (method, at) in zip(row, layouts.items(), strict=True):
            for label in range(10):
                mine = at[labels == label]
                ax.scatter(*mine.T, s=14, marker=f"${label}$", color=shades[label], lw=0, alpha=0.75)
            ax.scatter(*at[wrong[name]].T, s=45, facecolors="none", edgecolors="black", lw=0.9, label="answered wrong")
            ax.set_title(f"{name}, {method}")
            bare(ax)
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center")
    return figure


def _draw(ax: Axes, values: Tensor, **options) -> None:
    ax.imshow(values.cpu().numpy(), **options)
    bare(ax)
