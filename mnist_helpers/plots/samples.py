"""Figures of the digits themselves: grids of images, the balance of the classes, padding beside resizing."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL.Image import Image
from torch import Tensor

from mnist_helpers.data import CLASSES, INK, Digits, Mnist
from mnist_helpers.plots import WIDTH, bare, bars, legend, panels

DARK, LIGHT = "0.25", "0.72"  # greys: a colour means a model in this report, and there is none here


def show_images(images: Tensor, titles: Sequence[str] | None = None, columns: int = 10) -> Figure:
    """A grid of images, ink dark on white, read row by row; an optional short title over each.

    images: [N, H, W] or [N, 1, H, W]; uint8 is drawn from 0 to 255, floats from their smallest to their largest
    value. columns: images a row. ValueError for another count of titles.
    """
    images = images.detach().cpu().squeeze(1)
    titles = [""] * len(images) if titles is None else titles
    if len(titles) != len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} images: give one a title each, '' for none")
    low, high = (0, 255) if images.dtype == torch.uint8 else (images.min().item(), images.max().item())
    starts = range(0, len(images), columns)
    lines = sum(max(title.count("\n") + bool(title) for title in titles[k : k + columns]) for k in starts)
    size = (WIDTH, len(starts) * WIDTH / columns + 0.16 * lines)
    figure, grid = plt.subplots(len(starts), columns, figsize=size, squeeze=False, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.04, wspace=0.02, hspace=0.02)
    for ax in grid.flat:
        ax.set_axis_off()
    for ax, image, title in zip(grid.flat[: len(images)], images, titles, strict=True):
        ax.imshow(image, cmap="gray_r", vmin=low, vmax=high)
        ax.set_title(title, fontsize=8.5, loc="center", pad=2)
    return figure


def digits_per_class(digits: Digits, examples: int = 6) -> Figure:
    """A column a class, its label on top, and in it the first `examples` digits of that class in file order."""
    chosen = [digits.images[digits.labels == label][:examples] for label in range(CLASSES)]
    images = torch.stack(chosen, dim=1).flatten(0, 1)  # row by row: one example of every class
    titles = [str(label) for label in range(CLASSES)] + [""] * (len(images) - CLASSES)
    return show_images(images, titles, columns=CLASSES)


def class_balance(mnist: Mnist) -> Figure:
    """Bars: the share of each class among the training and the test digits, in %."""
    figure, (ax,) = panels(1, 1, 2.6, "class (the digit written)", "share of the split in %")
    shares = {}
    for name, digits in {"training": mnist.train, "test": mnist.test}.items():
        counts = digits.labels.cpu().bincount(minlength=CLASSES)
        shares[f"{name}, {len(digits):,} digits"] = 100 * counts / len(digits)
    bars(ax, shares, [{"color": DARK}, {"color": LIGHT}])
    ax.axhline(100 / CLASSES, color="black", lw=0.9, ls="--", label="equal shares")
    ax.set_xticks(range(CLASSES))
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return figure


def resize_beside_padding(image: Tensor, padded: Tensor, resized: Tensor, row: int = 15) -> Figure:
    """One digit in three forms, pixel for pixel at the same scale, and the darkness along one row of the last two.

    image: uint8 [28, 28]; padded, resized: uint8 [32, 32]; row: of the 32, counted from the top, drawn as a profile.
    """
    figure = plt.figure(figsize=(WIDTH, 4.2), layout="constrained")
    axes = figure.subplot_mosaic([["original", "padded", "bilinear"], ["profile"] * 3], height_ratios=[1.25, 1])
    edges = torch.arange(len(padded) + 1) - 0.5
    for name, pixels in {"original": image, "padded": padded, "bilinear": resized}.items():
        ax, side = axes[name], len(pixels)
        ax.imshow(pixels, cmap="gray_r", vmin=0, vmax=255)
        ax.add_patch(plt.Rectangle((-0.5, -0.5), side, side, fill=False, color="0.5", lw=0.8))
        bare(ax)
        limits = (edges[[0, -1]] - (len(padded) - side) / 2).tolist()  # as many pixels for each: one scale
        ax.set(xlim=limits, ylim=limits[::-1], xticks=[0, side - 1], yticks=[0, side - 1])
        ax.set_title(f"{name}, {side} × {side}", loc="center")
        ax.tick_params(length=0)
    for name in ("padded", "bilinear"):
        axes[name].axhline(row, color="black", lw=0.9, ls=":")
    ax = axes["profile"]
    ax.stairs(padded[row], edges, fill=True, color=LIGHT, label="padded")
    ax.stairs(resized[row], edges, color="black", lw=1.4, label="resized")
    ax.axhline(INK, color="black", lw=0.8, ls="--", label="half dark")
    ax.set(xlabel=f"column in pixels, along the dotted row {row}", ylabel="darkness, 0 to 255")
    ax.set(xlim=(-0.5, len(padded) - 0.5), ylim=(0, 265), yticks=(0, 64, 128, 192, 255))
    ax.legend(loc="upper left")
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
    runs = ink[..., :1].sum((1, 2)) + (ink[..., 1:] & ~ink[..., :-1]).sum((1, 2))
    return ink.sum((1, 2)).double() / runs
