"""The derivation: a model and an input shape in, one row a layer out, with formula, count, MACs and output shape."""

import copy
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from mnist_helpers.training.models import LocalConv2d

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
COUNTED = (nn.Conv2d, nn.Linear, LocalConv2d, *BATCH_NORMS)  # the layers whose parameters have a formula here
POINTWISE = ("torch.nn.modules.activation", "torch.nn.modules.dropout")  # they leave the receptive field as it is


class ParameterError(ValueError):
    """A model or input shape that cannot be derived; the message says what, where and what to do."""


@dataclass(frozen=True)
class Row:
    """One call of one layer, for one image.

    output_shape: without the batch, such as (6, 28, 28). numbers: the formula of the parameters with its result, empty
    for a layer without any of its own. macs: multiplications with their additions, of convolutions and linear layers.
    activations: how many values the layer puts out. receptive_field: height and width in input pixels that one value
    depends on, padding included; None after flattening and wherever it is not known.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    numbers: str
    weights: int
    biases: int
    parameters: int
    macs: int
    activations: int
    receptive_field: tuple[int, int] | None

    @property
    def label(self) -> str:
        """C3 of a layer called c3; of one without a name of its own, such as layers.1, its sizes: 784 → 256."""
        if "." in self.name and self.kind == "Linear":
            return f"{self.weights // self.activations} → {self.activations}"
        return self.name.upper() if len(self.name) == 2 else self.name


@dataclass(frozen=True)
class Derivation:
    """The rows of a model in the order its layers are called, for one image of input_shape (C, H, W)."""

    input_shape: tuple[int, int, int]
    rows: tuple[Row, ...]

    @property
    def total(self) -> int:
        """Parameters of the whole model."""
        return sum(row.parameters for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image through the model, of convolutions and linear layers."""
        return sum(row.macs for row in self.rows)

    @property
    def layers(self) -> tuple[Row, ...]:
        """The rows that add parameters."""
        return tuple(row for row in self.rows if row.parameters)

    def sum_in_numbers(self) -> str:
        """The total as a sum, such as "850 + 10 = 860"."""
        return f"{' + '.join(f'{row.parameters:,}' for row in self.layers)} = {self.total:,}"

    def to_latex(self) -> str:
        """Every layer's formula with numbers and the total, as one aligned display."""
        lines = [rf"{_latex_label(row.label)} & {_latex_numbers(row.numbers)}" for row in self.layers]
        return _display([*lines, rf"\text{{total: }} & {_latex_numbers(self.sum_in_numbers())}"])

    def to_table(self) -> pd.DataFrame:
        """One line a row for reading: text in every cell, thousands separated, a last line with the totals."""
        lines = [
            {
                "layer": row.name, "kind": row.kind, "output": " × ".join(map(str, row.output_shape)),
                "values": f"{row.activations:,}", "sees (pixels)": " × ".join(map(str, row.receptive_field or "–")),
                "weights": row.weights, "biases": row.biases, "parameters": row.parameters, "MACs": row.macs,
            }
            for row in self.rows
        ]  # fmt: skip
        total = {key: sum(line[key] for line in lines) for key in ("weights", "biases", "parameters", "MACs")}
        table = pd.DataFrame([*lines, {"layer": "total"} | total]).fillna("")
        return table.map(lambda cell: cell if isinstance(cell, str) else f"{cell:,}")


def derive(model: nn.Module, input_shape: tuple[int, int, int]) -> Derivation:
    """Run one zero image of input_shape (C, H, W) through the model and note every layer that it passes.

    A layer called twice has two rows: its parameters count once, its MACs twice. Parameters of layers that are not
    in COUNTED, held by a container or never used are a ParameterError; so is an input the model does not take.
    Operations outside of modules have no parameters and are not seen. The model stays as it is.
    """
    if len(input_shape) != 3 or not all(isinstance(n, int) and n > 0 for n in input_shape):
        raise ParameterError(f"input_shape is {input_shape}: give (channels, height, width), without the batch.")
    model = copy.deepcopy(model).eval()  # the caller's stays as it is, whatever happens
    names = {module: name or type(module).__name__ for name, module in model.named_modules()}
    for module, name in names.items():
        own, layer = dict(module.named_parameters(recurse=False)), f"{name} ({type(module).__name__})"
        if own and list(module.children()):
            owns = f"is a container and owns the parameter {next(iter(own))} itself"
            raise ParameterError(f"{layer} {owns}: move it into a layer of its own.")
        known = isinstance(module, COUNTED) and not any(map(nn.parameter.is_lazy, own.values()))
        if own and not (known and own.keys() <= {"weight", "bias"}):
            raise ParameterError(
                f"layer {layer} has parameters that derive has no formula for: "
                "use Conv2d, Linear or BatchNorm, or add its formula to mnist_helpers/analysis/parameters.py."
            )
    rows = _trace(model, input_shape, names)
    called = {row.name for row in rows}
    for module, name in names.items():
        if name not in called and list(module.parameters(recurse=False)):
            raise ParameterError(f"layer {name} was never called by the model's forward: use it or remove it.")
    return Derivation(tuple(input_shape), tuple(rows))


