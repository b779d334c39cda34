"""What regularization brings: gains with their intervals, the gap between training and test, the record."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from mnist_helpers.analysis.statistics import Gain
from mnist_helpers.plots import COLOURS, band, colour, interval, legend, named_rows, note, panels
from mnist_helpers.plots.curves import SPLITS, Histories, by_epoch


def gains(alone: dict[str, Gain], left_out: dict[str, Gain]) -> Figure:
    """Each technique's gain alone, and what is lost where it is left out of all; points with their intervals.

    Filled: p below 5 %. Drawn in the order of `alone`; a technique may lack one of its values.
    """
    names = list(alone | left_out)
    figure, axes, places = named_rows(names, 0.3, columns=2)
    titled = {"alone: gain over none": alone, "left out: loss against the seven": left_out}
    for ax, (title, values) in zip(axes, titled.items(), strict=True):
        for y, name in zip(places, names, strict=True):
            if gain := values.get(name):
                face = COLOURS["LeNet-5"] if gain.p < 0.05 else "white"
                interval(ax, gain.mean, y, gain.low, gain.high, "LeNet-5", mfc=face, lw=1.2)
        ax.axvline(0, color="0.4", lw=0.8)
        ax.set(title=title, xlabel="points of test accuracy")
    return figure


def errors_by_epoch(groups: dict[str, Histories]) -> Figure:
    """Training and test errors by epoch, one panel each, logarithmic: mean over the seeds in a band of all of them.

    At an epoch the mean is over the seeds that have it, see plots.band.
    """
    figure, axes = panels(2, 2, 2.7, "epoch", "errors (%)", sharey=True)
    shades = ["0.55", COLOURS["LeNet-5"], "0.1", *map(colour, list(groups)[3:])]
    for ax, (split, title) in zip(axes, SPLITS.items(), strict=True):
        for k, (name, histories) in enumerate(groups.items()):
            accuracies = by_epoch(histories, f"{split}_accuracy").items()
            band(ax, {epoch: [100 - value for value in values] for epoch, values in accuracies}, name, shades[k], k)
        ax.set(yscale="log", title=title)
        ax.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}", minor_formatter="")
    legend(figure, axes[0])
    return figure


def record(frame: pd.DataFrame) -> Figure:
    """Test errors in % of networks. Columns: name, network (its name, or "" if published), error, low, high.

    low, high: an interval, or NaN where the source gives none.
    """
    figure, (ax,), places = named_rows(frame["name"], 0.25, grid="y")
    for y, row in zip(places, frame.itertuples(), strict=True):
        interval(ax, row.error, y, row.low, row.high, row.network)
        note(ax, f"{row.error:.2f}", (row.error, y), (7, 5), fontsize=8, color=colour(row.network))
    ax.set(xscale="log", xlabel="test errors (%), logarithmic", ylim=(-0.6, len(frame) - 0.3))
    ax.set_xticks([0.4, 0.5, 0.7, 1, 2, 3], ["0.4", "0.5", "0.7", "1", "2", "3"])
    ax.set_xlim(right=1.3 * frame[["error", "high"]].max(axis=None))  # room for the last number
    ax.minorticks_off()
    return figure
