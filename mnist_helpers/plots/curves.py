"""Training seen epoch by epoch: loss, accuracy, and what flows through the layers."""

from __future__ import annotations

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnist_helpers.plots import COLOURS, LINES, colour

Histories = list[list[dict]]


def training_curves(groups: dict[str, Histories], original: list[dict] | None = None, log_loss=False) -> Figure:
    """The four plots: loss and accuracy on training and test images; the mean over seeds in a band of all of them.

    groups: {network's name, a key of COLOURS: one history a seed}; original: the published curve, dashed.
    """
    figure, axes = plt.subplots(2, 2, figsize=(6.3, 4.6), sharex=True, sharey=None if log_loss else "row")
    for row, quantity in enumerate(("loss", "accuracy")):
        for column, (split, title) in enumerate((("train", "training images"), ("test", "test images"))):
            ax = axes[row, column]
            for style, (name, histories) in zip(cycle(LINES), groups.items(), strict=False):
                draw_band(ax, histories, f"{split}_{quantity}", name, style)
            if original:
                x, y = zip(*((r["epoch"], r[f"{split}_{quantity}"]) for r in original), strict=True)
                ax.plot(
                    x,
                    _in_percent(y, quantity),
                    color=COLOURS["original"],
                    ls=":",
                    marker=".",
                    ms=3,
                    lw=1,
                    label="original report",
                )
            ax.set_title(f"{quantity}, {title}")
            if quantity == "loss" and log_loss:
                ax.set_yscale("log")
        axes[row, 0].set_ylabel("cross-entropy (nats)" if quantity == "loss" else "accuracy (%)")
    for ax in axes[1]:
        ax.set_xlabel("epoch")
    axes[0, 0].legend()
    return figure


def draw_band(ax: Axes, histories: Histories, key: str, name: str, style="-") -> None:
    """The mean over the seeds as a line, all seeds as a band; one seed as a line alone."""
    values = _in_percent([[row[key] for row in history] for history in histories], key)
    epochs = [row["epoch"] for row in histories[0]]
    ax.plot(epochs, values.mean(0), color=colour(name), ls=style, label=name)
    if len(values) > 1:
        ax.fill_between(epochs, values.min(0), values.max(0), color=colour(name), alpha=0.2, lw=0)


def _in_percent(values, key: str) -> np.ndarray:
    return np.asarray(values) * (100 if "accuracy" in key else 1)


def overfitting(histories: Histories, name: str) -> Figure:
    """Training against test loss, and test accuracy, with the epoch of the smallest mean test loss marked."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.3, 2.6))
    draw_band(left, histories, "train_loss", name, LINES[1])
    draw_band(left, histories, "test_loss", name)
    draw_band(right, histories, "train_accuracy", name, LINES[1])
    draw_band(right, histories, "test_accuracy", name)
    lowest = lowest_test_loss(histories)
    for ax, quantity in ((left, "cross-entropy (nats)"), (right, "accuracy (%)")):
        ax.axvline(lowest, color="0.4", lw=0.8)
        ax.set(xlabel="epoch", ylabel=quantity)
        ax.set_xticks(range(0, len(histories[0]), 2))
    for line, label in zip(left.lines, ("training", "test"), strict=False):
        line.set_label(label)
    left.legend(loc="center right")  # for both: on the right it would lie on a curve or on the line
    left.annotate(f"lowest test loss:\nepoch {lowest}", (lowest, left.get_ylim()[1]), (4, -2), va="top",
                  textcoords="offset points", fontsize=8.5, color="0.3")  # fmt: skip
    return figure


def lowest_test_loss(histories: Histories) -> int:
    """The epoch at which the test loss, averaged over the seeds, is smallest."""
    return int(np.argmin(np.mean([[row["test_loss"] for row in history] for history in histories], axis=0)))


def layer_signals(signals: dict[str, pd.DataFrame]) -> Figure:
    """Size of outputs and of gradients by layer, one group of bars an initialisation, on logarithmic axes."""
    figure, axes = plt.subplots(1, 2, figsize=(6.3, 2.7))
    colours = ("0.25", "0.65")
    for ax, quantity in zip(axes, ("mean |output|", "gradient norm"), strict=True):
        for index, (name, frame) in enumerate(signals.items()):
            x = np.arange(len(frame)) + 0.38 * (index - 0.5)
            bars = ax.bar(x, frame[quantity], 0.36, color=colours[index], label=name)
            ax.bar_label(
                bars,
                [f"{value:,.0f}" if value >= 10 else f"{value:.2g}" for value in frame[quantity]],
                fontsize=7.5,
                padding=1,
            )
        ax.set(yscale="log", ylabel=quantity, xlabel="layer (inputs-outputs)")
        ax.set_xticks(range(len(frame)), frame["layer"])
        ax.margins(y=0.12)
    axes[1].legend(loc="upper right", bbox_to_anchor=(1, 1.16), ncols=2)
    return figure


def ladder(steps: pd.DataFrame) -> Figure:
    """Test accuracy after each change: mean and 95 % interval over seeds. Columns: step, mean, low, high."""
    figure, ax = plt.subplots(figsize=(6.3, 2.5))
    y = np.arange(len(steps))[::-1]
    reach = [steps["mean"] - steps["low"], np.minimum(steps["high"], 100) - steps["mean"]]
    ax.errorbar(steps["mean"], y, xerr=reach, fmt="o", color=COLOURS["MLP"], capsize=3, ms=4)
    for position, mean in zip(y, steps["mean"], strict=True):
        ax.annotate(f"{mean:.2f} %", (mean, position), (0, 6), textcoords="offset points", ha="center", fontsize=8.5)
    ax.set_yticks(y, steps["step"])
    ax.set(xlabel="test accuracy after 15 epochs (%)", ylim=(-0.6, len(steps) - 0.3))
    ax.grid(axis="x")
    return figure
