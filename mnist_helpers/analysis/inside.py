"""Looking into a trained network: what its layers put out, and which pixels its answer depends on."""

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from mnist_helpers.data import INK
from mnist_helpers.training.models import evaluating


@contextmanager
def _recorded(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """{layer's name: its output}, as forward passes fill it, of every layer without layers of its own."""
    names = {layer: name for name, layer in model.named_modules() if not list(layer.children())}
    outputs: dict[str, Tensor] = {}

    def keep(layer, inputs, output):
        if layer in names:  # a clone, since an activation in place overwrites what the layer before it gave
            outputs[names[layer]] = output.detach().clone()

    with register_module_forward_hook(keep):
        yield outputs


@torch.no_grad()
def layer_outputs(model: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    """{layer's name: its output [N, ...]} of every layer without layers of its own, in the order they are called."""
    with evaluating(model), _recorded(model) as outputs:
        model(inputs)
    return outputs


def layer_signals(model: nn.Module, inputs: Tensor, labels: Tensor) -> pd.DataFrame:
    """What flows through each linear layer for one batch: mean |output| and the norm of the weights' gradient."""
    model.zero_grad()
    with _recorded(model) as outputs:
        F.cross_entropy(model(inputs), labels).backward()
    return pd.DataFrame(
        {
            "layer": f"{layer.in_features}-{layer.out_features}",
            "mean |output|": outputs[name].abs().mean().item(),
            "gradient norm": layer.weight.grad.norm().item(),
        }
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear)
    )


def features(model: nn.Module, inputs: Tensor, batch: int = 250) -> Tensor:
    """What the last layer reads, the output of the one before it: [N, 84] of LeNet-5 and [N, 128] of the MLP."""
    return torch.cat([list(layer_outputs(model, part).values())[-2] for part in inputs.split(batch)])


@torch.inference_mode()
def occlusion(model: nn.Module, image: Tensor, label: int, side: int = 5) -> Tensor:
    """[S, S]: how far the probability of `label` falls when a square of background covers the place (Zeiler 2014).

    image: one prepared input [1, S, S]; the square's centre is the pixel.
    """
    size, background = image.shape[-1], image.min()
    place = torch.arange(size, device=image.device)
    near = (place[:, None] - place).abs() <= side // 2  # [centre, pixel]
    covered = near[:, None, :, None] & near[None, :, None, :]  # [row, column, S, S]
    covered = image.masked_fill(covered.reshape(-1, 1, size, size), background)
    with evaluating(model):
        before = model(image[None]).cpu().double().softmax(1)[0, label]
        after = torch.cat([model(part).cpu() for part in covered.split(256)]).double().softmax(1)[:, label]
    return (before - after).view(size, size)


def saliency(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    """[N, S, S]: the size of the gradient of each label's logit at every pixel (Simonyan et al. 2014).

    inputs: prepared [N, 1, S, S]; labels: int64 [N].
    """
    inputs = inputs.clone().requires_grad_()
    with evaluating(model):
        logits = model(inputs).gather(1, labels[:, None])
        (gradient,) = torch.autograd.grad(logits.sum(), inputs)  # of the inputs alone; the weights' stay as they were
    return gradient.abs()[:, 0]


def near_ink(images: Tensor, reach: int = 2) -> Tensor:
    """bool [N, S, S]: the pixels of uint8 images at most `reach` rows and columns away from ink."""
    ink = (images >= INK).float()[:, None]
    return F.max_pool2d(ink, 2 * reach + 1, stride=1, padding=reach)[:, 0] > 0


def neighbour_correlation(weights: Tensor) -> float:
    """Correlation between the weights of pixels beside or below each other; weights: [N, H, W] as images."""
    first = torch.cat([weights[:, :, 1:].flatten(), weights[:, 1:].flatten()])
    second = torch.cat([weights[:, :, :-1].flatten(), weights[:, :-1].flatten()])
    return torch.corrcoef(torch.stack([first, second]).cpu().double())[0, 1].item()
