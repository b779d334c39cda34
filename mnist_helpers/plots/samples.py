"""Figures of the digits themselves: grids of images, the balance of the classes, padding beside resizing."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL.Image import Image
from torch import Tensor

from mnist_helpers.data import CLASSES, INK, Digits, Mnist
from mnist_helpers.plots.parts import WIDTH, bare, bars, legend, panels

DARK, LIGHT = "0.25", "0.72"  # greys: a colour means a model in this report, and there is none here


def show_images(
    images: Tensor, titles: Sequence[str] | None = None, *, columns: int = 10, width: float = WIDTH
) -> Figure:
    """A grid of images, ink dark on white, read row by row; an optional short title over each.

    images: [N, H, W] or [N, 1, H, W]; uint8 is drawn from 0 to 255, floats from their smallest to their largest
    value. columns: images a row; width: of the figure in inches. ValueError for another shape or count of titles.
    """
    if images.ndim == 4 and images.shape[1] == 1:
        images = images[:, 0]
    if images.ndim != 3 or not len(images):
        raise ValueError(f"expected images [N, H, W] or [N, 1, H, W] with N above 0, got {list(images.shape)}")
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} images: give one a title each, '' for none")
    images = images.detach().cpu()
    titles = [""] * len(images) if titles is None else titles
    low, high = (0, 255) if images.dtype == torch.uint8 else (images.min().item(), images.max().item())
    starts = range(0, len(images), columns)
    lines = sum(max(title.count("\n") + bool(title) for title in titles[k : k + columns]) for k in starts)
    size = (width, len(starts) * width / columns + 0.16 * lines)
    figure, grid = plt.subplots(len(starts), columns, figsize=size, squeeze=False, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.04, wspace=0.02, hspace=0.02)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, image, title in zip(grid.flat[: len(images)], images, titles, strict=True):
        axes.imshow(image, cmap="gray_r", vmin=low, vmax=high)
        axes.set_title(title, fontsize=8.5, loc="center", pad=2)
    return figure


def digits_per_class(digits: Digits, examples: int = 6) -> Figure:
    """A column a class, its label on top, and in it the first `examples` digits of that class in file order."""
    chosen = [digits.images[digits.labels == label][:examples] for label in range(CLASSES)]
    images = torch.stack(chosen, dim=1).flatten(0, 1)  # row by row: one example of every class
    titles = [str(label) for label in range(CLASSES)] + [""] * (len(images) - CLASSES)
    return show_images(images, titles, columns=CLASSES)


def class_balance(mnist: Mnist) -> Figure:
    """Bars: the share of each class among the training and the test digits, in %."""
    figure, (axes,) = panels(1, 1, 2.6, "class (the digit written)", "share of the split in %")
    shares = {
        f"{name}, {len(digits):,} digits": 100 * digits.labels.cpu().bincount(minlength=CLASSES) / len(digits)
        for name, digits in (("training", mnist.train), ("test", mnist.test))
    }
    bars(axes, shares, [{"color": DARK}, {"color": LIGHT}])
    axes.axhline(100 / CLASSES, color="black", linewidth=0.9, linestyle="--", label="equal shares")
    axes.set_xticks(range(CLASSES))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return figure


def resize_beside_padding(image: Tensor, padded: Tensor, resized: Tensor, row: int = 15) -> Figure:
    """One digit in three forms, pixel for pixel at the same scale, and the darkness along one row of the last two.

    image: uint8 [28, 28]; padded, resized: uint8 [32, 32]; row: of the 32, counted from the top, drawn as a profile.
    """
    figure = plt.figure(figsize=(WIDTH, 4.2), layout="constrained")
    panels = figure.subplot_mosaic([["image", "padded", "resized"], ["profile"] * 3], height_ratios=[1.25, 1])
    forms = {"image": (image, "original"), "padded": (padded, "padded"), "resized": (resized, "bilinear")}
    edges = torch.arange(padded.shape[-1] + 1) - 0.5
    for key, (pixels, name) in forms.items():
        axes, side = panels[key], len(pixels)
        axes.imshow(pixels, cmap="gray_r", vmin=0, vmax=255)
        axes.add_patch(plt.Rectangle((-0.5, -0.5), side, side, fill=False, color="0.5", linewidth=0.8))
        axes.set_title(f"{name}, {side} × {side}", loc="center")
        bare(axes)
        limits = (edges[[0, -1]] - (padded.shape[-1] - side) / 2).tolist()  # as many pixels for each: one scale
        axes.set(xlim=limits, ylim=limits[::-1], xticks=[0, side - 1], yticks=[0, side - 1])
        axes.tick_params(length=0)
        if key != "image":
            axes.axhline(row, color="black", linewidth=0.9, linestyle=":")
    axes = panels["profile"]
    axes.stairs(padded[row], edges, fill=True, color=LIGHT, label="padded")
    axes.stairs(resized[row], edges, color="black", linewidth=1.4, label="resized")
    axes.axhline(INK, color="black", linewidth=0.8, linestyle="--", label="half dark")
    axes.set(xlabel=f"column in pixels, along the dotted row {row}", ylabel="darkness, 0 to 255")
    axes.set(xlim=(-0.5, padded.shape[-1] - 0.5), ylim=(0, 265), yticks=(0, 64, 128, 192, 255))
    axes.legend(loc="upper left")
    return figure


def drawing(picture: Image, views: Mapping[str, Mapping]) -> Figure:
    """A drawing, and of each view of it what the networks see and say: bars of the ten probabilities.

    picture: a PIL image; views: as from draw.read_drawing.
    """
    several = max(len(view["answers"]) for view in views.values())
    size = (WIDTH, 2.1 + 0.35 * max(several - 2, 0))
    figure, axes = plt.subplots(1, 1 + 2 * len(views), figsize=size, width_ratios=[1.2] + [0.8, 1] * len(views))
    axes[0].imshow(picture, cmap="gray", vmin=0, vmax=255)
    axes[0].set_title("drawn", loc="center")
    for (kind, view), seen, answers in zip(views.items(), axes[1::2], axes[2::2], strict=True):
        seen.imshow(np.reshape(view["pixels"], (28, 28)), cmap="gray_r", vmin=0, vmax=255)
        seen.set_title(kind, loc="center")
        percent = {name: 100 * np.array(probabilities) for name, probabilities in view["answers"].items()}
        bars(answers, percent, horizontal=True)
        answers.set(xlim=(0, 100), xlabel="probability (%)", yticks=range(CLASSES), ylim=(CLASSES - 0.4, -0.6))
        answers.tick_params(axis="y", labelsize=6.5, pad=1, length=0)
        answers.grid(False)
    for ax in (axes[0], *axes[1::2]):
        bare(ax)
        ax.spines[:].set(visible=True, color="0.5", linewidth=0.8)
    legend(figure)
    return figure


def ink_width(images: Tensor) -> Tensor:
    """Mean width of the strokes along the rows, in pixels: ink pixels over the runs of neighbouring ink in a row.

    images: uint8 [N, H, W]; returns float64 [N], NaN where nothing is as dark as INK.
    """
    ink = images >= INK
    starts = ink.clone()
    starts[..., 1:] &= ~ink[..., :-1]
    return ink.sum((1, 2)).double() / starts.sum((1, 2))