@torch.no_grad()
def _trace(model: nn.Module, input_shape: tuple[int, int, int], names: dict[nn.Module, str]) -> list[Row]:
    """The rows of one zero image through the model, whose layers get hooks."""
    image = next(model.parameters(), torch.empty(0)).new_zeros((1, *input_shape))
    image.field = np.ones((2, 2), int)  # see _field
    rows, counted, running = [], set(), []

    def before(module, inputs):
        running.append(f"layer {names[module]} got {list(inputs[0].shape[1:])}")

    def after(module, inputs, output):
        output = output[0] if isinstance(output, tuple) else output
        output.field = _field(module, inputs[0], output)
        rows.append(_row(names[module], module, output, counted))
        running.clear()

    for leaf in (module for module in names if not list(module.children())):
        leaf.register_forward_pre_hook(before)
        leaf.register_forward_hook(after)
    try:
        model(image)
    except (RuntimeError, ValueError, IndexError) as error:
        raise ParameterError(
            f"{type(model).__name__} does not take an input of shape {tuple(input_shape)}, "
            f"{next(iter(running), 'its forward failed')} ({error}): give the shape that the model is made for."
        ) from error
    return rows


def _row(name: str, module: nn.Module, output: Tensor, counted: set[int]) -> Row:
    kind = next((base.__name__ for base in COUNTED if isinstance(module, base)), type(module).__name__)
    own = dict(module.named_parameters(recurse=False))
    fresh = {key: p.numel() for key, p in own.items() if id(p) not in counted}
    counted.update(map(id, own.values()))
    weights, biases = fresh.get("weight", 0), fresh.get("bias", 0)
    numbers = _formula(module)
    if len(fresh) < len(own):  # shared with a layer above, in part or wholly
        numbers = f"{weights:,} + {biases:,}"
    numbers += f" = {weights + biases:,}" * bool(numbers)
    values = output[0].numel()  # each takes one multiply-accumulate for each weight that it reads
    reads = module.weight[0].numel() if isinstance(module, nn.Conv2d | nn.Linear) else 0
    if isinstance(module, LocalConv2d):
        reads = module.weight.shape[2]
    field = None if output.field is None else tuple(output.field[0].tolist())
    shape, count = tuple(output.shape[1:]), weights + biases
    return Row(name, kind, shape, numbers, weights, biases, count, reads * values, values, field)


def _formula(module: nn.Module) -> str:
    """The formula of a layer's parameters with its numbers, without the result."""
    if isinstance(module, BATCH_NORMS) and module.affine:
        return f"{module.num_features} + {module.num_features}"
    if isinstance(module, LocalConv2d):
        (places, out, _), k = module.weight.shape, module.kernel_size
        return f"{places} × ({module.in_channels} × {out} × {k} × {k} + {out})"
    if isinstance(module, nn.Linear):
        sizes = (module.in_features, module.out_features)
    elif isinstance(module, nn.Conv2d):
        sizes = (module.in_channels, module.out_channels, *module.kernel_size)
    else:
        return ""
    numbers = " × ".join(map(str, sizes))
    if getattr(module, "groups", 1) > 1:
        numbers += f" / {module.groups}"
    return numbers if module.bias is None else f"{numbers} + {len(module.bias)}"


def _field(module: nn.Module, x: Tensor, output: Tensor) -> np.ndarray | None:
    """[receptive field, step] of a layer's output values, each (height, width) in input pixels, from those of x."""
    field = getattr(x, "field", None)
    pointwise = any(base.__module__ in POINTWISE for base in type(module).__mro__)
    if pointwise or isinstance(module, (*BATCH_NORMS, nn.Identity)):
        return field
    if field is None or not isinstance(
        module, (nn.Conv2d, LocalConv2d, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)
    ):
        return None
    if isinstance(module, nn.AdaptiveAvgPool2d):  # windows that differ in size by one are taken at the larger
        kernel = stride = -(-np.array(x.shape[-2:]) // output.shape[-2:])
    else:
        kernel, stride = np.array(module.kernel_size), module.stride
    size, step = field
    return np.array([size + (kernel - 1) * getattr(module, "dilation", 1) * step, step * stride])


def _latex_label(label: str) -> str:
    return rf"\text{{{label}: }}".replace(" → ", r"} \to \text{")


def _latex_numbers(numbers: str) -> str:
    return numbers.replace("×", r"\times").replace(",", "{,}").replace(" = ", r" = \mathbf{") + "}"


def _display(lines: list[str]) -> str:
    return "$$\n\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}\n$$"
