"""The networks drawn to scale, and where their parameters and work sit. Every number is read from a derivation."""

from collections.abc import Mapping
from math import prod

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Polygon, Rectangle

from mnist_helpers.analysis.parameters import Derivation
from mnist_helpers.plots import COLOURS, PAGE, WIDTH, bare, bars, colour, legend, panels

SMALL = 8  # points: text inside a drawing
CENTRED = {"ha": "center", "fontsize": SMALL}
PER_UNIT = 4  # a vector's values that are as tall as one pixel of a map
STEP = 0.75  # pixels between one map of a stack and the next, across and up


def draw_kernel(size: int = 32, kernel: int = 5) -> Figure:
    """One kernel × kernel filter on a size × size input, its weights, and the one output pixel that they give."""
    shade, out, corner = COLOURS["LeNet-5"], size - kernel + 1, size // 5
    forms = (
        ("input", size, f"the filter slides over\n{out} × {out} positions"),
        ("filter", kernel, f"{kernel} × {kernel} weights + 1 bias\n= {kernel**2 + 1} parameters"),
        ("feature map", out, "pixel = sum of (weight × input)\n+ bias"),
    )
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 2.95), width_ratios=(size, 0.9 * out, out))
    for ax, (name, n, note) in zip(axes, forms, strict=True):
        ax.add_patch(Rectangle((0, 0), n, n, fc=_tint(shade) if name == "filter" else "0.96", ec="0.4", lw=0.8))
        ax.hlines(range(1, n), 0, n, color="0.75", lw=0.4)
        ax.vlines(range(1, n), 0, n, color="0.75", lw=0.4)
        ax.set(xlim=(-0.02 * n, 1.02 * n), ylim=(1.02 * n, -0.02 * n), aspect="equal")
        bare(ax)
        ax.set_title(f"{name}, {n} × {n}", loc="center", fontsize=9)
        ax.set_xlabel(note, fontsize=SMALL)
    axes[0].add_patch(Rectangle((corner, corner), kernel, kernel, facecolor=_tint(shade), edgecolor=shade, lw=1.5))
    axes[2].add_patch(Rectangle((corner, corner), 1, 1, facecolor=shade, edgecolor=shade, lw=1.5))
    for i in range(kernel**2):
        axes[1].text(i % kernel + 0.5, i // kernel + 0.5, f"$w_{{{i + 1}}}$", va="center", **CENTRED)
    for y in (0, 1):
        for k, start, end in (
            (0, (corner + kernel, corner + kernel * y), (0, kernel * y)),
            (1, (kernel, kernel * y), (corner, corner + y)),
        ):
            ends = {"axesA": axes[k], "axesB": axes[k + 1], "in_layout": False}
            figure.add_artist(ConnectionPatch(start, end, "data", color="0.4", lw=0.7, ls="--", **ends))
    return figure


def draw_lenet5(derivation: Derivation) -> Figure:
    """A convolutional network: maps as stacks of squares to one scale, vectors as bars, PER_UNIT values a pixel.

    Activations and flattening are left out.
    """
    gap, x, shade = 16, 0.0, COLOURS["LeNet-5"]
    figure, (ax,) = panels(1, 1, 1.95)
    rows = [row for row in derivation.rows if row.parameters or row.kind.endswith("Pool2d")]
    nodes = [(row.label, row.output_shape, f"{row.kind}\n{row.parameters:,}") for row in rows]
    for label, shape, below in [("input", derivation.input_shape, ""), *nodes]:
        if below:
            ax.annotate("", (x - 2, 0), (x - gap + 2, 0), arrowprops={"arrowstyle": "->", "lw": 0.8})
            ax.text(x - gap / 2, -21, below, va="top", **CENTRED)
        vector = len(shape) < 3 or shape[-1] == 1
        count, height, width = (1, shape[0] / PER_UNIT, 3) if vector else shape
        colours = (shade, "black") if vector else (_tint(shade), shade)
        for k in range(count)[::-1]:  # maps lie behind one another
            _box(ax, x + STEP * k, width, height, *colours, STEP * (k - (count - 1) / 2))
        width += STEP * (count - 1)
        size = " × ".join(str(n) for n in shape if n > 1 or label == "input")
        ax.text(x + width / 2, 21, f"{label}\n{size}", va="bottom", **CENTRED)
        x += width + gap
    ax.set(xlim=(-4, x - gap + 6), ylim=(-32, 32))
    ax.set_axis_off()
    return figure


def draw_mlp(derivation: Derivation) -> Figure:
    """A multilayer perceptron: each vector as a bar to scale, between two of them every value with every value."""
    shade, x, gap, wide = COLOURS["MLP"], 0.0, 250, 24
    figure, (ax,) = panels(1, 1, 2.6)
    inputs = pixels = prod(derivation.input_shape)
    shape = " × ".join(map(str, derivation.input_shape))
    ax.text(wide / 2, pixels / 2 + 20, f"input\n{shape} = {pixels}", va="bottom", **CENTRED)
    _box(ax, x, wide, pixels, "white", shade)
    for row in derivation.layers:
        outputs, x = row.activations, x + wide
        corners = [(x, inputs / 2), (x + gap, outputs / 2), (x + gap, -outputs / 2), (x, -inputs / 2)]
        ax.add_patch(Polygon(corners, facecolor=_tint(shade), lw=0))
        ax.text(x + gap / 2, -pixels / 2 - 15, row.numbers.replace(" = ", "\n= "), va="top", **CENTRED)
        inputs, x = outputs, x + gap
        _box(ax, x, wide, outputs, shade)
        ax.text(x + wide / 2, outputs / 2 + 20, f"{outputs}", va="bottom", **CENTRED)
    ax.set(xlim=(-100, x + 2 * wide), ylim=(-pixels / 2 - 110, pixels / 2 + 120))
    ax.set_axis_off()
    return figure


def draw_budget(derivations: Mapping[str, Derivation]) -> Figure:
    """Each layer's share of the network's parameters and of its MACs, a panel a network; bars carry the counts."""
    height = min(2.9, PAGE / -(-len(derivations) // 2))  # inches a row of two
    figure, axes = panels(len(derivations), 2, height, "share of the network (%)", sharex=True)
    for ax, (name, derivation) in zip(axes, derivations.items(), strict=True):
        counts = [[getattr(row, key) for row in derivation.layers] for key in ("parameters", "macs")]
        shares = [100 * np.array(values) / sum(values) for values in counts]
        filled = {"color": colour(name), "edgecolor": colour(name)}
        styles = [filled, filled | {"color": "white", "hatch": "/////"}]
        drawn = bars(ax, dict(zip(("parameters", "MACs"), shares, strict=True)), styles, horizontal=True)
        for part, values in zip(drawn, counts, strict=True):
            ax.bar_label(part, [f"{n:,}" for n in values], padding=3, fontsize=SMALL)
        ax.set_yticks(range(len(derivation.layers)), [row.label for row in derivation.layers])
        ax.invert_yaxis()
        ax.grid(False)
        ax.tick_params(axis="y", length=0)
        ax.set_title(f"{name}\n{derivation.total:,} parameters, {derivation.macs:,} MACs", fontsize=SMALL + 1)
    axes[0].set(xlim=(0, 119), xticks=range(0, 101, 25))
    legend(figure)
    return figure


def _box(ax: Axes, x: float, width: float, height: float, face, edge="black", y: float = 0) -> None:
    """A rectangle from x on, its middle at the height y."""
    ax.add_patch(Rectangle((x, y - height / 2), width, height, facecolor=face, edgecolor=edge, lw=0.6, zorder=2))


def _tint(colour: str, strength: float = 0.3) -> tuple[float, ...]:
    """The colour on white paper, so that what lies behind does not shine through."""
    return tuple(1 - strength * (1 - part) for part in to_rgb(colour))
