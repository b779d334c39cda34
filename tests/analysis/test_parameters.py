"""The derivation: known totals, every kind of layer, and what it refuses."""

from importlib.resources import files
from itertools import combinations

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mnist_helpers.analysis.parameters import ParameterError, derive
from mnist_helpers.plots import architecture
from mnist_helpers.training import models, recipes

torch.set_num_threads(1)


def flops(model, shape):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros(1, *shape))
    return counter.get_total_flops()


def counts(model, shape):
    """The one row of a single layer."""
    (row,) = derive(model, shape).rows
    return row


def test_the_reports_networks():
    lenet5, mlp = derive(models.LeNet5(), (1, 32, 32)), derive(models.MLP(), (1, 28, 28))
    assert (lenet5.total, lenet5.macs) == (61_706, 416_520)
    assert (mlp.total, mlp.macs) == (235_146, 234_752)
    assert [row.parameters for row in lenet5.layers] == [156, 2_416, 48_120, 10_164, 850]
    assert [row.parameters for row in mlp.layers] == [200_960, 32_896, 1_290]
    small = derive(models.build(recipes.MLP_SMALL), (1, 28, 28))
    assert small.total == 61_723 and abs(small.total / lenet5.total - 1) < 0.01


def test_the_formula_is_the_original_reports():
    c1, f6 = (derive(models.LeNet5(), (1, 32, 32)).layers[i] for i in (0, 3))
    assert c1.numbers == "1 × 6 × 5 × 5 + 6 = 156"
    assert f6.numbers == "120 × 84 + 84 = 10,164"


def test_lenet5_without_sharing_without_pooling_and_in_other_widths():
    variants = (models.LocalLeNet5, models.StridedLeNet5, models.LocalStridedLeNet5)
    local, strided, neither = (derive(network(), (1, 32, 32)) for network in variants)
    usual, wide = (derive(models.LeNet5(widths=widths), (1, 32, 32)) for widths in ((), (12, 32, 240, 168)))
    assert [row.numbers for row in local.layers[:2]] == [
        "784 × (1 × 6 × 5 × 5 + 6) = 122,304", "100 × (6 × 16 × 5 × 5 + 16) = 241,600",
    ]  # fmt: skip
    assert (local.total, strided.total, usual.total) == (423_038, 61_706, 61_706) and wide.total > 3.5 * usual.total
    assert neither.total == 150_110 and neither.macs == strided.macs
    assert [row.receptive_field for row in neither.rows] == [row.receptive_field for row in strided.rows]
    assert local.macs == usual.macs and [row.output_shape for row in strided.layers] == [
        (6, 14, 14), (16, 5, 5), (120, 1, 1), (84,), (10,),
    ]  # fmt: skip
    assert [row.receptive_field for row in local.rows] == [row.receptive_field for row in usual.rows]


@pytest.mark.parametrize("stride", [1, 2])
def test_a_local_layer_with_the_same_weights_everywhere_is_a_convolution(stride):
    convolution, local = nn.Conv2d(3, 4, 5, stride), models.LocalConv2d(3, 4, 5, size=9, stride=stride)
    local.weight.data[:] = convolution.weight.flatten(1)
    local.bias.data[:] = convolution.bias[:, None]
    images = torch.randn(2, 3, 9, 9)
    assert torch.allclose(local(images), convolution(images), atol=1e-5)


def test_a_subclass_counts_as_its_layer_and_sees_the_whole_image():
    rows = {row.name: row for row in derive(models.LeNet5(), (1, 32, 32)).rows}
    assert rows["c5"].kind == "Conv2d" and rows["c5"].output_shape == (120, 1, 1)
    fields = [rows[name].receptive_field for name in ("c1", "s2", "c3", "s4", "c5", "f6")]
    assert fields == [(5, 5), (6, 6), (14, 14), (16, 16), (32, 32), None]


def test_the_receptive_field_is_where_the_gradient_reaches():
    net = nn.Sequential(
        nn.Conv2d(1, 1, 3, dilation=2), nn.AvgPool2d(2), nn.Conv2d(1, 1, (3, 1), stride=2), nn.Identity()
    )
    for p in net.parameters():
        nn.init.ones_(p)
    image = torch.zeros(1, 1, 40, 40, requires_grad=True)
    output = net(image)
    output[0, 0, 3, 5].backward()
    touched = image.grad[0, 0].nonzero()
    # the dilated kernel leaves no gaps after pooling, so the extent is the field
    extent = tuple((touched.max(0).values - touched.min(0).values + 1).tolist())
    assert derive(net, (1, 40, 40)).rows[-1].receptive_field == extent


