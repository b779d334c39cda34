"""Networks beside each other: accuracy, errors and cost."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from mnist_helpers.plots import bars, colour, interval, legend, named_rows, note, panels

PRICES = {
    "parameters": "parameters", "macs": "MACs an image", "seconds": "training time (s)",
    "activations": "activations an image", "latency_1": "one image alone (µs)",
    "latency_256": "an image of 256 (µs)",
}  # fmt: skip


def accuracies(summaries: dict, known: float) -> Figure:
    """Test accuracy of each network with its 95 % interval, and a known accuracy as a line. Values in %."""
    figure, (ax,), places = named_rows(summaries, 0.43, grid="y")
    for y, (name, summary) in zip(places, summaries.items(), strict=True):
        interval(ax, summary.mean, y, *summary.interval, name)
        away = -1 if summary.mean <= known else 1  # the number lies on the side that the line is not on
        note(ax, f"{summary.mean:.2f}", (summary.mean, y), (2 * away, 6), ha="right" if away < 0 else "left")
    ax.axvline(known, color="0.4", lw=0.8, ls="--")
    note(ax, "LeCun et al. 1998", (known, ax.get_ylim()[1]), (0, 4), ha="center", color="0.3")
    ax.set_xlabel("test accuracy (%)")
    return figure


def confusion_matrices(matrices: dict[str, np.ndarray]) -> Figure:
    """Errors only: the diagonal (right answers) is left blank, so that single errors can be seen."""
    # more than two are smaller, and the count of errors has a line of its own
    columns, room, gap = (3, 0.7, ":\n") if len(matrices) > 2 else (2, 0.2, ": ")
    figure, axes = panels(len(matrices), columns, room, "answer", "true class", square=True, sharey=True)
    top = max((matrix - np.diag(np.diag(matrix))).max() for matrix in matrices.values())
    for ax, (name, matrix) in zip(axes, matrices.items(), strict=True):
        blank = np.eye(10, dtype=bool) | (matrix == 0)
        labels = {"xlabel": ax.get_xlabel(), "ylabel": ax.get_ylabel()}
        sns.heatmap(matrix, mask=blank, annot=True, fmt="d", cmap="Greys", vmin=0, vmax=1.4 * top, cbar=False,
                    square=True, linewidths=0.4, linecolor="0.85", annot_kws={"size": 7}, ax=ax)  # fmt: skip
        ax.set(**labels)  # seaborn took them away
        ax.set_title(f"{name}{gap}{matrix.sum() - np.trace(matrix)} errors", color=colour(name))
        ax.tick_params(length=0, rotation=0)
        sns.despine(ax=ax, left=True, bottom=True)
        ax.grid(False)
    return figure


def class_errors(rates: pd.DataFrame) -> Figure:
    """Error rate in % by class; rates: index 0 to 9, a column a network, mean over the seeds."""
    figure, (ax,) = panels(1, 1, 2.5, "class", "errors (% of its test images)")
    bars(ax, dict(rates))
    ax.set_xticks(rates.index)
    legend(figure, ax, most=3, ncols=3, loc="upper left")
    ax.margins(y=0.18)
    return figure


def costs(frame: pd.DataFrame) -> Figure:
    """Test accuracy in % against each price among the columns, a panel each, at most three in a row.

    Columns: network, accuracy, low, high; parameters, macs and seconds, perhaps more of PRICES.
    """
    prices = {column: label for column, label in PRICES.items() if column in frame}
    figure, axes = panels(len(prices), 3, 2.5, y="test accuracy (%)", sharey=True)
    for ax, (column, label) in zip(axes, prices.items(), strict=True):
        for row in frame.itertuples():
            place = (getattr(row, column), row.accuracy)
            interval(ax, *place, row.low, row.high, row.network, vertical=True, label=row.network)
        ax.set(xlabel=label, xlim=(0, 1.15 * frame[column].max()))
        ax.locator_params(axis="x", nbins=3)
        ax.xaxis.set_major_formatter(lambda x, _: f"{x:,.10g}")
    legend(figure)
    return figure
