"""Corruptions: none changes nothing, the input is left alone, calls repeat, and each does what it says."""

from dataclasses import replace

import pytest
import torch

from mnist_helpers.analysis import corruptions
from mnist_helpers.analysis.corruptions import CORRUPTIONS
from mnist_helpers.data import Digits
from mnist_helpers.training import recipes


@pytest.fixture(scope="module")
def images(mnist):
    return mnist.test.images[:50]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_none_changes_nothing_and_any_strength_is_repeatable_and_leaves_the_input_alone(name, images):
    kind, before = CORRUPTIONS[name], images.clone()
    assert kind.strengths[0] == 0 and torch.equal(kind.apply(images, 0), images)
    assert kind.apply(images, 0) is not images
    for strength in kind.strengths[1:]:
        harder = kind.apply(images, strength)
        assert harder.dtype == torch.uint8 and harder.shape == images.shape
        assert torch.equal(harder, kind.apply(images, strength)) and not torch.equal(harder, images)
    assert torch.equal(images, before)


def test_shift_moves_by_whole_pixels(images):
    moved = corruptions.shift(images, right=3, down=-2)
    assert torch.equal(moved[:, :-2, 3:], images[:, 2:, :-3])
    assert not moved[:, -2:].any() and not moved[:, :, :3].any()
    assert torch.equal(corruptions.shift(images, 0, 0), images)


def test_a_quarter_turn_to_the_left(images):
    assert torch.equal(corruptions.rotate(images, 90), torch.rot90(images, 1, (1, 2)))
    there_and_back = corruptions.rotate(corruptions.rotate(images, 20), -20).double()
    assert (there_and_back - images).abs().mean() < 10 < (corruptions.rotate(images, 20).double() - images).abs().mean()


def test_shrinking_keeps_the_share_of_ink(images):
    small = corruptions.shrink(images, 0.5)
    share = small.double().sum((1, 2)) / images.double().sum((1, 2))
    assert (share - 0.25).abs().max() < 0.03  # sampled at every second pixel, bilinear: a few percent of the ink


def test_noise_has_its_deviation_where_nothing_is_cut():
    grey = torch.full((200, 28, 28), 128, dtype=torch.uint8)
    noisy = corruptions.gaussian_noise(grey, 0.12)
    assert noisy.double().std().item() == pytest.approx(0.12 * 255, rel=0.02)  # 156,800 draws


def test_blur_keeps_the_ink_and_contrast_the_mean():
    dot = torch.zeros(1, 28, 28, dtype=torch.uint8)
    dot[0, 14, 14] = 255
    blurred = corruptions.gaussian_blur(dot, 1)[0].double()
    assert blurred[14, 14].item() == pytest.approx(255 / (2 * torch.pi), abs=2)  # a Gaussian's height, one pixel wide
    faint = corruptions.lower_contrast(dot + 100, 0.5).double()
    assert faint.mean().item() == pytest.approx((dot + 100).double().mean().item(), abs=0.5)


def test_cover_blanks_a_square_of_its_side():
    ink = torch.full((300, 28, 28), 255, dtype=torch.uint8)
    covered = (corruptions.cover(ink, 6) == 0).sum((1, 2))
    assert (covered == 36).all()


class AnswersByPixel(torch.nn.Module):
    """Says 1 where the pixel in row 3, column 5 is lit, else 0."""

    def forward(self, x):
        return torch.stack([0.5 - x[:, 0, 3, 5], x[:, 0, 3, 5] - 0.5], 1)


def test_accuracies_and_shift_maps_of_a_network_that_reads_one_pixel():
    images = torch.zeros(4, 28, 28, dtype=torch.uint8)
    images[:2, 3, 5] = 255
    digits = Digits(images, torch.tensor([1, 1, 0, 0]))
    recipe = replace(recipes.MLP, normalise=False)
    networks = {"reader": [(AnswersByPixel(), recipe)] * 2}
    maps = corruptions.shift_maps(networks, digits, steps=(-2, 0, 2))
    assert maps["reader"].shape == (2, 3, 3) and maps["reader"][0, 1, 1] == 100
    assert (maps["reader"] == 50).sum() == 16  # moved anywhere else the pixel is dark, and "0" is said
    frame = corruptions.accuracies(networks, digits)
    frame = frame[frame["kind"] == "contrast"]
    assert len(frame) == 2 * len(CORRUPTIONS["contrast"].strengths)
    assert (frame[frame["strength"] == 0]["accuracy"] == 100).all()
    assert (frame[frame["strength"] == 0.95]["accuracy"] == 50).all()
