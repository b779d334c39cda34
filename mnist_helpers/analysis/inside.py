"""Looking into a trained network: what its layers put out, and which pixels its answer depends on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mnist_helpers.data import INK
from mnist_helpers.training.models import evaluating


@torch.no_grad()
def layer_outputs(model: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    """{layer's name: its output [N, ...]} of every layer without layers of its own, in the order they are called."""
    outputs: dict[str, Tensor] = {}
    layers = {name: layer for name, layer in model.named_modules() if not list(layer.children())}
    hooks = [
        # a clone, since an activation in place overwrites what the layer before it gave
        layer.register_forward_hook(lambda _, __, out, name=name: outputs.__setitem__(name, out.clone()))
        for name, layer in layers.items()
    ]
    try:
        with evaluating(model):
            model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return outputs


@torch.inference_mode()
def features(model: nn.Module, inputs: Tensor, batch: int = 250) -> Tensor:
    """What the last layer reads, [N, 84] of LeNet-5 and [N, 128] of the MLP."""
    last = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1]
    parts: list[Tensor] = []
    hook = last.register_forward_pre_hook(lambda _, args: parts.append(args[0].clone()))
    try:
        with evaluating(model):
            for part in inputs.split(batch):
                model(part)
    finally:
        hook.remove()
    return torch.cat(parts)


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
    pairs = [(weights[:, :, 1:], weights[:, :, :-1]), (weights[:, 1:], weights[:, :-1])]
    first, second = (torch.cat([pair[side].flatten() for pair in pairs]) for side in (0, 1))
    return torch.corrcoef(torch.stack([first, second]).cpu().double())[0, 1].item()
