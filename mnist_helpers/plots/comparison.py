"""Networks beside each other: accuracy, errors and cost."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from mnist_helpers.plots import HATCHES, colour, marker

PRICES = {
    "parameters": "parameters", "macs": "MACs an image", "seconds": "training time (s)",
    "activations": "activations an image", "latency_1": "one image alone (µs)",
    "latency_256": "an image of 256 (µs)",
}  # fmt: skip


def accuracies(summaries: dict, known: float) -> Figure:
    """Test accuracy of each network with its 95 % interval, and a known accuracy as a line. Values in %."""
    figure, ax = plt.subplots(figsize=(6.3, 1.9))
    for y, (name, summary) in enumerate(reversed(summaries.items())):
        low, high = summary.interval
        ax.errorbar(summary.mean, y, xerr=[[summary.mean - low], [high - summary.mean]], fmt=marker(name),
                    color=colour(name), capsize=3, ms=5)  # fmt: skip
        ax.annotate(
            f"{summary.mean:.2f}", (summary.mean, y), (0, 6), textcoords="offset points", ha="center", fontsize=8.5
        )
    ax.axvline(known, color="0.4", lw=0.8, ls="--")
    ax.annotate(
        "LeCun et al. 1998", (known, -0.45), (-4, 0), textcoords="offset points", ha="right", fontsize=8.5, color="0.3"
    )
    ax.set_yticks(range(len(summaries)), list(reversed(summaries)))
    ax.set(xlabel="test accuracy (%)", ylim=(-0.6, len(summaries) - 0.4))
    return figure


def confusion_matrices(matrices: dict[str, np.ndarray]) -> Figure:
    """Errors only: the diagonal (right answers) is left blank, so that single errors can be seen."""
    figure, axes = plt.subplots(1, len(matrices), figsize=(6.3, 3.1), sharey=True)
    top = max((matrix - np.diag(np.diag(matrix))).max() for matrix in matrices.values())
    for ax, (name, matrix) in zip(np.atleast_1d(axes), matrices.items(), strict=True):
        blank = np.eye(10, dtype=bool) | (matrix == 0)
        sns.heatmap(matrix, mask=blank, annot=True, fmt="d", cmap="Greys", vmin=0, vmax=1.4 * top, cbar=False,
                    square=True, linewidths=0.4, linecolor="0.85", annot_kws={"size": 7}, ax=ax)  # fmt: skip
        errors = matrix.sum() - np.trace(matrix)
        ax.set_title(f"{name}: {errors} errors", color=colour(name))
        ax.set(xlabel="answer", ylabel="true class" if ax is np.atleast_1d(axes)[0] else "")
        ax.tick_params(length=0, rotation=0)
        sns.despine(ax=ax, left=True, bottom=True)
        ax.grid(False)
    return figure


def class_errors(rates: pd.DataFrame) -> Figure:
    """Error rate in % by class; rates: index 0 to 9, a column a network, mean over the seeds."""
    figure, ax = plt.subplots(figsize=(6.3, 2.5))
    for index, name in enumerate(rates.columns):
        x = rates.index + 0.27 * (index - (len(rates.columns) - 1) / 2)
        ax.bar(
            x,
            rates[name],
            0.25,
            color=colour(name),
            label=name,
            hatch=HATCHES[index % len(HATCHES)],
            edgecolor="white",
            lw=0.3,
        )
    ax.set_xticks(rates.index)
    ax.set(xlabel="class", ylabel="errors (% of its test images)")
    ax.legend(ncols=3, loc="upper left")
    ax.margins(y=0.18)
    return figure


def costs(frame: pd.DataFrame) -> Figure:
    """Test accuracy in % against each price among the columns, a panel each, three in a row.

    Columns: network, accuracy, low, high; parameters, macs and seconds, perhaps more of PRICES.
    """
    prices = {column: label for column, label in PRICES.items() if column in frame}
    rows = -(-len(prices) // 3)
    figure, axes = plt.subplots(rows, 3, figsize=(6.3, 2.5 * rows), sharey=True, squeeze=False)
    for ax, (column, label) in zip(axes.flat, prices.items(), strict=True):
        for row in frame.itertuples():
            reach = [[row.accuracy - row.low], [row.high - row.accuracy]]
            ax.errorbar(getattr(row, column), row.accuracy, yerr=reach, fmt=marker(row.network), capsize=3, ms=5,
                        color=colour(row.network), label=row.network)  # fmt: skip
        ax.set(xlabel=label, xlim=(0, 1.15 * frame[column].max()))
        ax.locator_params(axis="x", nbins=4)
        ax.xaxis.set_major_formatter(lambda x, _: f"{x / 1000:g}k" if x >= 1000 else f"{x:g}")
    for ax in axes[:, 0]:
        ax.set_ylabel("test accuracy (%)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure
