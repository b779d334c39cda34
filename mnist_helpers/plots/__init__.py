"""One function a figure: takes results, returns a matplotlib Figure, never trains. Grouped by what they show.

Here is what they share: colours, panels, named rows, bands over seeds, intervals, bars side by side, legends.
"""

from collections.abc import Collection, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Colour-blind safe (Okabe and Ito 2008), different in grey too; one colour a model throughout the report.
# A model of your own: add its colour here; without one it has one of FURTHER. "" is what others published: grey.
COLOURS = {"LeNet-5": "#0072B2", "MLP": "#D55E00", "small MLP": "#009E73", "original": "#000000", "": "0.45"}
MARKERS = {"LeNet-5": "o", "MLP": "s", "small MLP": "^", "": "D"}
# Safe beside those, and darker or lighter than each other; as many markers as no multiple of them, for more pairs.
FURTHER = ("#CC79A7", "#332288", "#56B4E9", "#7A3B00", "#AA3377")
FURTHER_MARKERS = ("v", "P", "X", "<", ">", "p", "*")
LINES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1, 1, 1)))  # the second sign of a network, for grey prints
HATCHES = ("", "//", "..", "xx")
# Of a network, by another recipe: it has the network's colour, and a marker that differs in this.
VARIANTS = {"regularized": {"mfc": "white"}, "robust": {"mfc": "black", "marker": "D"}}
WIDTH = 6.3  # inches, the column of an A4 page
PAGE = 9.5  # inches, the tallest figure that it has room for

_turns: dict[str, int] = {}  # names without a colour or marker of their own, in order of first use in this process


def colour(name: str) -> str:
    """The network's colour: its own of COLOURS, else one of FURTHER, the same throughout the process."""
    return COLOURS.get(name) or FURTHER[_turns.setdefault(name, len(_turns)) % len(FURTHER)]


def marker(name: str) -> str:
    """The network's marker: its own of MARKERS, else one of FURTHER_MARKERS, the same throughout the process."""
    return MARKERS.get(name) or FURTHER_MARKERS[_turns.setdefault(name, len(_turns)) % len(FURTHER_MARKERS)]


def network_of(name: str) -> str:
    """The network's name without that of a variant: of "LeNet-5, robust" it is "LeNet-5"."""
    network, _, variant = name.rpartition(", ")
    return network if variant in VARIANTS else name


def panels(count: int, most: int, height: float, x="", y="", square=False, **options) -> tuple[Figure, list[Axes]]:
    """`count` axes in even rows of at most `most`, with the labels x and y on the outer ones alone.

    height: of a row in inches; where the axes are square, what a row has above and below them. Epochs are whole.
    """
    columns = _columns(count, most)
    rows = -(-count // columns)
    height += WIDTH / max(columns, 2) if square else 0
    figure, grid = plt.subplots(rows, columns, figsize=(WIDTH, rows * height), squeeze=False, **options)
    axes = list(grid.flat)
    for ax in axes[count:]:
        ax.remove()
    for ax in axes[max(0, count - columns) : count]:  # nothing is drawn below these
        ax.set_xlabel(x)
        ax.tick_params(labelbottom=True)
    for ax in grid[:, 0]:
        ax.set_ylabel(y)
    for ax in axes[:count] if x == "epoch" else ():
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    return figure, axes[:count]


def _columns(count: int, most: int) -> int:
    return -(-count // -(-count // most))


def named_rows(names: Collection[str], height: float, columns=1, grid="x") -> tuple[Figure, list[Axes], range]:
    """Axes side by side with a row a name, the first on top, `height` inches each; with the y of each row."""
    figure, axes = panels(columns, columns, 0.6 + height * len(names), sharey=True)
    places = range(len(names))[::-1]
    axes[0].set_yticks(places, list(names))
    for ax in axes:
        ax.set_ylim(-0.6, len(names) - 0.4)
        ax.grid(False)
        ax.grid(axis=grid)
    return figure, axes, places


def band(ax: Axes, values: Mapping[float, Sequence[float]], name: str, shade: str, index=0, **options) -> None:
    """The mean of the seeds as a line in a band that holds all of them; values: {x: one a seed}; index: of LINES.

    The mean and the band at an x are over the seeds that have a value there. Where one is the last of a seed, a
    stroke crosses the line: from there on the mean is over fewer, and a step in it need not be a change in any seed.
    """
    places, counts = list(values), [len(group) for group in values.values()]
    mean, low, high = (np.array([of(group) for group in values.values()]) for of in (np.mean, np.min, np.max))
    style = {"ls": LINES[index % len(LINES)], "marker": "o" if len(places) == 1 else ""}  # a line of one is none
    ax.plot(places, mean, color=shade, label=name, **style | options)
    if max(counts) > 1:
        ax.fill_between(places, low, high, fc=(shade, 0.2), ec=(shade, 0.6), lw=0.5)
    if last := [k for k in range(len(counts) - 1) if counts[k] > counts[k + 1]]:
        ax.plot(np.take(places, last), mean[last], color=shade, ls="", marker="|", ms=9)


def interval(ax: Axes, x, y, low, high, network: str, vertical: bool = False, **options) -> None:
    """A point, or several, of a network and the interval from low to high around x, or around y if vertical."""
    value = y if vertical else x
    reach = np.reshape([value - low, high - value], (2, -1))
    style = {"fmt": marker(network), "color": colour(network), "capsize": 3, "ms": 5} | options
    ax.errorbar(x, y, **{"yerr" if vertical else "xerr": reach}, **style)


def bars(ax: Axes, groups: Mapping[str, Sequence[float]], styles=None, horizontal=False) -> list[BarContainer]:
    """The groups' bars side by side about 0, 1, 2, ...; groups are networks in their colours if no styles are given."""
    draw, step, drawn = ax.barh if horizontal else ax.bar, 0.8 / len(groups), []
    for k, (name, values) in enumerate(groups.items()):
        places = np.arange(len(values)) + step * (k - (len(groups) - 1) / 2)
        own = {"color": colour(name), "hatch": HATCHES[k % len(HATCHES)], "edgecolor": "white", "lw": 0.3}
        drawn.append(draw(places, values, 0.94 * step, label=name, **(styles[k] if styles else own)))
    return drawn


def legend(figure: Figure, ax: Axes | None = None, most: int = 4, **options) -> None:
    """What the axes show, each name once: within ax if they are at most `most`, else above in even rows that fit."""
    shown = {name: sign for part in figure.axes for sign, name in zip(*part.get_legend_handles_labels(), strict=True)}
    signs, names = list(shown.values()), list(shown)
    if ax and len(names) <= most:
        ax.legend(signs, names, **options)
    else:
        fit = max(1, int(WIDTH / (0.5 + 0.07 * max(map(len, names)))))
        figure.legend(signs, names, loc="outside upper center", ncols=_columns(len(names), fit))


def note(ax: Axes, text: str, place: tuple[float, float], shift: tuple[float, float], **options) -> None:
    """A text `shift` points away from a place of the axes."""
    ax.annotate(text, place, shift, textcoords="offset points", **{"fontsize": 8.5} | options)


def bare(ax: Axes) -> None:
    """No ticks, no lines around, no grid; labels and title stay."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.grid(False)
