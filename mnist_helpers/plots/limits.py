"""Where networks come to their limits: other pixel orders, few images, corrupted images, doubtful answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnist_helpers.analysis.corruptions import CORRUPTIONS
from mnist_helpers.analysis.statistics import Summary
from mnist_helpers.plots import LINES, colour, marker

REGULARIZED = ", regularized"  # ends the name of a network trained by its best recipe


def pixel_orders(in_order: Mapping[str, Summary], permuted: Mapping[str, Summary]) -> Figure:
    """Test accuracy in % of each network with its pixels in order (left) and permuted (right), 95 % intervals."""
    figure, ax = plt.subplots(figsize=(6.3, 2.7))
    for offset, name in zip((-0.06, 0, 0.06), in_order, strict=False):
        pair = (in_order[name], permuted[name])
        means = [summary.mean for summary in pair]
        reach = [[s.mean - s.interval[0] for s in pair], [s.interval[1] - s.mean for s in pair]]
        x = np.array([offset, 1 + offset])
        ax.errorbar(x, means, yerr=reach, fmt=f"{marker(name)}-", color=colour(name), capsize=3, ms=5)
        ax.annotate(name, (1.08, means[1]), va="center", fontsize=8.5, color=colour(name))
    ax.set_xticks([0, 1], ["pixels in order", "all pixels permuted"])
    ax.set(xlim=(-0.3, 1.5), ylabel="test accuracy (%)")
    return figure


def by_training_images(errors: Mapping[str, Mapping[int, Sequence[float]]]) -> Figure:
    """Test errors in % against the number of training images, both logarithmic: mean of the seeds in a band of all."""
    figure, ax = plt.subplots(figsize=(6.3, 3.2))
    for (name, by_size), style in zip(errors.items(), LINES, strict=False):
        values = np.array(list(by_size.values()))  # [sizes, seeds]
        sizes = list(by_size)
        ax.plot(sizes, values.mean(1), ls=style, marker=marker(name), ms=4, color=colour(name), label=name)
        ax.fill_between(sizes, values.min(1), values.max(1), color=colour(name), alpha=0.2, lw=0)
    ax.set(xscale="log", yscale="log", xlabel="training images", ylabel="test errors (%)")
    ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
    ax.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    ax.minorticks_off()
    ax.legend()
    return figure


def corruption_curves(frame: pd.DataFrame) -> Figure:
    """Accuracy in % against strength, a panel a kind; mean of the members in a band of all.

    frame: as from corruptions.accuracies; a network's regularized variant is dashed and hollow.
    """
    kinds = list(frame["kind"].unique())
    figure, axes = plt.subplots(-(-len(kinds) // 3), 3, figsize=(6.3, 2.1 * -(-len(kinds) // 3)), sharey=True)
    for ax, kind in zip(axes.flat, kinds, strict=False):
        for name, rows in frame[frame["kind"] == kind].groupby("network", sort=False):
            table = rows.pivot(index="strength", columns="member", values="accuracy")
            base, better = name.removesuffix(REGULARIZED), name.endswith(REGULARIZED)
            ax.plot(table.index, table.mean(axis=1), ls=LINES[better], marker=marker(base), ms=3.5, color=colour(base),
                    mfc="white" if better else colour(base), label=name)  # fmt: skip
            ax.fill_between(table.index, table.min(axis=1), table.max(axis=1), color=colour(base), alpha=0.2, lw=0)
        ax.set(xlabel=CORRUPTIONS[kind].label, ylim=(0, 102))
    for ax in axes[:, 0]:
        ax.set_ylabel("accuracy (%)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def shift_maps(maps: Mapping[str, np.ndarray], steps: Sequence[int]) -> Figure:
    """Accuracy in % of each network, the images shifted right (x) and down (y) by so many pixels; mean of members."""
    figure, axes = plt.subplots(1, len(maps), figsize=(6.3, 0.7 + 5.4 / len(maps)), sharey=True, squeeze=False)
    edge = (steps[0] - 1, steps[-1] + 1)
    for ax, (name, values) in zip(axes[0], maps.items(), strict=True):
        mean = values.mean(0)
        picture = ax.imshow(mean, cmap="gray", vmin=0, vmax=100, extent=(*edge, *edge[::-1]))
        ax.contour(steps, steps, mean, levels=[50, 90], colors=[colour(name.removesuffix(REGULARIZED))])
        ax.set_title(name.replace(", ", ",\n"), fontsize=8.5, loc="center")
        ax.set_xticks([-8, 0, 8])
        ax.set_yticks([-8, 0, 8])
        ax.grid(False)
    figure.supxlabel("shift to the right (pixels)", fontsize=9.5)
    axes[0, 0].set_ylabel("shift down (pixels)")
    figure.colorbar(picture, ax=axes[0, :].tolist(), label="accuracy (%)", shrink=0.8, aspect=12)
    return figure


def reliability(bins: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Figure:
    """Accuracy against mean confidence, a panel a network, and as bars the share of the images in each bin.

    bins: as from calibration.reliability.
    """
    figure, axes = plt.subplots(1, len(bins), figsize=(6.3, 0.5 + 6.3 / len(bins)), sharey=True, squeeze=False)
    for ax, (name, (share, accuracy, confidence)) in zip(axes[0], bins.items(), strict=True):
        width = 100 / len(share)
        ax.bar(width * (np.arange(len(share)) + 0.5), 100 * share, width, color="0.85", label="share of the images")
        ax.plot([0, 100], [0, 100], color="0.4", lw=0.8, ls="--")
        ax.plot(100 * confidence, 100 * accuracy, marker=marker(name), ms=4, color=colour(name), label="accuracy")
        ax.set(title=name, xlabel="mean confidence (%)", xlim=(0, 100), ylim=(0, 102), aspect="equal")
    axes[0, 0].set_ylabel("% of the images in the bin")
    axes[0, 0].legend(loc="upper left", fontsize=7.5)
    return figure


def coverage(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Errors in % among the images answered against the share answered, the surest first.

    curves: {network: (coverage, accuracy)} as from calibration.accuracy_by_coverage.
    """
    figure, ax = plt.subplots(figsize=(6.3, 2.7))
    for (name, (answered, accuracy)), style in zip(curves.items(), LINES, strict=False):
        ax.plot(100 * answered, 100 * (1 - accuracy), ls=style, color=colour(name), label=name)
    ax.set(
        xlabel="images answered, the surest first (%)", ylabel="errors among them (%)", xlim=(70, 100), ylim=(0, None)
    )
    ax.legend()
    return figure


def agreement(patterns: Mapping[str, Mapping[str, int]]) -> Figure:
    """How many images which networks get wrong. patterns: {"who is wrong": {"seed 42": images, ...}}."""
    figure, ax = plt.subplots(figsize=(6.3, 0.6 + 0.28 * len(patterns)))
    for y, counts in enumerate(reversed(patterns.values())):
        values = np.array(list(counts.values()), dtype=float)
        ax.barh(y, values.mean(), color="0.72", edgecolor="0.25")
        ax.plot(values, np.full(len(values), y), ls="", marker="|", ms=9, color="black")
        ax.annotate(
            f"{values.mean():.0f}", (values.max(), y), (5, 0), textcoords="offset points", va="center", fontsize=8
        )
    ax.set_yticks(range(len(patterns)), list(reversed(patterns)))
    ax.set(xlabel="test images (bar: mean of the seeds; strokes: each seed)")
    ax.grid(axis="x")
    ax.grid(False, axis="y")
    return figure
