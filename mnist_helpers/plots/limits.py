"""Where networks come to their limits: other pixel orders, few images, corrupted images, doubtful answers."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression

from mnist_helpers.analysis.corruptions import CORRUPTIONS
from mnist_helpers.analysis.statistics import Summary
from mnist_helpers.plots import (
    LINES,
    VARIANTS,
    band,
    colour,
    interval,
    legend,
    marker,
    named_rows,
    network_of,
    note,
    panels,
)

PATTERNS = 31  # the most that `agreement` has room for on a page: all of five networks


def pixel_orders(in_order: Mapping[str, Summary], permuted: Mapping[str, Summary]) -> Figure:
    """Test accuracy in % of each network with its pixels in order (left) and permuted (right), 95 % intervals."""
    figure, (ax,) = panels(1, 1, 2.7, y="test accuracy (%)")
    offsets = 0.06 * (np.arange(len(in_order)) - (len(in_order) - 1) / 2)
    for k, name in enumerate(in_order):
        pair = (in_order[name], permuted[name])
        means, (low, high) = np.array([s.mean for s in pair]), np.transpose([s.interval for s in pair])
        style = {"fmt": marker(name), "ls": LINES[k % len(LINES)]}
        interval(ax, offsets[k] + np.arange(2), means, low, high, name, vertical=True, **style)
    ax.set_xticks([0, 1], ["pixels in order", "all pixels permuted"])
    ax.set_xlim(-0.3, 1.5)
    names = sorted(in_order, key=lambda name: permuted[name].mean)
    steps = 0.065 * np.ptp(ax.get_ylim()) * np.arange(len(names))  # names are at least a line of text apart
    heights = isotonic_regression([permuted[name].mean for name in names] - steps).x + steps
    for name, height in zip(names, heights, strict=True):
        ax.text(1.02 + offsets[-1], height, name, va="center", fontsize=8.5, color=colour(name))
    return figure


def by_training_images(errors: Mapping[str, Mapping[int, Sequence[float]]]) -> Figure:
    """Test errors in % against the number of training images, both logarithmic: mean of the seeds in a band of all."""
    figure, (ax,) = panels(1, 1, 3.2, "training images", "test errors (%)")
    for k, (name, by_size) in enumerate(errors.items()):
        band(ax, by_size, name, colour(name), k, marker=marker(name), ms=4)
    sizes = sorted(set().union(*errors.values()))
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
    ax.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    ax.minorticks_off()
    legend(figure, ax)
    return figure


def by_size(frame: pd.DataFrame) -> Figure:
    """Test errors in % against parameters and MACs, all logarithmic, a line a family of networks, with 95 % intervals.

    Columns: network (the family), parameters, macs, error, low, high.
    """
    figure, axes = panels(2, 2, 2.9, y="test errors (%)", sharey=True)
    for ax, (column, label) in zip(axes, {"parameters": "parameters", "macs": "MACs an image"}.items(), strict=True):
        for k, (name, rows) in enumerate(frame.groupby("network", sort=False)):
            ends = (rows["low"].to_numpy(), rows["high"].to_numpy())
            style = {"fmt": marker(name), "ls": LINES[k % len(LINES)], "label": name}
            interval(ax, rows[column].to_numpy(), rows["error"].to_numpy(), *ends, name, vertical=True, **style)
        ax.set(xscale="log", yscale="log", xlabel=label)
    axes[0].set_yticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    axes[0].yaxis.minorticks_off()
    legend(figure, axes[0])
    return figure


def corruption_curves(frame: pd.DataFrame) -> Figure:
    """Accuracy in % against strength, a panel a kind; mean of the members in a band of all.

    frame: as from corruptions.accuracies; a network's variants have its colour, and markers of VARIANTS.
    """
    kinds = frame["kind"].unique()
    figure, axes = panels(len(kinds), 3, 2.1, y="accuracy (%)", sharey=True)
    for ax, kind in zip(axes, kinds, strict=True):
        for k, (name, rows) in enumerate(frame[frame["kind"] == kind].groupby("network", sort=False)):
            base = network_of(name)
            values = rows.groupby("strength")["accuracy"].apply(list).to_dict()
            style = {"marker": marker(base), "mfc": colour(base)} | VARIANTS.get(name.removeprefix(f"{base}, "), {})
            band(ax, values, name, colour(base), k, ms=3.5, **style)
        ax.set(xlabel=CORRUPTIONS[kind].label, ylim=(0, 102))
    legend(figure)
    return figure


def shift_maps(maps: Mapping[str, np.ndarray], steps: Sequence[int]) -> Figure:
    """Accuracy in % of each network, the images shifted right (x) and down (y) by so many pixels; mean of members."""
    figure, axes = panels(len(maps), 5, 0.5, y="shift down (pixels)", square=True, sharey=True)
    edge = (steps[0] - 1, steps[-1] + 1)
    for ax, (name, values) in zip(axes, maps.items(), strict=True):
        mean = values.mean(0)
        picture = ax.imshow(mean, cmap="gray", vmin=0, vmax=100, extent=(*edge, *edge[::-1]))
        ax.contour(steps, steps, mean, levels=[50, 90], colors=[colour(network_of(name))])
        ax.set_title(name.replace(", ", ",\n"), fontsize=8.5, loc="center")
        ax.set(xticks=[-8, 0, 8], yticks=[-8, 0, 8])
        ax.grid(False)
    figure.supxlabel("shift to the right (pixels)", fontsize=9.5)
    figure.colorbar(picture, ax=axes, label="accuracy (%)", shrink=0.8, aspect=12)
    return figure


def reliability(bins: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Figure:
    """Accuracy against mean confidence, a panel a network, and as bars the share of the images in each bin.

    bins: as from calibration.reliability.
    """
    labels = ("mean confidence (%)", "% of the images in the bin")
    figure, axes = panels(len(bins), 3, 0.5, *labels, square=True, sharey=True)
    for ax, (name, (share, accuracy, confidence)) in zip(axes, bins.items(), strict=True):
        width = 100 / len(share)
        ax.bar(width * (np.arange(len(share)) + 0.5), 100 * share, width, color="0.85", label="share of the images")
        ax.plot([0, 100], [0, 100], color="0.4", lw=0.8, ls="--")
        ax.plot(100 * confidence, 100 * accuracy, marker=marker(name), ms=4, color=colour(name), label="accuracy")
        ax.set(title=name, xlim=(0, 100), ylim=(0, 102), aspect="equal")
    axes[0].legend(loc="upper left", fontsize=7.5)
    return figure


def coverage(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Errors in % among the images answered against the share answered, the surest first.

    curves: {network: (coverage, accuracy)} as from calibration.accuracy_by_coverage.
    """
    figure, (ax,) = panels(1, 1, 2.7, "images answered, the surest first (%)", "errors among them (%)")
    for k, (name, (answered, accuracy)) in enumerate(curves.items()):
        ax.plot(100 * answered, 100 * (1 - accuracy), ls=LINES[k % len(LINES)], color=colour(name), label=name)
    ax.set(xlim=(70, 100), ylim=(0, None))
    legend(figure, ax)
    return figure


def agreement(patterns: Mapping[str, Mapping[str, int]]) -> Figure:
    """How many images which networks get wrong. patterns: {"who is wrong": {"seed 42": images, ...}}.

    ValueError for more than PATTERNS of them.
    """
    if len(patterns) > PATTERNS:
        raise ValueError(f"{len(patterns)} patterns: the figure shows at most {PATTERNS}, all those of 5 networks")
    figure, (ax,), places = named_rows(patterns, 0.28)
    for y, counts in zip(places, patterns.values(), strict=True):
        values = np.array(list(counts.values()), dtype=float)
        ax.barh(y, values.mean(), color="0.72", edgecolor="0.25")
        ax.plot(values, np.full(len(values), y), ls="", marker="|", ms=9, color="black")
        note(ax, f"{values.mean():.0f}", (values.max(), y), (5, 0), va="center", fontsize=8)
    ax.set_xlabel("test images (bar: mean of the seeds; strokes: each seed)")
    return figure
