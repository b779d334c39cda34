"""Looking inside: against the network's own forward pass, and against networks whose answer depends on known pixels."""

import pytest
import torch
from torch import nn

from mnist_helpers.analysis import inside
from mnist_helpers.training import models


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return models.LeNet5(activation="relu", pooling="max").eval()


def test_layer_outputs_follow_the_forward_pass(model):
    x = torch.rand(2, 1, 32, 32)
    outputs = inside.layer_outputs(model, x)
    assert list(outputs)[:4] == ["c1", "act1", "s2", "c3"] and list(outputs)[-1] == "output"
    with torch.no_grad():
        assert torch.equal(outputs["c1"], model.c1(x)) and outputs["c1"].min() < 0 <= outputs["act1"].min()
        assert torch.equal(outputs["output"], model(x))
    assert not model.c1._forward_hooks


def test_layer_signals_of_known_weights():
    model = models.MLP((4,), initialisation="uniform01")
    with torch.no_grad():
        model.layers[1].weight.fill_(1)
        model.layers[1].weight[0] = -1  # ReLU makes this output 0; the layer itself puts out -784
        model.layers[3].weight.fill_(1)
    frame = inside.layer_signals(model, torch.ones(2, 1, 28, 28), torch.tensor([0, 1]))
    assert frame["layer"].tolist() == ["784-4", "4-10"]
    assert frame["mean |output|"].tolist() == [784, 3 * 784]
    assert all(not module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(("network", "size", "width"), [(models.LeNet5(), 32, 84), (models.MLP(), 28, 128)])
def test_features_are_what_the_last_layer_reads(network, size, width):
    x = torch.rand(7, 1, size, size)
    features = inside.features(network, x, batch=3)
    last = [layer for layer in network.modules() if isinstance(layer, nn.Linear)][-1]
    with torch.no_grad():
        assert features.shape == (7, width) and torch.allclose(last(features), network.eval()(x), atol=1e-5)


def one_pixel(row: int, column: int) -> nn.Module:
    """A network whose logit of class 3 is 9 times one pixel."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 10, bias=False))
    network[1].weight.data.zero_()[3, 28 * row + column] = 9
    return network


def test_occlusion_and_saliency_find_the_pixel_that_decides():
    image = torch.zeros(1, 28, 28)
    image[0, 10, 20] = 1
    network = one_pixel(10, 20)
    fall = inside.occlusion(network, image, 3, side=5)
    expected = torch.zeros(28, 28, dtype=torch.bool)
    expected[8:13, 18:23] = True  # wherever the square covers the pixel
    assert torch.equal(fall > 0.5, expected) and fall[~expected].abs().max() < 1e-12
    gradient = inside.saliency(network, image[None].repeat(2, 1, 1, 1), torch.tensor([3, 4]))
    assert gradient[0, 10, 20] == 9 and gradient.sum() == 9 and network[1].weight.grad is None


def test_looking_leaves_the_mode_as_it_was(model):
    x = torch.rand(2, 1, 32, 32)
    for training in (True, False):
        model.train(training)
        inside.layer_outputs(model, x), inside.features(model, x)
        inside.occlusion(model, x[0], 0), inside.saliency(model, x, torch.tensor([0, 1]))
        assert model.training == training
    model.eval()


def test_near_ink_is_the_ink_and_so_many_pixels_around_it():
    images = torch.zeros(1, 28, 28, dtype=torch.uint8)
    images[0, 10, 20], images[0, 1, 1] = 128, 127  # ink, and too faint for it
    expected = torch.zeros(28, 28, dtype=torch.bool)
    expected[8:13, 18:23] = True
    assert torch.equal(inside.near_ink(images, reach=2)[0], expected)


def test_neighbour_correlation_of_noise_and_of_a_slope():
    torch.manual_seed(0)
    noise = torch.randn(256, 28, 28)
    assert abs(inside.neighbour_correlation(noise)) < 0.01  # 387,072 pairs: a standard error of 0.002
    slope = (torch.arange(28.0)[:, None] + torch.arange(28.0)).expand(3, 28, 28)
    assert inside.neighbour_correlation(slope) == pytest.approx(1, abs=1e-9)
