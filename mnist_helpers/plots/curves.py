"""Training seen epoch by epoch: loss, accuracy, and what flows through the layers."""

import re

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnist_helpers.plots import FURTHER_MARKERS, MARKERS, band, colour, interval, legend, named_rows, note, panels

Histories = list[list[dict]]
QUANTITIES = {"loss": "cross-entropy (nats)", "accuracy": "accuracy (%)"}
SPLITS = {"train": "training images", "test": "test images"}


def by_epoch(histories: Histories, key: str) -> dict[int, list[float]]:
    """{epoch: the value of each seed that has the epoch}, so a seed may have stopped early; accuracies in %."""
    values: dict[int, list[float]] = {}
    for row in (row for history in histories for row in history):
        values.setdefault(row["epoch"], []).append(row[key] * (100 if "accuracy" in key else 1))
    return dict(sorted(values.items()))


def training_curves(groups: dict[str, Histories], original: list[dict] | None = None, log_loss=False) -> Figure:
    """The four plots: loss and accuracy on training and test images; the mean over seeds in a band of all of them.

    groups: {network's name: one history a seed}, where seeds may have stopped at different epochs, see plots.band;
    original: the published curve, dotted.
    """
    figure, axes = panels(4, 2, 2.3, "epoch", sharex=True, sharey=False if log_loss else "row")
    keys = [(quantity, split) for quantity in QUANTITIES for split in SPLITS]
    for ax, (quantity, split) in zip(axes, keys, strict=True):
        key = f"{split}_{quantity}"
        for k, (name, histories) in enumerate(groups.items()):
            band(ax, by_epoch(histories, key), name, colour(name), k)
        if original:
            band(ax, by_epoch([original], key), "original report", colour("original"), ls=":", marker=".", ms=3, lw=1)
        ax.set_title(f"{quantity}, {SPLITS[split]}")
        if split == "train":
            ax.set_ylabel(QUANTITIES[quantity])
        if quantity == "loss" and log_loss:
            ax.set_yscale("log")
    legend(figure, axes[0])
    return figure


def overfitting(histories: Histories, name: str) -> Figure:
    """Training against test loss, and accuracy, with the epoch of the smallest mean test loss marked.

    Means are over the seeds that have the epoch, see plots.band, and the marked one is as from lowest_test_loss.
    """
    figure, axes = panels(2, 2, 2.9, "epoch")
    lowest = lowest_test_loss(histories)
    for ax, (quantity, label) in zip(axes, QUANTITIES.items(), strict=True):
        band(ax, by_epoch(histories, f"train_{quantity}"), "training", colour(name), 1)
        band(ax, by_epoch(histories, f"test_{quantity}"), "test", colour(name))
        ax.axvline(lowest, color="0.4", lw=0.8)
        ax.set_ylabel(label)
    legend(figure)
    whose = " of all seeds" if len(set(map(len, histories))) > 1 else ""  # the mean of fewer may be lower later
    place = (lowest, axes[0].get_ylim()[1])
    note(axes[0], f"lowest test loss{whose}:\nepoch {lowest}", place, (0, 4), ha="center", color="0.3")
    return figure


def lowest_test_loss(histories: Histories) -> int:
    """The epoch at which the test loss, averaged over the seeds, is smallest, of the epochs that every seed has.

    A mean over fewer seeds is of other networks: it can be lower only because a worse seed stopped.
    """
    losses = by_epoch(histories, "test_loss")
    common = [epoch for epoch, values in losses.items() if len(values) == len(histories)]
    return min(common, key=lambda epoch: np.mean(losses[epoch]))


def layer_signals(signals: dict[str, pd.DataFrame]) -> Figure:
    """Size of outputs and of gradients by layer, a sign an initialisation: on logarithmic axes a bar has no length."""
    figure, axes = panels(2, 2 if len(signals) <= 3 else 1, 2.7, "layer (inputs-outputs)")
    signs, step = [*MARKERS.values(), *FURTHER_MARKERS], 0.8 / len(signals)
    for ax, quantity in zip(axes, ("mean |output|", "gradient norm"), strict=True):
        for k, (name, frame) in enumerate(signals.items()):
            places = np.arange(len(frame)) + step * (k - (len(signals) - 1) / 2)
            ax.plot(places, frame[quantity], signs[k], color="0.25", mfc=("0.25", "white")[k % 2], ms=5, label=name)
            for x, y in zip(places, frame[quantity], strict=True):
                text = f"{y:,.0f}" if y >= 10 else re.sub("(.+)e-0*(.+)", r"$\1 \\times 10^{-\2}$", f"{y:.2g}")
                note(ax, text, (x, y), (0, 4), ha="center", va="bottom", fontsize=7.5, rotation=90 * (len(signals) > 2))
        ax.set(yscale="log", ylabel=quantity, xlim=(-0.5, len(frame) - 0.5))
        ax.set_xticks(range(len(frame)), frame["layer"])
        ax.grid(False)
        ax.margins(y=0.25 if len(signals) > 2 else 0.12)
    legend(figure, axes[1], most=2, loc="upper right", bbox_to_anchor=(1, 1.16), ncols=2)
    return figure


def ladder(steps: pd.DataFrame) -> Figure:
    """Test accuracy after each change: mean and 95 % interval over seeds. Columns: step, network, mean, low, high."""
    names = list(dict.fromkeys(steps["step"]))
    networks = list(dict.fromkeys(steps["network"]))
    figure, (ax,), places = named_rows(names, 0.3 + 0.08 * len(networks), grid="y")
    for row in steps.itertuples():
        y, below = places[names.index(row.step)], row.network != networks[0]  # two numbers may lie side by side
        interval(ax, row.mean, y, row.low, min(row.high, 100), row.network, ms=4, label=row.network)
        shift, side = (-6, "top") if below else (6, "bottom")
        note(ax, f"{row.mean:.2f} %", (row.mean, y), (0, shift), ha="center", va=side)
    if len(networks) > 1:
        legend(figure, ax)
    ax.set_xlabel("test accuracy (%)")
    return figure
