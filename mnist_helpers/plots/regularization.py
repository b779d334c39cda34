"""What regularization brings: gains with their intervals, the gap between training and test, the record."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mnist_helpers.analysis.statistics import Gain
from mnist_helpers.plots import COLOURS, LINES, colour, marker
from mnist_helpers.plots.curves import Histories


def gains(alone: dict[str, Gain], left_out: dict[str, Gain]) -> Figure:
    """Each technique's gain alone, and what is lost where it is left out of all; points with their intervals.

    Filled: the interval excludes 0. Drawn in the order of `alone`; a technique may lack its second value.
    """
    figure, axes = plt.subplots(1, 2, figsize=(6.3, 0.55 + 0.3 * len(alone)), sharey=True)
    names = list(alone)[::-1]
    panels = (("alone: gain over plain", alone), ("left out: loss against all", left_out))
    for ax, (title, values) in zip(axes, panels, strict=True):
        for y, name in enumerate(names):
            if gain := values.get(name):
                face = "white" if gain.low <= 0 <= gain.high else COLOURS["LeNet-5"]
                reach = [[gain.mean - gain.low], [gain.high - gain.mean]]
                ax.errorbar(
                    gain.mean, y, xerr=reach, fmt="o", color=COLOURS["LeNet-5"], mfc=face, capsize=3, ms=5, lw=1.2
                )
        ax.axvline(0, color="0.4", lw=0.8)
        ax.set(title=title, xlabel="points of test accuracy", ylim=(-0.6, len(alone) - 0.4))
        ax.grid(axis="x")
        ax.grid(False, axis="y")
    axes[0].set_yticks(range(len(names)), names)
    return figure


def errors_by_epoch(groups: dict[str, Histories]) -> Figure:
    """Training and test errors by epoch, one panel each, logarithmic: mean over the seeds in a band of all of them."""
    figure, axes = plt.subplots(1, 2, figsize=(6.3, 2.7), sharey=True)
    shades = ("0.55", COLOURS["LeNet-5"], "0.1")
    for ax, split in zip(axes, ("train", "test"), strict=True):
        for (name, histories), style, shade in zip(groups.items(), LINES, shades, strict=False):
            values = 100 * (1 - np.array([[row[f"{split}_accuracy"] for row in history] for history in histories]))
            epochs = np.arange(values.shape[1])
            ax.plot(epochs, values.mean(0), ls=style, color=shade, label=name)
            ax.fill_between(epochs, values.min(0), values.max(0), color=shade, alpha=0.2, lw=0)
        ax.set(yscale="log", xlabel="epoch", title=f"{'training' if split == 'train' else 'test'} images")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes[0].set_ylabel("errors (%)")
    axes[0].legend()
    return figure


def record(frame: pd.DataFrame) -> Figure:
    """Test errors in % of networks. Columns: name, network (a key of COLOURS, or "" if published), error, low, high.

    low, high: an interval, or NaN where the source gives none.
    """
    figure, ax = plt.subplots(figsize=(6.3, 0.6 + 0.25 * len(frame)))
    for y, row in enumerate(frame[::-1].itertuples()):
        reach = None if np.isnan(row.low) else [[row.error - row.low], [row.high - row.error]]
        shade = colour(row.network) if row.network else "0.45"
        ax.errorbar(row.error, y, xerr=reach, fmt=marker(row.network), color=shade, capsize=3, ms=5)
        ax.annotate(f"{row.error:.2f}", (row.error, y), (7, 4), textcoords="offset points", fontsize=8, color=shade)
    ax.set_yticks(range(len(frame)), frame["name"][::-1])
    ax.set(xscale="log", xlabel="test errors (%), logarithmic", ylim=(-0.6, len(frame) - 0.3))
    ax.set_xticks([0.4, 0.5, 0.7, 1, 2, 3], ["0.4", "0.5", "0.7", "1", "2", "3"])
    ax.minorticks_off()
    ax.grid(axis="x")
    ax.grid(False, axis="y")
    return figure
