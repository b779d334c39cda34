"""Augmentation: a whole batch of training images distorted at once, on its device, each image in its own way.

torchvision.transforms.v2 distorts all images of a batch alike; called image by image its affine part alone took
28 times as long as all of this (128 images of 32 x 32 on one core).
"""

from dataclasses import asdict, astuple, dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

COARSE = 6  # nodes a side of the elastic field; between them it is interpolated


@dataclass(frozen=True)
class Augmentation:
    """How far images are distorted; every image draws its own values, evenly from -limit to +limit.

    shift: pixels along each axis; rotation: degrees; scale: share of the size; shear: tangent of its angle.
    elastic: pixels, the standard deviation of a random displacement at the nodes of a coarse grid; between them it is
    interpolated, so that neighbours move together (after Simard et al. 2003, section 2, who smooth a fine one).

    The others change values, not places. brightness is drawn as those above; contrast (the share of it that is lost),
    blur (pixels, standard deviation) and noise (standard deviation) evenly from 0 to their limits. The unit of
    brightness and noise is that of the prepared inputs: of normalised ones, 0.31 of the range from black to white.
    """

    shift: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    elastic: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    blur: float = 0.0
    noise: float = 0.0

    def __post_init__(self):
        for key, value in asdict(self).items():
            object.__setattr__(self, key, float(value))
        if any(not 0 <= value < float("inf") for value in astuple(self)) or max(self.scale, self.contrast) >= 1:
            raise ValueError(f"an augmentation's limits must be 0 or more, its scale and contrast below 1: {self}")


NONE = Augmentation()
OF_PLACES = 5  # the first fields


def augment(inputs: Tensor, how: Augmentation, strength: float | Tensor = 1.0) -> Tensor:
    """Distorted copies of prepared inputs [B, 1, S, S]; strength from 0 (unchanged) to 1 multiplies every limit.

    Random numbers come from the global generator of the inputs' device.
    """
    if how == NONE or (not isinstance(strength, Tensor) and strength == 0):  # of a tensor one would wait for the GPU
        return inputs
    limits = astuple(how)
    if any(limits[:OF_PLACES]):
        inputs = _moved(inputs, *(strength * value for value in limits[:OF_PLACES]))
    if any(limits[OF_PLACES:]):
        inputs = _faded(inputs, *(strength * value for value in limits[OF_PLACES:]))
    return inputs


def _moved(inputs: Tensor, shift, rotation, scale, shear, elastic) -> Tensor:
    """An image's sampling grid is linear in its draws: six of the affine map, 2 x 36 of the elastic field. So the grids
    of a batch are one matrix product, and one bilinear resampling follows. Beyond the edge the edge's value goes on.
    """
    size, n = inputs.shape[-1], len(inputs)
    draw = 2 * torch.rand(5, n, device=inputs.device) - 1
    angle, zoom, slant = draw[0] * rotation * torch.pi / 180, 1 + draw[1] * scale, draw[2] * shear
    cosine, sine = zoom * angle.cos(), zoom * angle.sin()
    offset = draw[3:] * (2 * shift / size)  # half an image is 1 in the coordinates of a sampling grid
    rows = torch.stack(
        [cosine, cosine * slant - sine, offset[0], sine, sine * slant + cosine, offset[1]], dim=1
    )  # [B, 6]: rotation x shear x scale, and the shift
    nodes = torch.randn(n, 2, COARSE**2, device=inputs.device) * (2 * elastic / size)
    draws = torch.cat([rows.view(n, 2, 3), nodes], dim=2)  # [B, 2, 3 + 36]
    grid = (draws.view(2 * n, -1) @ _basis(size, inputs.device)).view(n, 2, size, size).permute(0, 2, 3, 1)
    return F.grid_sample(inputs, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _faded(inputs: Tensor, brightness, contrast, blur, noise) -> Tensor:
    """Blurred, then less contrast about the image's mean, lighter or darker, noisy; within the batch's values."""
    draw = torch.rand(4, len(inputs), 1, 1, 1, device=inputs.device)
    place = torch.arange(inputs.shape[-1], device=inputs.device)
    distance = (place - place[:, None]) ** 2
    weights = torch.exp(-distance / (2 * (draw[0] * blur) ** 2 + 1e-6))  # [B, 1, S, S]: a Gaussian about each place
    weights = weights / weights.sum(-1, keepdim=True)
    blurred = weights @ inputs @ weights.transpose(-1, -2)
    mean = blurred.mean((1, 2, 3), keepdim=True)
    faint = mean + (blurred - mean) * (1 - draw[1] * contrast) + (2 * draw[2] - 1) * brightness
    noisy = faint + torch.randn_like(inputs) * (draw[3] * noise)
    return noisy.clamp(inputs.amin(), inputs.amax())


@lru_cache(maxsize=4)
def _basis(size: int, device: torch.device) -> Tensor:
    """[3 + 36, size * size]: at each pixel its x, its y, 1, and the weight of each node of the elastic field."""
    place = (2 * torch.arange(size) + 1) / size - 1
    affine = torch.stack([place.expand(size, size), place[:, None].expand(size, size), torch.ones(size, size)])
    nodes = torch.eye(COARSE**2).view(-1, 1, COARSE, COARSE)
    elastic = F.interpolate(nodes, size=(size, size), mode="bicubic", align_corners=True)
    return torch.cat([affine.flatten(1), elastic.flatten(1)]).to(device)
