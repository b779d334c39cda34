"""Every figure with one network and with many: none is left out, and none is laid over another."""

import re
from importlib.resources import files
from itertools import combinations, pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from PIL import Image

from mnist_helpers import plots
from mnist_helpers.analysis.corruptions import CORRUPTIONS
from mnist_helpers.analysis.parameters import derive
from mnist_helpers.analysis.statistics import Gain, summarise
from mnist_helpers.data import Digits, Mnist
from mnist_helpers.plots import architecture, comparison, curves, features, limits, regularization, samples
from mnist_helpers.training import models

NAMES = ("LeNet-5", "MLP", "small MLP", "linear", "wide LeNet-5", "deep MLP", "small MLP, regularized", "ensemble")
STEPS = range(-8, 9, 2)
SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 60_000)


def history(network, seed, epochs=15):
    """Made up: falling losses and rising accuracies, each network and seed a little different."""
    rows = []
    for epoch in range(epochs):
        error = (0.02 + 0.006 * network) * (1 + 0.05 * seed) + 0.2 * np.exp(-epoch / 2)
        train, overfitted = error * np.exp(-epoch / 6), 1 + 0.004 * epoch**2
        rows.append(
            {"epoch": epoch, "train_loss": 3 * train, "test_loss": 3 * error * overfitted}
            | {"train_accuracy": 1 - train, "test_accuracy": 1 - error}
        )
    return rows


def summaries(names, best=0.99):
    return {name: summarise([best - 0.003 * k - 0.0005 * seed for seed in range(3)]) for k, name in enumerate(names)}


def images(count, side=28):
    place = torch.arange(side) - side / 2
    circle = (place[:, None] ** 2 + place**2).sqrt()
    return torch.stack([(255 * torch.exp(-((circle - 4 - k % 5) ** 2) / 6)).byte() for k in range(count)])


def histories_of(names):
    return {name: [history(k, seed) for seed in range(3)] for k, name in enumerate(names)}


def corrupted(names):
    rows = [
        (name, seed, kind, strength, 98 - k - seed - 80 * i / 6)
        for k, name in enumerate(names)
        for kind, corruption in CORRUPTIONS.items()
        for i, strength in enumerate(corruption.strengths)
        for seed in range(3)
    ]
    return pd.DataFrame(rows, columns=["network", "member", "kind", "strength", "accuracy"])


def prices(names, columns):
    rows = [
        {"network": name, "accuracy": 99 - 0.3 * k, "low": 98.9 - 0.3 * k, "high": 99.05 - 0.3 * k}
        | {column: 61_706 * (1 + k) / (1 + j) ** 3 for j, column in enumerate(columns)}
        for k, name in enumerate(names)
    ]
    return pd.DataFrame(rows)


def shifted(k):
    far = np.hypot(*np.meshgrid(STEPS, STEPS))
    return np.stack([np.clip(99 - (0.5 + 0.1 * k) * far**2, 5, 100)] * 2)


def curve(k):
    answered = np.arange(1, 1_001) / 1_000
    return answered, 1 - (0.01 + 0.004 * k) * answered**6


def confused(k):
    matrix = np.diag(np.full(10, 980))
    matrix[np.arange(10), (np.arange(10) * 3 + 1) % 10] += np.arange(10) + 2 * k
    return matrix


def bins_of(k):
    confidence = (np.arange(15) + 0.5) / 15
    return np.arange(15.0) ** 3 / (np.arange(15.0) ** 3).sum(), confidence ** (1 + 0.1 * k), confidence


def recorded(names):
    ours = [
        (f"{name}, this report", name, 0.4 + 0.1 * k, 0.38 + 0.1 * k, 0.45 + 0.1 * k) for k, name in enumerate(names)
    ]
    rows = [("LeNet-1 (2,600)", "", 1.7, np.nan, np.nan), ("LeNet-5 (60,000)", "", 0.95, np.nan, np.nan), *ours]
    return pd.DataFrame(rows, columns=["name", "network", "error", "low", "high"])


def views_of(names):
    answers = {name: np.eye(10)[k % 10] * 0.6 + 0.04 for k, name in enumerate(names)}
    return {kind: {"pixels": images(1).flatten().tolist(), "answers": answers} for kind in ("prepared", "unprepared")}