@pytest.mark.parametrize(
    ("layer", "shape", "weights", "biases", "output"),
    [
        (nn.Conv2d(4, 8, 3, stride=2, padding=1), (4, 9, 9), 288, 8, (8, 5, 5)),
        (nn.Conv2d(4, 8, 3, padding="same", bias=False), (4, 9, 9), 288, 0, (8, 9, 9)),
        (nn.Conv2d(4, 8, (3, 1), groups=2, dilation=2), (4, 9, 9), 48, 8, (8, 5, 9)),
        (nn.Linear(7, 3), (1, 1, 7), 21, 3, (1, 1, 3)),
        (nn.Linear(7, 3, bias=False), (1, 1, 7), 21, 0, (1, 1, 3)),
        (nn.BatchNorm2d(4), (4, 5, 5), 4, 4, (4, 5, 5)),
        (nn.BatchNorm2d(4, affine=False), (4, 5, 5), 0, 0, (4, 5, 5)),
        (nn.MaxPool2d(2), (1, 8, 8), 0, 0, (1, 4, 4)),
        (nn.MaxPool2d(2, return_indices=True), (1, 8, 8), 0, 0, (1, 4, 4)),
        (nn.AvgPool2d(3, stride=1), (1, 8, 8), 0, 0, (1, 6, 6)),
        (nn.AdaptiveAvgPool2d(1), (2, 8, 8), 0, 0, (2, 1, 1)),
        (nn.ReLU(), (1, 8, 8), 0, 0, (1, 8, 8)),
        (nn.Dropout(0.5), (1, 8, 8), 0, 0, (1, 8, 8)),
        (nn.Identity(), (1, 8, 8), 0, 0, (1, 8, 8)),
        (nn.Flatten(), (2, 3, 3), 0, 0, (18,)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_every_kind_of_layer(layer, shape, weights, biases, output):
    row = counts(layer, shape)
    assert (row.weights, row.biases, row.parameters) == (weights, biases, weights + biases)
    assert row.output_shape == output and row.activations == torch.Size(output).numel()
    assert 2 * row.macs == flops(layer, shape)
    if row.numbers:
        formula, result = row.numbers.replace("×", "*").replace(",", "").split(" = ")
        assert eval(formula) == int(result) == row.parameters
    else:
        assert row.parameters == 0


def test_fields_of_pooling_and_pointwise_layers():
    assert counts(nn.AdaptiveAvgPool2d(1), (2, 8, 6)).receptive_field == (8, 6)
    assert counts(nn.AvgPool2d(3, stride=1), (1, 8, 8)).receptive_field == (3, 3)
    assert counts(nn.ReLU(), (1, 8, 8)).receptive_field == (1, 1)
    assert counts(nn.Flatten(), (1, 8, 8)).receptive_field is None


def nested():
    body = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)))
    return nn.Sequential(body, nn.Flatten(), nn.Dropout(), nn.Linear(36, 5), nn.BatchNorm1d(5))


@pytest.mark.parametrize(
    ("model", "shape"),
    [(models.LeNet5(), (1, 32, 32)), (models.MLP(), (1, 28, 28)), (nested(), (1, 8, 8))],
    ids=["LeNet5", "MLP", "nested"],
)
def test_macs_are_half_of_torchs_flops(model, shape):
    assert flops(model, shape) == 2 * derive(model, shape).macs


def test_nested_containers_have_their_full_names():
    derivation = derive(nested(), (1, 8, 8))
    assert [row.name for row in derivation.layers] == ["0.0", "0.1", "3", "4"]
    assert derivation.total == 36 + 8 + 185 + 10


def test_a_shared_layer_counts_its_parameters_once_and_its_work_twice():
    layer = nn.Conv2d(2, 2, 3, padding=1)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    derivation = derive(model, (2, 6, 6))
    assert derivation.total == 38
    assert derivation.macs == 2 * 36 * 36
    assert [row.parameters for row in derivation.rows] == [38, 0, 0]
    assert [row.name for row in derivation.rows] == ["0", "1", "0"]
    assert derivation.rows[2].receptive_field == (5, 5)
    assert 2 * derivation.macs == flops(model, (2, 6, 6))


def test_a_shared_weight_counts_once():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    derivation = derive(model, (1, 1, 4))
    assert [row.parameters for row in derivation.rows] == [20, 4]
    assert derivation.rows[1].numbers == "0 + 4 = 4"


