"""The drawing field's Python side; with the mouse in a browser it is in test_browser."""

import base64
import io

import pytest
from PIL import Image, ImageOps

from mnist_helpers import digit
from mnist_helpers.digit import draw


def corner(image) -> Image.Image:
    """A digit of a third of the paper's size in its upper left corner."""
    page = Image.new("L", (280, 280), 255)
    page.paste(ImageOps.invert(Image.fromarray(image.numpy())).resize((100, 100), Image.Resampling.BICUBIC), (8, 8))
    return page


def address(picture: Image.Image) -> str:
    content = io.BytesIO()
    picture.save(content, "png")
    return draw.PREFIX + base64.b64encode(content.getvalue()).decode()


def test_the_field_answers_a_drawing_an_empty_paper_and_a_cleared_one(mnist):
    field = draw.DrawDigit()
    field.picture = address(corner(mnist.test.images[0]))
    prepared = field.answers["prepared"]
    assert len(prepared["pixels"]) == 784 and set(prepared["answers"]) == {"LeNet-5", "MLP"}
    for probabilities in prepared["answers"].values():
        assert probabilities.index(max(probabilities)) == 7 and sum(probabilities) == pytest.approx(1, abs=1e-5)
    field.picture = address(Image.new("L", (280, 280), 255))
    assert "empty" in field.answers["message"]
    field.picture = ""
    assert field.answers == {}
    field.picture = draw.PREFIX + "bm8gcGljdHVyZQ=="
    assert "cannot identify image" in field.answers["message"]


def test_prepared_and_unprepared_are_the_two_views(mnist):
    page = corner(mnist.test.images[0])
    views = draw.read_drawing(page)
    assert views["prepared"]["pixels"] == digit.to_mnist(page).flatten().tolist()
    small = draw.only_smaller(page)
    assert views["unprepared"]["pixels"] == small.flatten().tolist()
    assert small[:12, :12].max() > 100 and small[14:].max() == 0  # still in its corner, ink light on dark


def test_the_package_offers_both_by_name():
    import mnist_helpers

    assert mnist_helpers.classify is digit.classify and mnist_helpers.DrawDigit is draw.DrawDigit
    with pytest.raises(AttributeError, match="no attribute 'clasify'"):
        _ = mnist_helpers.clasify