def layouts(names):
    at = np.random.default_rng(0).normal(size=(300, 2)) + np.arange(300)[:, None] % 10 * [1, 2]
    return {name: {"PCA": at + k, "t-SNE": at[:, ::-1]} for k, name in enumerate(names)}


def derivations(names):
    shapes = {"LeNet-5": (models.LeNet5(), (1, 32, 32)), "linear": (models.MLP(()), (1, 28, 28))}
    return {name: derive(*shapes.get(name, (models.MLP(), (1, 28, 28)))) for name in names}


def signals_of(names):
    frame = pd.DataFrame({"layer": ["784-256", "256-128", "128-10"], "mean |output|": [0.4, 21.0, 1234.0],
                          "gradient norm": [0.02, 3.0, 4567.0]})  # fmt: skip
    return {name: frame.assign(**{"gradient norm": frame["gradient norm"] * (k + 1)}) for k, name in enumerate(names)}


# what each figure of several networks, or of several groups, is called with
FIGURES = {
    "training_curves": lambda names: curves.training_curves(histories_of(names)),
    "layer_signals": lambda names: curves.layer_signals(signals_of(names)),
    "accuracies": lambda names: comparison.accuracies(summaries(names), 99.05),
    "confusion_matrices": lambda names: comparison.confusion_matrices({n: confused(k) for k, n in enumerate(names)}),
    "class_errors": lambda names: comparison.class_errors(
        pd.DataFrame({name: np.arange(10) / 9 + 0.3 * (k + 1) for k, name in enumerate(names)})
    ),
    "costs": lambda names: comparison.costs(prices(names, list(comparison.PRICES))),
    "three costs": lambda names: comparison.costs(prices(names, ["parameters", "macs", "seconds"])),
    "pixel_orders": lambda names: limits.pixel_orders(summaries(names), summaries(names[::-1], 0.97)),
    "by_training_images": lambda names: limits.by_training_images(
        {
            n: {size: [(9 + k + seed) * (100 / size) ** 0.4 for seed in range(3)] for size in SIZES}
            for k, n in enumerate(names)
        }
    ),
    "corruption_curves": lambda names: limits.corruption_curves(corrupted(names)),
    "shift_maps": lambda names: limits.shift_maps({name: shifted(k) for k, name in enumerate(names)}, STEPS),
    "reliability": lambda names: limits.reliability({name: bins_of(k) for k, name in enumerate(names)}),
    "coverage": lambda names: limits.coverage({name: curve(k) for k, name in enumerate(names)}),
    "agreement": lambda names: limits.agreement({f"{n} only": {"seed 42": 9, "seed 43": 12} for n in names}),
    "gains": lambda names: regularization.gains(
        {name: Gain(0.1 * k, 0.1 * k - 0.1, 0.1 * k + 0.1) for k, name in enumerate(names)},
        {name: Gain(0.05, -0.02 * k, 0.2) for k, name in enumerate(names)},
    ),
    "errors_by_epoch": lambda names: regularization.errors_by_epoch(histories_of(names)),
    "record": lambda names: regularization.record(recorded(names)),
    "ladder": lambda names: curves.ladder(
        pd.DataFrame(
            [(n, 98 + k / 5, 97.9 + k / 5, 98.1 + k / 5) for k, n in enumerate(names)],
            columns=["step", "mean", "low", "high"],
        )
    ),
    "draw_budget": lambda names: architecture.draw_budget(derivations(names)),
    "drawing": lambda names: samples.drawing(Image.new("L", (280, 280), 255), views_of(names)),
    "weights": lambda names: features.weights({name: torch.randn(9, 5, 5) for name in names}, columns=9),
    "classes": lambda names: features.classes(
        layouts(names), np.arange(300) % 10, {name: np.arange(300) % 60 == 0 for name in names}
    ),
    "evidence": lambda names: features.evidence(
        images(len(names)).float(),
        [f"{name}\nsays {k}" for k, name in enumerate(names)],
        {kind: images(len(names)).float() / 255 - shift for kind, shift in (("occlusion", 0.5), ("saliency", 0.0))},
    ),
}
# the figures of one network or of images
OTHERS = {
    "original": lambda: curves.training_curves(histories_of(["MLP"]), history(2, 1), log_loss=True),
    "overfitting": lambda: curves.overfitting(histories_of(["MLP"])["MLP"], "MLP"),
    "draw_kernel": lambda: architecture.draw_kernel(),
    "draw_lenet5": lambda: architecture.draw_lenet5(derive(models.LeNet5(), (1, 32, 32))),
    "draw_mlp": lambda: architecture.draw_mlp(derive(models.MLP(), (1, 28, 28))),
    "feature_maps": lambda: features.feature_maps(
        images(1, 32)[0],
        {
            "C1, ReLU": images(6),
            "S2": images(6, 14),
            "C3": images(16, 10),
            "S4": images(16, 5),
            "C5": torch.rand(120),
            "output": torch.rand(10),
        },
        "3",
    ),
    "show_images": lambda: samples.show_images(images(22), [f"{k}: 3\n99 %" for k in range(22)]),
    "digits_per_class": lambda: samples.digits_per_class(Digits(images(100), torch.arange(100) % 10)),
    "class_balance": lambda: samples.class_balance(
        Mnist(Digits(images(90), torch.arange(90) % 10), Digits(images(45), torch.arange(45) % 10))
    ),
    "resize_beside_padding": lambda: samples.resize_beside_padding(images(1)[0], images(1, 32)[0], images(2, 32)[1]),
}


