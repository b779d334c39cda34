"""DrawDigit: draw a digit in a notebook with mouse or finger, and see both networks answer."""

import base64
import io
from pathlib import Path

import anywidget
import numpy as np
import torch
import traitlets
from PIL import Image
from torch import Tensor

from mnist_helpers.digit.answers import probabilities
from mnist_helpers.digit.photo import DigitError, to_mnist
from mnist_helpers.plots import colour

NETWORKS = {"LeNet-5": "best-lenet5", "MLP": "best-mlp"}
PREFIX = "data:image/png;base64,"


class DrawDigit(anywidget.AnyWidget):
    """A drawing field for JupyterLab, Colab and VS Code; `answers` follows the drawing, see `read_drawing`."""

    _esm = Path(__file__).with_name("draw.js")
    _css = Path(__file__).with_name("draw.css")
    picture = traitlets.Unicode("", help="the drawing, a PNG as a data: address").tag(sync=True)
    colours = traitlets.Dict({name: colour(name) for name in NETWORKS}, help="a bar's, by network").tag(sync=True)
    answers = traitlets.Dict({}).tag(sync=True)

    @traitlets.observe("picture")
    def _answer(self, change: dict) -> None:
        address = change["new"]
        try:
            content = io.BytesIO(base64.b64decode(address.removeprefix(PREFIX)))
            self.answers = read_drawing(Image.open(content, formats=["PNG"])) if address else {}
        except (DigitError, ValueError, OSError) as error:
            self.answers = {"message": str(error)}


def read_drawing(picture: Image.Image) -> dict[str, dict]:
    """What both networks say of a drawing, "prepared" as MNIST's digits are, and "unprepared": only made smaller.

    {"prepared": {"pixels": [784 values 0 to 255], "answers": {network: [10 probabilities]}}, "unprepared": ...}
    DigitError where there is not one digit.
    """

    def view(image: Tensor) -> dict:
        answers = {name: probabilities(image, network) for name, network in NETWORKS.items()}
        return {"pixels": image.flatten().tolist(), "answers": answers}

    return {"prepared": view(to_mnist(picture)), "unprepared": view(only_smaller(picture))}


def only_smaller(picture: Image.Image) -> Tensor:
    """uint8 [28, 28]: dark ink on light paper as light on dark, without cropping or centring."""
    small = picture.convert("L").resize((28, 28), Image.Resampling.BOX)
    return 255 - torch.from_numpy(np.array(small))
