"""Every figure with one network and with many: none is left out, and none is laid over another."""

import io
import re
from importlib.resources import files
from itertools import combinations, pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.axis import Tick
from matplotlib.collections import Collection
from matplotlib.colors import to_hex, to_rgb
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


def sized(names):
    rows = [
        (name, 10 ** (3 + n), 10 ** (4 + n), (k + 1) * 4 / n, (k + 1) * 3.8 / n, (k + 1) * 4.3 / n)
        for k, name in enumerate(names)
        for n in (1, 2, 3)
    ]
    return pd.DataFrame(rows, columns=["network", "parameters", "macs", "error", "low", "high"])


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
    "by_size": lambda names: limits.by_size(sized(names)),
    "corruption_curves": lambda names: limits.corruption_curves(corrupted(names)),
    "shift_maps": lambda names: limits.shift_maps({name: shifted(k) for k, name in enumerate(names)}, STEPS),
    "reliability": lambda names: limits.reliability({name: bins_of(k) for k, name in enumerate(names)}),
    "coverage": lambda names: limits.coverage({name: curve(k) for k, name in enumerate(names)}),
    "agreement": lambda names: limits.agreement({f"{n} only": {"seed 42": 9, "seed 43": 12} for n in names}),
    "gains": lambda names: regularization.gains(
        {name: Gain(0.1 * k, 0.1 * k - 0.1, 0.1 * k + 0.1, 0.05) for k, name in enumerate(names)},
        {name: Gain(0.05, -0.02 * k, 0.2, 0.3) for k, name in enumerate(names)},
    ),
    "errors_by_epoch": lambda names: regularization.errors_by_epoch(histories_of(names)),
    "record": lambda names: regularization.record(recorded(names)),
    "ladder": lambda names: curves.ladder(
        pd.DataFrame(
            [(n, n, 98 + k / 5, 97.9 + k / 5, 98.1 + k / 5) for k, n in enumerate(names)],
            columns=["step", "network", "mean", "low", "high"],
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


@pytest.mark.parametrize("count", [1, 2, 4, 6])
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
    if name in ("layer_signals", "agreement", "gains", "weights", "classes", "evidence"):
        coloured = set()  # groups that are no networks, or panels
    elif name in ("corruption_curves", "shift_maps"):
        coloured = {plots.network_of(network) for network in names}
    elif name == "errors_by_epoch":
        coloured = set(names[3:])
    drawn = drawn_colours(figure)
    if name == "confusion_matrices":  # in grey, under titles in colours
        drawn = {to_hex(text.get_color()) for text in figure.findobj(Text)}
    assert {to_hex(plots.colour(network)) for network in coloured} <= drawn


@pytest.mark.parametrize("count", [1, 2, 4, 6, 8])
@pytest.mark.parametrize("name", ["class_errors", "draw_budget", "drawing", "agreement"])
def test_no_bar_lies_over_another(name, count):
    for ax in FIGURES[name](NAMES[:count]).axes:
        found = [bar for group in ax.containers if isinstance(group, BarContainer) for bar in group]
        if name == "class_errors":
            spans = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in found)
        else:
            spans = sorted((bar.get_y(), bar.get_y() + bar.get_height()) for bar in found)
        assert all(end <= start + 1e-9 for (_, end), (start, _) in pairwise(spans))


@pytest.mark.parametrize("count", [4, 8])
@pytest.mark.parametrize("name", [name for name in FIGURES if name not in ("evidence", "weights")])
def test_no_text_lies_over_another(name, count):
    """Titles, labels, names and numbers; the numbers along the axes are matplotlib's care. And all fits on a page."""
    figure = FIGURES[name](NAMES[:count])
    assert figure.get_size_inches()[1] < 10
    figure.canvas.draw()
    along = {label for tick in figure.findobj(Tick) for label in (tick.label1, tick.label2)}
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    for one, other in combinations([text for text in shown if text not in along], 2):
        assert not one.get_window_extent().overlaps(other.get_window_extent()), (one.get_text(), other.get_text())


def struck(figure):
    """The texts within the axes that a line or a marker crosses; a grid is no line."""
    figure.canvas.draw()
    found = []
    for ax in figure.axes:
        lines = [(line.get_transform().transform_path(line.get_path()), line) for line in ax.lines]
        strokes = [ax.transData.transform_path(path) for part in ax.collections for path in part.get_paths()]
        for text in ax.texts:
            box = text.get_window_extent()
            for path, line in lines:
                if line.get_linestyle() != "None":
                    strokes.append(path)
                reach = line.get_markersize() / 2 * figure.dpi / 72 if line.get_marker() not in ("None", "", "|") else 0
                near = box.padded(reach)
                if reach and any(near.contains(*place) for place in path.vertices):
                    found.append(text.get_text())
            if any(path.intersects_bbox(box, filled=False) for path in strokes):
                found.append(text.get_text())
    return found


@pytest.mark.parametrize("known", [99.05, 98.97, 98.95, 98.65, 98.0])
def test_no_line_crosses_a_number_of_the_accuracies(known):
    assert struck(comparison.accuracies(summaries(NAMES[:3]), known)) == []


@pytest.mark.parametrize("name", ["record", "ladder", "layer_signals"])
def test_no_line_or_marker_crosses_a_number(name):
    for count in (2, 4, 6):
        assert struck(FIGURES[name](NAMES[:count])) == []


def test_a_struck_number_is_found():
    figure, ax = plt.subplots()
    ax.text(0.5, 0.5, "0.5", ha="center")
    ax.text(0.2, 0.2, "0.2")
    ax.axvline(0.5)
    ax.plot([0.2], [0.2], "o")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    assert struck(figure) == ["0.5", "0.2"]


@pytest.mark.parametrize("count", [1, 6])
def test_all_texts_of_the_record_lie_within_its_axes(count):
    frame = recorded(NAMES[:count])
    frame[["error", "low", "high"]] *= 1.8  # 3.06 is beyond the last tick
    figure = regularization.record(frame.assign(name="784-300-100-10, distortions, LeCun 1998 (266,610)"))
    figure.canvas.draw()
    (ax,) = figure.axes
    frame = ax.get_window_extent()
    for text in ax.texts:
        box = text.get_window_extent()
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1, text.get_text()


@pytest.mark.parametrize("epochs", [1, 2, 3, 15])
def test_epochs_are_whole_numbers(epochs):
    """And where there is one, it is a point: a line of one shows nothing."""
    histories = [history(0, seed, epochs) for seed in range(3)]
    for figure in (
        curves.training_curves({"MLP": histories}),
        curves.training_curves({"MLP": histories}, history(2, 1, epochs), log_loss=True),
        curves.overfitting(histories, "MLP"),
        regularization.errors_by_epoch({"plain": histories}),
    ):
        figure.canvas.draw()
        for ax in figure.axes:
            low, high = ax.get_xlim()
            shown = [tick for tick in ax.get_xticks() if low <= tick <= high]
            assert shown and all(tick == round(tick) for tick in shown)
            assert epochs > 1 or ax.lines[0].get_marker() == "o"


def luminance(colour):
    red, green, blue = (((c + 0.055) / 1.055) ** 2.4 if c > 0.04045 else c / 12.92 for c in to_rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_sign_of_a_weight_is_seen_in_grey():
    """Each value of the map has a grey of its own, the ends the furthest apart; so +x is never the grey of -x."""
    shade = plt.get_cmap(features.SIGNED)
    greys = [luminance(shade(k)) for k in np.linspace(0, 1, 51)]
    assert all(lighter > darker for lighter, darker in pairwise(greys))
    lightness = [116 * grey ** (1 / 3) - 16 for grey in greys]
    assert lightness[0] - lightness[25] > 30 and lightness[25] - lightness[50] > 30


@pytest.mark.parametrize("name", ["weights", "evidence"])
def test_signed_pictures_have_a_scale_of_both_signs_and_no_hole(name):
    figure = FIGURES[name](NAMES[:6])
    figure.canvas.draw()
    signed = [ax.images[0] for ax in figure.axes if ax.images and ax.images[0].get_cmap().name == features.SIGNED]
    assert signed and all(picture.get_clim() == (-100, 100) for picture in signed)
    assert any(ax.get_ylim() == (-100, 100) and "%" in ax.get_ylabel() for ax in figure.axes)
    left = np.unique([round(ax.get_position().x0, 3) for ax in figure.axes if ax.images])
    assert np.diff(left).max() < 1.05 * np.diff(left).min()


def test_the_classes_have_large_digits_and_a_small_file():
    values = np.random.default_rng(0)
    labels = np.arange(2_000) % 10
    at = {name: {kind: values.normal(size=(2_000, 2)) + labels[:, None] for kind in ("PCA", "t-SNE")} for name in "ab"}
    figure = features.classes(at, labels, {name: np.arange(2_000) % 50 == 0 for name in at})
    figure.savefig(content := io.BytesIO(), format="svg")
    assert len(content.getvalue()) < 300_000
    for ax in figure.axes:
        assert [text.get_text() for text in ax.texts] == [str(label) for label in range(10)]
        assert min(text.get_fontsize() for text in ax.texts) >= 10


@pytest.mark.parametrize(
    "name", ["costs", "gains", "shift_maps", "layer_signals", "weights", "evidence", "errors_by_epoch"]
)
def test_numbers_are_written_as_in_print(name):
    """A minus is no hyphen, thousands have commas, powers of ten are written out."""
    figure = FIGURES[name](NAMES[:2])
    figure.canvas.draw()
    wrong = re.compile(r"(?<![\w{])-\d|\de[-+]?\d|\d{4}|\dk\b|\w'")
    assert [text for text in words(figure) if wrong.search(text)] == []


def test_small_and_large_signals_are_written_as_in_print():
    frame = pd.DataFrame({"layer": ["a", "b", "c"], "mean |output|": [3.3e-8, 0.0123, 411_612.4], "gradient norm": 1.0})
    texts = [text.get_text() for text in curves.layer_signals({"U(0, 1)": frame}).axes[0].texts]
    assert texts == [r"$3.3 \times 10^{-8}$", "0.012", "411,612"]


def test_agreement_says_how_many_it_can_show():
    patterns = {f"pattern {k}": {"seed 42": k} for k in range(2**6 - 1)}
    with pytest.raises(ValueError, match="63 patterns: the figure shows at most 31"):
        limits.agreement(patterns)
    assert limits.agreement(dict(list(patterns.items())[:31])).get_size_inches()[1] < 10


def test_networks_of_other_sizes_and_seeds_are_drawn_at_all_their_sizes():
    errors = {"LeNet-5": {100: [9, 8, 7], 60_000: [1]}, "MLP": {100: [10, 11], 1_000: [5, 6]}}
    (ax,) = limits.by_training_images(errors).axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["100", "1,000", "60,000"]
    assert ax.lines[0].get_ydata().tolist() == [8, 1]


@pytest.mark.parametrize("kinds", [["rotation"], ["rotation", "size", "noise", "blur"]])
def test_any_number_of_kinds_and_prices_has_its_panels(kinds):
    frame = corrupted(NAMES[:2])
    assert len(limits.corruption_curves(frame[frame["kind"].isin(kinds)]).axes) == len(kinds)
    columns = list(comparison.PRICES)[: len(kinds)]
    assert len(comparison.costs(prices(NAMES[:2], columns)).axes) == len(kinds)


def test_a_technique_that_was_only_left_out_is_drawn():
    gain = Gain(0.1, 0.05, 0.2, 0.01)
    axes = regularization.gains({"a": gain}, {"a": gain, "b": gain}).axes
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["a", "b"]
    assert [len(ax.containers) for ax in axes] == [1, 2]


def stopped():
    """Three seeds of an MLP: all have epochs 0 to 3, two of them 4 to 7, one 8 and 9; the longest is the worst."""
    return [history(2 - seed, 0, epochs) for seed, epochs in enumerate((10, 8, 4))]


def mean_of(histories, key, epoch):
    return np.mean([rows[epoch][key] for rows in histories if len(rows) > epoch])


def test_the_mean_is_over_the_seeds_that_have_the_epoch():
    values = curves.by_epoch(stopped(), "test_accuracy")
    assert [len(values[epoch]) for epoch in range(10)] == [3] * 4 + [2] * 4 + [1] * 2
    for ax, key in zip(
        curves.training_curves({"MLP": stopped()}).axes,
        ("train_loss", "test_loss", "train_accuracy", "test_accuracy"), strict=True,
    ):  # fmt: skip
        mean, strokes = ax.lines
        scale = 100 if "accuracy" in key else 1
        assert mean.get_ydata() == pytest.approx([scale * mean_of(stopped(), key, epoch) for epoch in range(10)])
        assert strokes.get_xdata().tolist() == [3, 7] and strokes.get_marker() == "|"
        assert not strokes.get_label().startswith("MLP")  # the legend has the network once


def test_a_band_holds_the_seeds_that_have_the_epoch():
    (ax, *_) = curves.training_curves({"MLP": stopped()}).axes
    (path,) = ax.collections[0].get_paths()
    at_five = sorted(y for x, y in path.vertices if x == 5)
    losses = sorted(rows[5]["train_loss"] for rows in stopped()[:2])
    assert at_five == pytest.approx(losses)


def test_errors_by_epoch_and_overfitting_draw_seeds_that_stopped_early():
    for ax, key in zip(
        regularization.errors_by_epoch({"plain": stopped()}).axes, ("train_accuracy", "test_accuracy"), strict=True
    ):
        expected = [100 - 100 * mean_of(stopped(), key, epoch) for epoch in range(10)]
        assert ax.lines[0].get_ydata() == pytest.approx(expected)
    left, right = curves.overfitting(stopped(), "MLP").axes
    assert len(left.lines[0].get_xdata()) == len(right.lines[0].get_xdata()) == 10
    assert [text.get_text() for text in left.figure.legends[0].get_texts()] == ["training", "test"]
    assert left.texts[0].get_text() == "lowest test loss of all seeds:\nepoch 3"


def test_the_lowest_test_loss_is_of_epochs_that_every_seed_has():
    """The best seed alone has epoch 5, and its loss there is the smallest of all: no mean of the three."""
    rows = [[{"epoch": k, "test_loss": loss} for k, loss in enumerate(losses)]
            for losses in ([3, 2, 1.5, 1.6, 0.5, 0.1], [4, 3, 2.5, 2.7], [5, 4, 3.5, 3.4])]  # fmt: skip
    assert curves.lowest_test_loss(rows) == 2
    assert curves.lowest_test_loss(rows[:1]) == 5


def test_unlisted_networks_have_colours_and_markers_of_their_own():
    names = [f"network {k}" for k in range(35)]
    signs = [(plots.colour(name), plots.marker(name)) for name in names]
    assert len(set(signs)) == 35
    five = {colour for colour, _ in signs[:5]}
    assert len(five) == 5 and not five & set(plots.COLOURS.values())
    assert signs == [(plots.colour(name), plots.marker(name)) for name in names]  # the same when asked again
    assert (plots.colour("MLP"), plots.marker("MLP")) == ("#D55E00", "s")


def test_colours_are_given_in_order_of_first_use():
    first, second = plots.marker("mine"), plots.colour("yours")
    assert (plots.colour("mine"), plots.colour("yours")) == (plots.FURTHER[0], plots.FURTHER[1]) == (
        plots.FURTHER[0], second
    )  # fmt: skip
    assert first == plots.FURTHER_MARKERS[0]


def test_published_networks_are_grey_and_take_no_colour():
    figure = regularization.record(recorded(["mine"]))
    assert to_hex("0.45") in drawn_colours(figure) and plots.colour("mine") == plots.FURTHER[0]


def test_further_colours_differ_in_grey_and_are_dark_enough_on_white():
    shades = sorted(116 * luminance(colour) ** (1 / 3) - 16 for colour in plots.FURTHER)
    assert all(darker + 8 < lighter for darker, lighter in pairwise(shades)) and shades[-1] < 72


def test_a_variant_has_the_colour_of_its_network_and_another_marker():
    frame = corrupted(["linear", "linear, regularized", "linear, robust", "linear, wide"])
    lines = limits.corruption_curves(frame).axes[0].lines
    assert [line.get_color() for line in lines] == [plots.colour("linear")] * 3 + [plots.colour("linear, wide")]
    assert len({line.get_markerfacecolor() for line in lines}) == 4


def test_a_figure_is_the_same_however_often_it_is_saved():
    """The notebook's PNG is saved after the PDF's SVG: neither may move what the other shows."""

    figure = features.feature_maps(torch.rand(32, 32), {"C1": torch.rand(6, 28, 28), "F6": torch.rand(84)}, "7")
    places = []
    for kind in ("svg", "png", "png"):
        figure.savefig(io.BytesIO(), format=kind)
        places.append([ax.get_position().bounds for ax in figure.axes])
    assert places[0] == places[1] == places[2]