@pytest.fixture(autouse=True)
def style(monkeypatch):
    """The report's look, and no name has a colour yet but the listed ones."""
    monkeypatch.setattr(plots, "_turns", {})
    with plt.style.context(str(files("mnist_helpers.plots") / "style.mplstyle")):
        yield
    plt.close("all")


def words(figure):
    """Every text of the figure, in one line each."""
    return [text.get_text().replace("\n", " ") for text in figure.findobj(Text) if text.get_visible()]


def drawn_colours(figure):
    lines = [line.get_color() for line in figure.findobj(Line2D)]
    faces = [face for part in figure.findobj(Collection) for face in (*part.get_facecolor(), *part.get_edgecolor())]
    return {to_hex(value) for value in [*lines, *faces, *(part.get_facecolor() for part in figure.findobj(Patch))]}


@pytest.mark.parametrize("count", [1, 2, 4, 6, 8])
@pytest.mark.parametrize("name", FIGURES)
def test_every_network_is_in_every_figure(name, count):
    """By its name, and where networks have colours by its own."""
    names = NAMES[:count]
    figure = FIGURES[name](names)
    shown = words(figure)
    for network in names:
        begins = re.compile(rf"{re.escape(network)}(?!\w| MLP)")
        assert any(begins.match(text) for text in shown), network
    coloured = set(names)
    if name in ("layer_signals", "agreement", "gains", "ladder", "weights", "classes", "evidence"):
        coloured = set()  # groups that are no networks, or panels
    elif name in ("corruption_curves", "shift_maps"):
        coloured = {network.removesuffix(plots.REGULARIZED) for network in names}
    elif name == "errors_by_epoch":
        coloured = set(names[3:])
    assert {plots.colour(network).lower() for network in coloured} <= drawn_colours(figure)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("name", ["class_errors", "layer_signals", "draw_budget", "drawing", "agreement"])
def test_no_bar_lies_over_another(name, count):
    for ax in FIGURES[name](NAMES[:count]).axes:
        upright = name in ("class_errors", "layer_signals")
        spans = [
            (bar.get_x(), bar.get_x() + bar.get_width()) if upright else (bar.get_y(), bar.get_y() + bar.get_height())
            for container in ax.containers if isinstance(container, BarContainer) for bar in container
        ]  # fmt: skip
        spans.sort()
        assert all(end <= start + 1e-9 for (_, end), (start, _) in pairwise(spans))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("name", [name for name in FIGURES if name != "evidence"])
def test_no_text_lies_over_another(name, count):
    """Titles, labels, names and numbers; the numbers along the axes are matplotlib's care."""
    figure = FIGURES[name](NAMES[:count])
    figure.canvas.draw()
    along = {label for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for label in axis.get_ticklabels("both")}
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    for one, other in combinations([text for text in shown if text not in along], 2):
        assert not one.get_window_extent().overlaps(other.get_window_extent()), (one.get_text(), other.get_text())


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_fits_on_a_page(name, count):
    width, height = FIGURES[name](NAMES[:count]).get_size_inches()
    assert width == 6.3 and height < 10