def test_unknown_layers_are_refused():
    with pytest.raises(ParameterError, match=r"layer 1 \(PReLU\) has parameters .* add its formula"):
        derive(nn.Sequential(nn.Linear(4, 4), nn.PReLU()), (1, 1, 4))
    with pytest.raises(ParameterError, match=r"layer LazyLinear"):
        derive(nn.LazyLinear(3), (1, 1, 4))


class Owner(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 4))
        self.gain = nn.Parameter(torch.ones(1))


def test_a_parameter_of_a_container_is_refused():
    with pytest.raises(ParameterError, match="0 \\(Owner\\) is a container and owns the parameter gain"):
        derive(nn.Sequential(Owner()), (1, 1, 4))


def test_a_layer_that_is_never_called_is_refused():
    model = models.MLP()
    model.spare = nn.Linear(3, 3)
    with pytest.raises(ParameterError, match="layer spare was never called"):
        derive(model, (1, 28, 28))


def test_a_wrong_input_shape_is_explained():
    with pytest.raises(ParameterError, match=r"LeNet5 does not take .*\(1, 28, 28\), layer c5 got \[16, 4, 4\]"):
        derive(models.LeNet5(), (1, 28, 28))
    with pytest.raises(ParameterError, match=r"MLP does not take .*layer layers.1 got \[1024\]"):
        derive(models.MLP(), (1, 32, 32))
    for shape in ((32, 32), (1, 1, 32, 32), (1, 0, 32), (1, 32.0, 32)):
        with pytest.raises(ParameterError, match="without the batch"):
            derive(models.LeNet5(), shape)


def test_the_model_stays_as_it_was():
    model = nested().train()
    model[0][1].eval()
    modes = [module.training for module in model.modules()]
    state = {key: value.clone() for key, value in model.state_dict().items()}
    random = torch.get_rng_state()
    derive(model, (1, 8, 8))
    with pytest.raises(ParameterError):
        derive(model, (1, 9, 12))
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(p.grad is None for p in model.parameters())


def test_the_models_device_and_type_are_used():
    seen = []

    class Probe(nn.Identity):
        def forward(self, x):
            seen.append((x.device, x.dtype))
            return x

    model = nn.Sequential(Probe(), nn.Flatten(), nn.Linear(4, 2)).double()
    derive(model, (1, 2, 2))
    derive(model.to("meta"), (1, 2, 2))
    assert seen == [(torch.device("cpu"), torch.float64), (torch.device("meta"), torch.float64)]


def test_renderings():
    derivation = derive(models.LeNet5(), (1, 32, 32))
    latex = derivation.to_latex()
    assert latex.startswith("$$\n\\begin{aligned}\n") and latex.endswith("\n\\end{aligned}\n$$")
    assert r"\text{C1: } & 1 \times 6 \times 5 \times 5 + 6 = \mathbf{156} \\" in latex
    assert r"156 + 2{,}416 + 48{,}120 + 10{,}164 + 850 = \mathbf{61{,}706}" in latex
    table = derivation.to_table()
    assert len(table) == len(derivation.rows) + 1 and all(isinstance(cell, str) for cell in table.to_numpy().flat)
    total = {"layer": "total", "kind": "", "output": "", "values": "", "sees (pixels)": "", "weights": "61,470"}
    assert table.iloc[-1].to_dict() == total | {"biases": "236", "parameters": "61,706", "MACs": "416,520"}
    assert [row.label for row in derive(models.MLP(), (1, 28, 28)).layers] == ["784 → 256", "256 → 128", "128 → 10"]


def test_drawings_read_the_derivation_and_no_text_overlaps():
    lenet5, mlp = derive(models.LeNet5(), (1, 32, 32)), derive(models.MLP((75, 33)), (1, 28, 28))
    with plt.style.context(str(files("mnist_helpers.plots") / "style.mplstyle")):
        figures = {
            architecture.draw_kernel(32, 5): ["28 × 28", "26 parameters"],
            architecture.draw_lenet5(lenet5): ["16 × 10 × 10", "48,120"],
            architecture.draw_mlp(mlp): ["784 × 75 + 75\n= 58,875", "33"],
            architecture.draw_budget({"LeNet-5": lenet5, "MLP": mlp}): ["240,000", "61,723 parameters", "784 → 75"],
        }
        for figure, expected in figures.items():
            figure.canvas.draw()
            texts = [text for text in figure.findobj(plt.Text) if text.get_visible() and text.get_text().strip()]
            words = "\n".join(text.get_text() for text in texts)
            assert all(word in words for word in expected)
            for one, other in combinations(texts, 2):
                boxes = one.get_window_extent(), other.get_window_extent()
                assert not boxes[0].overlaps(boxes[1]), (one.get_text(), other.get_text())
            plt.close(figure)
