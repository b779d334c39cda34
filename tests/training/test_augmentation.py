"""Augmentation: the whole-batch way equals the plain one, distorts as far as it says, and training images only."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from mnist_helpers import data, training
from mnist_helpers.training import augmentation, loop, models, recipes
from mnist_helpers.training.augmentation import COARSE, NONE, Augmentation, augment

STRONG = Augmentation(shift=2, rotation=20, scale=0.2, shear=0.2, elastic=1.0)


@pytest.fixture(scope="module")
def inputs(mnist):
    return data.prepare(mnist.train.images[:64], recipes.LENET5)


def plain(inputs, how: Augmentation):
    """The same draws, image by image: an affine grid, an interpolated field, one resampling."""
    n, size = len(inputs), inputs.shape[-1]
    draw = 2 * torch.rand(5, n) - 1
    nodes = torch.randn(n, 2, COARSE**2).view(n, 2, COARSE, COARSE) * how.elastic
    results = []
    for image, values, field in zip(inputs, draw.T, nodes, strict=True):
        angle = torch.deg2rad(values[0] * how.rotation)
        turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).view(2, 2)
        slant = torch.tensor([[1.0, values[2] * how.shear], [0.0, 1.0]])
        shift = values[3:] * how.shift * 2 / size
        matrix = torch.cat([(1 + values[1] * how.scale) * turn @ slant, shift[:, None]], dim=1)
        grid = F.affine_grid(matrix[None], [1, 1, size, size], align_corners=False)
        smooth = F.interpolate(field[None], (size, size), mode="bicubic", align_corners=True) * 2 / size
        grid = grid + smooth.permute(0, 2, 3, 1)
        results.append(F.grid_sample(image[None], grid, padding_mode="border", align_corners=False))
    return torch.cat(results)


@pytest.mark.parametrize("how", [STRONG, Augmentation(shift=3), Augmentation(elastic=2)])
def test_it_equals_the_plain_way_image_by_image(how, inputs):
    torch.manual_seed(5)
    expected = plain(inputs, how)
    torch.manual_seed(5)
    ours = augment(inputs, how)
    # a resampled pixel is a sum of four pixels; float32 grids differ by 1e-6 of the image, contrast a pixel is 3.2
    assert torch.allclose(ours, expected, atol=2e-3)
    assert (ours - inputs).abs().amax((1, 2, 3)).min() > 0.1  # every image was distorted


def test_none_and_strength_zero_change_nothing_and_draw_nothing(inputs):
    state = torch.get_rng_state()
    assert augment(inputs, NONE) is inputs and augment(inputs, STRONG, 0) is inputs
    assert torch.equal(torch.get_rng_state(), state)


def test_the_input_is_left_as_it_is(inputs):
    before = inputs.clone()
    augment(inputs, STRONG)
    assert torch.equal(inputs, before)


def test_a_shift_moves_the_centre_of_ink_evenly_and_no_further_than_its_limit(mnist):
    inputs = data.prepare(mnist.train.images[:2_000], replace(recipes.LENET5, normalise=False))
    place = torch.arange(32.0)

    def centre(images):
        weights = images[:, 0] / images.sum((1, 2, 3))[:, None, None]
        return torch.stack([(weights.sum(1) * place).sum(1), (weights.sum(2) * place).sum(1)])

    torch.manual_seed(0)
    moved = centre(augment(inputs, Augmentation(shift=2))) - centre(inputs)
    assert moved.abs().max() <= 2.001 and moved.abs().max() > 1.9
    # the mean of 4,000 even draws from -2 to 2 has a standard error of 0.018, their deviation 1.155 one of 0.01
    assert moved.mean().abs() < 0.08 and abs(moved.std() - 2 / 3**0.5) < 0.05


def test_strength_scales_every_limit(inputs):
    torch.manual_seed(1)
    half = augment(inputs, STRONG, 0.5)
    torch.manual_seed(1)
    assert torch.allclose(half, augment(inputs, Augmentation(1, 10, 0.1, 0.1, 0.5)), atol=1e-4)


FADED = {
    "brightness": Augmentation(brightness=0.5),
    "contrast": Augmentation(contrast=0.9),
    "blur": Augmentation(blur=2),
    "noise": Augmentation(noise=0.5),
}


@pytest.mark.parametrize("kind", FADED)
def test_values_change_by_at_most_the_limit_and_in_each_image_otherwise(kind, inputs):
    """Of grey images with a bright square, whose values have room on both sides."""
    images = torch.zeros(400, 1, 28, 28)
    images[..., 10:18, 10:18] = 1.0
    images[0, 0, 0, 0], images[1, 0, 0, 0] = -9.0, 9.0  # nothing is cut off at the batch's limits
    torch.manual_seed(0)
    made = augment(images, FADED[kind])[2:, 0]
    before = images[2:, 0]
    spread, square, edge = made.std((1, 2)) / before.std((1, 2)), made[:, 12:16, 12:16], made[:, 0, 0]
    if kind == "brightness":
        assert torch.allclose(square.amax((1, 2)) - edge, torch.ones(398), atol=1e-5)  # moved as a whole
        assert edge.abs().max() <= 0.5 and edge.min() < -0.45 and edge.max() > 0.45
    if kind == "contrast":
        assert torch.allclose(made.mean((1, 2)), before.mean((1, 2)), atol=1e-5)
        assert 0.099 < spread.min() < 0.12 and 0.98 < spread.max() <= 1
    if kind == "blur":
        assert torch.allclose(made.sum((1, 2)), before.sum((1, 2)), rtol=1e-3)  # far from the edges nothing is lost
        assert spread.max() > 0.99 and spread.min() < 0.8
        whole = made[spread.argmin(), 14]  # one row of the most blurred image: up to the middle it only rises
        assert (whole[:14].diff() >= 0).all()
    if kind == "noise":
        deviations = (made - before).std((1, 2))
        assert deviations.max() < 0.55 and deviations.max() > 0.45 and deviations.min() < 0.02
    assert len({value.item() for value in made[:, 14, 14]}) > 200


def test_values_stay_within_those_of_the_batch(inputs):
    made = augment(inputs, Augmentation(brightness=3, noise=3))
    assert made.amin() == inputs.amin() and made.amax() == inputs.amax()


def test_places_draw_the_same_with_and_without_values(inputs):
    torch.manual_seed(0)
    moved = augment(inputs, STRONG)
    torch.manual_seed(0)
    assert torch.allclose(augment(inputs, replace(STRONG, noise=1e-6)), moved, atol=1e-4)
    torch.manual_seed(0)
    assert torch.equal(augment(inputs, replace(STRONG, cover=1e-6)), moved)


def test_a_square_of_background_covers_each_image_at_its_own_place_and_size():
    images = torch.rand(1_000, 1, 28, 28) + 1
    images[0, 0, 0, 0] = 0.5  # the batch's lowest value
    torch.manual_seed(0)
    made = augment(images, Augmentation(cover=12))
    covered = (made == 0.5)[1:, 0]
    assert torch.equal(made[1:, 0][~covered], images[1:, 0][~covered])  # the rest is as it was
    rows, columns = covered.any(2).sum(1), covered.any(1).sum(1)
    assert torch.equal(covered.sum((1, 2)), rows * columns)  # a rectangle; at the edge a part of the square
    assert rows.max() == 12 and rows.min() <= 1 and len(rows.unique()) == 13
    inside = covered[:, 8:20, 8:20].float().mean(0)
    assert inside.max() - inside.min() < 0.08  # evenly; a pixel's share of 1,000 images has a deviation of 0.009
    torch.manual_seed(0)
    assert torch.equal(augment(images, Augmentation(cover=24), 0.5), made)


def test_spared_images_keep_their_values_and_are_not_covered(inputs):
    images, how = inputs.repeat(20, 1, 1, 1), Augmentation(brightness=0.3, noise=0.5, cover=12, spared=0.7)
    torch.manual_seed(0)
    same = (augment(images, how) - images).abs().amax((1, 2, 3)) < 1e-5  # contrast adds and takes the mean
    assert 0.6 < same.float().mean() < 0.8  # the share of 1,280 images has a standard deviation of 0.013
    torch.manual_seed(0)
    moved = augment(images, replace(STRONG, noise=0.5, spared=0.7))
    torch.manual_seed(0)
    same = (moved - augment(images, STRONG)).abs().amax((1, 2, 3)) < 1e-5
    assert 0.6 < same.float().mean() < 0.8  # places change in all


def test_an_augmentation_shows_what_it_does():
    assert repr(Augmentation(shift=1, cover=4.5)) == "Augmentation(shift=1, cover=4.5)"


def test_strength_calms_down_to_zero_in_the_last_epoch():
    recipe = replace(recipes.LENET5, epochs=10, calm=0.4)
    strengths = [loop.strength_in(recipe, epoch) for epoch in range(10)]
    assert strengths == pytest.approx([1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0])
    assert {loop.strength_in(recipes.LENET5, epoch) for epoch in range(15)} == {1}


def test_only_training_images_are_augmented(few, tmp_path, monkeypatch):
    """With images blanked by augmentation nothing is learnt from them, and evaluation still sees true images."""
    seen = []

    def blank(inputs, how, strength):
        seen.append(inputs.clone())
        return torch.zeros_like(inputs)

    monkeypatch.setattr(loop, "augment", blank)
    recipe = replace(recipes.MLP_SMALL, name="BLANK", epochs=2, validation=1_000, augmentation=STRONG)
    run = training.train(recipe, 1, runs=tmp_path, device="cpu", on_epoch=lambda row: None)
    mnist = data.load()
    images = torch.cat(seen)
    training_images = data.prepare(data.split(mnist.train, 1_000)[0].images, recipe, mnist.scale)
    assert len(images) == 2 * len(training_images)
    for epoch in images.split(len(training_images)):  # each training image once an epoch, and no other
        assert torch.equal(epoch.sum((1, 2, 3)).sort().values, training_images.sum((1, 2, 3)).sort().values)
    again = models.predict(run.model(), data.prepare(mnist.test.images, recipe, mnist.scale))
    assert torch.allclose(again, run.predictions, atol=1e-5)
    hits = (again.argmax(1) == mnist.test.labels).double().mean().item()
    assert run.history[run.epoch]["test_accuracy"] == hits


def test_wrong_limits_are_refused():
    for wrong in ({"shift": -1}, {"scale": 1.0}, {"spared": 1}, {"elastic": float("nan")}):
        with pytest.raises(ValueError, match="limits must be 0 or more"):
            Augmentation(**wrong)


def test_the_field_of_nodes_is_cached_by_size_and_device():
    device = torch.device("cpu")
    assert augmentation._basis(28, device) is augmentation._basis(28, device)
    assert augmentation._basis(28, device).shape == (3 + COARSE**2, 28 * 28)
