"""The networks drawn to scale, and where their parameters and work sit. Every number is read from a derivation."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Polygon, Rectangle

from mnist_helpers.analysis.parameters import Derivation
from mnist_helpers.plots import COLOURS

SMALL = 8  # points: text inside a drawing
PER_UNIT = 4  # a vector's values that are as tall as one pixel of a map
STEP = 0.75  # pixels between one map of a stack and the next, across and up


def draw_kernel(size: int = 32, kernel: int = 5) -> Figure:
    """One kernel × kernel filter on a size × size input, its weights, and the one output pixel that they give."""
    colour, out, corner = COLOURS["LeNet-5"], size - kernel + 1, size // 5
    figure, axes = plt.subplots(1, 3, figsize=(6.3, 2.95), width_ratios=(size, 0.9 * out, out))
    for ax, n, text in zip(axes, (size, kernel, out), ("input", "filter", "feature map"), strict=True):
        _grid(ax, n, _tint(colour) if text == "filter" else "0.96")
        ax.set_title(f"{text}, {n} × {n}", loc="center", fontsize=9)
    axes[0].add_patch(Rectangle((corner, corner), kernel, kernel, facecolor=_tint(colour), edgecolor=colour, lw=1.5))
    axes[2].add_patch(Rectangle((corner, corner), 1, 1, facecolor=colour, edgecolor=colour, lw=1.5))
    for i in range(kernel**2):
        x, y = i % kernel + 0.5, i // kernel + 0.5
        axes[1].text(x, y, f"$w_{{{i + 1}}}$", ha="center", va="center", fontsize=SMALL)
    for y in (0, 1):
        _link(figure, axes[0], (corner + kernel, corner + kernel * y), axes[1], (0, kernel * y))
        _link(figure, axes[1], (kernel, kernel * y), axes[2], (corner, corner + y))
    notes = (
        f"the filter slides over\n{out} × {out} positions",
        f"{kernel} × {kernel} weights + 1 bias\n= {kernel**2 + 1} parameters",
        "pixel = sum of (weight × input)\n+ bias",
    )
    for ax, note in zip(axes, notes, strict=True):
        ax.set_xlabel(note, fontsize=SMALL)
    return figure


def draw_lenet5(derivation: Derivation) -> Figure:
    """A convolutional network: maps as stacks of squares to one scale, vectors as bars, PER_UNIT values a pixel."""
    colour, gap, x = COLOURS["LeNet-5"], 16, 0.0
    figure, ax = _canvas(1.95)
    for label, shape, below in _nodes(derivation):
        if below:
            ax.annotate("", (x - 2, 0), (x - gap + 2, 0), arrowprops={"arrowstyle": "->", "lw": 0.8})
            ax.text(x - gap / 2, -21, below, ha="center", va="top", fontsize=SMALL)
        width = _stack(ax, x, shape, colour) if shape[-1] > 1 and len(shape) == 3 else _bar(ax, x, shape[0], colour)
        size = " × ".join(str(n) for n in shape if n > 1 or label == "input")
        ax.text(x + width / 2, 21, f"{label}\n{size}", ha="center", va="bottom", fontsize=SMALL)
        x += width + gap
    ax.set_xlim(-4, x - gap + 6)
    ax.set_ylim(-32, 32)
    return figure


def draw_mlp(derivation: Derivation) -> Figure:
    """A multilayer perceptron: each vector as a bar to scale, between two of them every value with every value."""
    colour, x, gap, wide = COLOURS["MLP"], 0.0, 250, 24
    figure, ax = _canvas(2.6)
    first, shape = derivation.layers[0], " × ".join(map(str, derivation.input_shape))
    pixels = first.weights // first.activations
    ax.text(wide / 2, pixels / 2 + 20, f"input\n{shape} = {pixels}", ha="center", va="bottom", fontsize=SMALL)
    ax.add_patch(Rectangle((0, -pixels / 2), wide, pixels, facecolor="white", edgecolor=colour, zorder=2))
    for row in derivation.layers:
        inputs, outputs = row.weights // row.activations, row.activations
        x += wide
        corners = [(x, inputs / 2), (x + gap, outputs / 2), (x + gap, -outputs / 2), (x, -inputs / 2)]
        ax.add_patch(Polygon(corners, facecolor=_tint(colour), lw=0))
        formula, result = row.numbers.split(" = ")
        ax.text(x + gap / 2, -pixels / 2 - 15, f"{formula}\n= {result}", ha="center", va="top", fontsize=SMALL)
        x += gap
        ax.add_patch(Rectangle((x, -outputs / 2), wide, outputs, facecolor=colour, edgecolor="black", lw=0.5, zorder=2))
        ax.text(x + wide / 2, outputs / 2 + 20, f"{outputs}", ha="center", va="bottom", fontsize=SMALL)
    ax.set_xlim(-100, x + 2 * wide)
    ax.set_ylim(-pixels / 2 - 110, pixels / 2 + 120)
    return figure


def draw_budget(derivations: Mapping[str, Derivation]) -> Figure:
    """Each layer's share of the network's parameters and of its MACs, a panel a network; bars carry the counts."""
    figure, axes = plt.subplots(1, len(derivations), figsize=(6.3, 2.9), sharex=True, squeeze=False)
    for ax, (name, derivation) in zip(axes[0], derivations.items(), strict=True):
        colour, layers = COLOURS[name], derivation.layers
        styles = (
            ("parameters", "parameters", derivation.total, colour, ""),
            ("macs", "MACs", derivation.macs, "white", "/////"),
        )
        for k, (key, label, total, face, hatch) in enumerate(styles):
            counts = [getattr(row, key) for row in layers]
            places = [i + 0.38 * k for i in range(len(layers))]
            bars = ax.barh(
                places, [100 * n / total for n in counts], 0.36, label=label, color=face, edgecolor=colour, hatch=hatch
            )
            ax.bar_label(bars, [f"{n:,}" for n in counts], padding=3, fontsize=SMALL)
        ax.set_yticks([i + 0.19 for i in range(len(layers))], [row.label for row in layers])
        ax.invert_yaxis()
        ax.grid(False)
        ax.tick_params(axis="y", length=0)
        ax.set_title(f"{name}\n{derivation.total:,} parameters, {derivation.macs:,} MACs", fontsize=SMALL + 1)
        ax.set_xlabel("share of the network (%)")
    axes[0, 0].set_xlim(0, 119)
    axes[0, 0].set_xticks(range(0, 101, 25))
    axes[0, -1].legend(loc="lower right")
    return figure


def _nodes(derivation: Derivation) -> list[tuple[str, tuple[int, ...], str]]:
    """What is drawn of a network: label, shape, and what leads to it; activations and flattening are left out."""
    nodes = [("input", derivation.input_shape, "")]
    for row in derivation.rows:
        if row.parameters or row.kind.endswith("Pool2d"):
            nodes.append((row.label, row.output_shape, f"{row.kind}\n{row.parameters:,}"))
    return nodes


def _stack(ax: Axes, x: float, shape: tuple[int, ...], colour: str) -> float:
    """Draw [C, H, W] maps behind one another from x on, centred on 0; their width comes back."""
    count, height, width = shape
    for k in reversed(range(count)):
        at = (x + STEP * k, -height / 2 + STEP * (k - (count - 1) / 2))
        ax.add_patch(Rectangle(at, width, height, facecolor=_tint(colour), edgecolor=colour, lw=0.6))
    return width + STEP * (count - 1)


def _bar(ax: Axes, x: float, values: int, colour: str) -> float:
    height = values / PER_UNIT
    ax.add_patch(Rectangle((x, -height / 2), 3, height, facecolor=colour, edgecolor="black", lw=0.5))
    return 3


def _canvas(height: float) -> tuple[Figure, Axes]:
    """An empty drawing as wide as a column, height in inches."""
    figure, ax = plt.subplots(figsize=(6.3, height))
    ax.set_axis_off()
    return figure, ax


def _grid(ax: Axes, n: int, face) -> None:
    """n × n empty pixels, the first one at the top left."""
    ax.add_patch(Rectangle((0, 0), n, n, facecolor=face, edgecolor="0.4", lw=0.8))
    ax.hlines(range(1, n), 0, n, color="0.75", lw=0.4)
    ax.vlines(range(1, n), 0, n, color="0.75", lw=0.4)
    ax.set(xlim=(-0.02 * n, 1.02 * n), ylim=(1.02 * n, -0.02 * n), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.grid(False)


def _link(figure: Figure, first: Axes, start: tuple[float, float], second: Axes, end: tuple[float, float]) -> None:
    line = ConnectionPatch(start, end, "data", "data", axesA=first, axesB=second, color="0.4", lw=0.7, ls="--")
    line.set_in_layout(False)
    figure.add_artist(line)


def _tint(colour: str, strength: float = 0.3) -> tuple[float, ...]:
    """The colour on white paper, so that what lies behind does not shine through."""
    return tuple(1 - strength * (1 - part) for part in to_rgb(colour))
