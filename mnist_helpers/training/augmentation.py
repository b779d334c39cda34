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

    cover: pixels, the side of a square of background at a random place, evenly from 0 to its limit (after DeVries and
    Taylor 2017, whose square has a fixed size). spared: the share of the images, drawn anew each time, whose values
    stay as they are and that are not covered.
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
    cover: float = 0.0
    spared: float = 0.0

    def __post_init__(self):
        for key, value in asdict(self).items():
            object.__setattr__(self, key, float(value))
        if (
            any(not 0 <= value < float("inf") for value in astuple(self))
            or max(self.scale, self.contrast, self.spared) >= 1
        ):
            expected = "limits must be 0 or more, its scale, contrast and share of spared images below 1"
            raise ValueError(f"an augmentation's {expected}: {self}")

    def __repr__(self) -> str:
        """The limits that are not 0."""
        return f"Augmentation({', '.join(f'{key}={value:g}' for key, value in asdict(self).items() if value)})"


NONE = Augmentation()
PLACES, VALUES = slice(5), slice(5, 9)  # which of the limits


def augment(inputs: Tensor, how: Augmentation, strength: float | Tensor = 1.0) -> Tensor:
    """Distorted copies of prepared inputs [B, 1, S, S]; strength from 0 (unchanged) to 1 multiplies every limit.

    Random numbers come from the global generator of the inputs' device.
    """
    if how == NONE or (not isinstance(strength, Tensor) and strength == 0):  # of a tensor one would wait for the GPU
        return inputs
    limits = astuple(how)
    if any(limits[PLACES]):
        inputs = distort_places(inputs, *(strength * value for value in limits[PLACES]))
    if how.spared:
        strength = strength * (torch.rand(len(inputs), 1, 1, 1, device=inputs.device) >= how.spared)
    if any(limits[VALUES]):
        inputs = distort_values(inputs, *(strength * value for value in limits[VALUES]))
    return cover_square(inputs, strength * how.cover) if how.cover else inputs


def distort_places(inputs: Tensor, shift, rotation, scale, shear, elastic) -> Tensor:
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


def distort_values(inputs: Tensor, brightness, contrast, blur, noise) -> Tensor:
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


def cover_square(inputs: Tensor, limit: float | Tensor) -> Tensor:
    """A square of the batch's lowest value over each image, its centre anywhere in it, its side from 0 to the limit."""
    size, n = inputs.shape[-1], len(inputs)
    half = torch.rand(n, 1, 1, 1, device=inputs.device) * (limit / 2)
    row, column = torch.rand(2, n, 1, 1, 1, device=inputs.device) * size
    place = torch.arange(size, device=inputs.device) + 0.5
    covered = ((place[:, None] - row).abs() < half) & ((place - column).abs() < half)
    return torch.where(covered, inputs.amin(), inputs)


@lru_cache(maxsize=4)
def _basis(size: int, device: torch.device) -> Tensor:
    """[3 + 36, size * size]: at each pixel its x, its y, 1, and the weight of each node of the elastic field."""
    place = (2 * torch.arange(size) + 1) / size - 1
    affine = torch.stack([place.expand(size, size), place[:, None].expand(size, size), torch.ones(size, size)])
    nodes = torch.eye(COARSE**2).view(-1, 1, COARSE, COARSE)
    elastic = F.interpolate(nodes, size=(size, size), mode="bicubic", align_corners=True)
    return torch.cat([affine.flatten(1), elastic.flatten(1)]).to(device)
