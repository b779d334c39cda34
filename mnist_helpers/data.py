"""MNIST as two resident tensors per split, read from the four official gzip files, or from a course's tar files.

`files` alone knows where the four are. Nothing is unpacked and nothing is written beside them, so a read-only
checkout and several processes at once work. Preprocessing returns tensors that equal torchvision's to the last bit,
for a whole split at once.
"""

from __future__ import annotations

import gzip
import lzma
import re
import tarfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from mnist_helpers.download import MD5 as MD5
from mnist_helpers.download import DataError, files
from mnist_helpers.files import project_path

MEAN, STD = 0.1307, 0.3081  # of the 60,000 training images in [0, 1]; chapter 1 computes them
CLASSES = 10
INK = 128  # a pixel at least this dark, of 255, counts as ink


@dataclass(frozen=True)
class Digits:
    """Images, uint8 [N, 28, 28] with 0 = background, and labels, int64 [N]."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index) -> Digits:
        """The digits at a slice, a mask or a tensor of indices."""
        return Digits(self.images[index], self.labels[index])

    def to(self, device: torch.device) -> Digits:
        return Digits(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Mnist:
    """The official split: 60,000 training and 10,000 test digits."""

    train: Digits
    test: Digits


def best_device(device: str | torch.device | None = None) -> torch.device:
    """The device asked for, else CUDA, then Apple MPS, then the CPU."""
    if device is not None:
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def load(root: str | Path = "data", device: str | torch.device | None = None) -> Mnist:
    """MNIST from its four files, wherever `files` finds them; DataError as there."""
    device = best_device(device)
    mnist = _load(project_path(root))
    return mnist if device.type == "cpu" else Mnist(mnist.train.to(device), mnist.test.to(device))


@lru_cache(maxsize=2)
def _load(root: Path) -> Mnist:
    path = files(root)
    splits = [
        Digits(_read_idx(path[f"{part}-images-idx3-ubyte.gz"]), _read_idx(path[f"{part}-labels-idx1-ubyte.gz"]).long())
        for part in ("train", "t10k")
    ]
    return Mnist(*splits)


def _read_idx(path: Path) -> Tensor:
    """One IDX file: bytes 0, 0, 8 (uint8), the number of dimensions, each as big-endian int32, then the data."""
    raw = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8)
    shape = np.frombuffer(raw[4 : 4 + 4 * raw[3]].tobytes(), ">i4")
    return torch.from_numpy(raw[4 + 4 * raw[3] :].reshape(*shape).copy())


def load_png_tar(path: str | Path) -> Digits:
    """The digits of a tar file of {ID}_{Label}.png, 28 x 28 pixels, light on dark as MNIST's, in the order of the IDs.

    Folders and the hidden files that macOS adds are passed over. DataError names a file of another name, size or
    kind, a broken picture, a path that leads out of the archive, and an ID that comes twice.
    """
    found: dict[int, tuple[Tensor, int]] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = PurePosixPath(member.name)
                if member.isdir() or name.name.startswith("."):
                    continue
                number, label, image = _read_member(archive, member, name, f"{path}: {member.name!r}")
                if number in found:
                    raise DataError(f"{path}: {member.name!r} has the ID {number}, as another picture before it")
                found[number] = image, label
            archive.fileobj.seek(archive.offset)
            if archive.fileobj.read(512) != bytes(512):  # tarfile takes a cut inside a header for the end
                raise tarfile.ReadError("it ends too early")
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        reason = str(error).partition(":")[0]  # tarfile adds a line for each compression it has tried
        raise DataError(f"{path} is no tar file, or a damaged one ({reason}); fetch it again") from error
    if not found:
        raise DataError(f"{path} holds no pictures; expected files such as 00001_5.png")
    images, labels = zip(*(found[number] for number in sorted(found)), strict=True)
    return Digits(torch.stack(images), torch.tensor(labels))


def _read_member(archive: tarfile.TarFile, member: tarfile.TarInfo, name: PurePosixPath, who: str):
    """(ID, label, uint8 [28, 28]) of one picture of the archive, which is read and never unpacked to disk."""
    if name.is_absolute() or ".." in name.parts or not member.isfile():
        raise DataError(f"{who} is a link or leads out of the archive; make it again with plain files")
    match = re.fullmatch(r"(\d+)_(\d)\.png", name.name)
    if not match:
        raise DataError(f"{who} is not named {{ID}}_{{Label}}.png, such as 00001_5.png")
    try:
        with Image.open(archive.extractfile(member), formats=["PNG"]) as picture:
            if picture.size != (28, 28):
                raise DataError(f"{who} has {picture.width} x {picture.height} pixels, expected 28 x 28")
            pixels = np.array(picture.convert("L"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{who} is not a readable PNG picture ({error})") from error
    return int(match[1]), int(match[2]), torch.from_numpy(pixels)


def split(digits: Digits, valid: int, seed: int = 0, fold: int = 0, train: int = 0) -> tuple[Digits, Digits]:
    """(training, validation): `valid` digits drawn without replacement by a fixed seed, the same for every recipe.

    fold: 1, 2, ... hold out the next `valid` digits of the same random order, for cross-validation.
    train: keep only the first so many of the others, in random order, so that smaller sets lie in larger ones; 0: all.
    """
    if not 0 <= valid < len(digits):
        raise DataError(f"cannot hold out {valid} of {len(digits)} digits for validation")
    if not 0 <= fold * valid <= len(digits) - valid:
        raise DataError(f"there is no fold {fold} of {valid} in {len(digits)} digits; the first is fold 0")
    if not 0 <= train <= len(digits) - valid:
        raise DataError(f"cannot train on {train} of {len(digits)} digits with {valid} held out for validation")
    if valid == train == 0:
        return digits, digits[:0]
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(seed)).to(digits.labels.device)
    held_out, rest = order[fold * valid :][:valid], torch.cat([order[: fold * valid], order[(fold + 1) * valid :]])
    rest = rest[:train] if train else rest
    return digits[rest.sort().values], digits[held_out.sort().values]


def prepare(images: Tensor, recipe) -> Tensor:
    """A recipe's preprocessing: uint8 [N, 28, 28] -> float32 [N, 1, S, S] with S = 28 or 32.

    Reads recipe.permuted, recipe.resize ("none", "pad" or "bilinear") and recipe.normalise (subtract 0.1307, divide
    by 0.3081).
    """
    if images.dtype != torch.uint8 or images.shape[1:] != (28, 28):
        raise DataError(f"expected uint8 images [N, 28, 28], got {images.dtype} {list(images.shape)}")
    if recipe.permuted:
        images = permute(images)
    if recipe.resize == "pad":
        images = F.pad(images, (2, 2, 2, 2))  # 0 is the background, before as after
    elif recipe.resize == "bilinear":
        images = resize_bilinear(images)
    inputs = images.unsqueeze(1).float().div_(255)
    return inputs.sub_(MEAN).div_(STD) if recipe.normalise else inputs


def pixel_order(pixels: int = 784, seed: int = 0) -> Tensor:
    """int64 [pixels]: a fixed random permutation, the same on every machine."""
    return torch.randperm(pixels, generator=torch.Generator().manual_seed(seed))


def permute(images: Tensor) -> Tensor:
    """[N, H, W] with the pixels of every image put in one and the same random order: no pixel is lost, all order is."""
    return images.flatten(1)[:, pixel_order(images[0].numel()).to(images.device)].view_as(images)


@lru_cache(maxsize=4)
def resize_bilinear(images: Tensor, size: int = 32) -> Tensor:
    """uint8 [N, 28, 28] -> uint8 [N, size, size], bit for bit what torchvision's Resize gives on PIL images.

    PIL resamples rows, rounds to uint8, then resamples columns, with weights in 22-bit fixed point (Pillow's
    Resample.c). Both passes are matrix products over integers below 2**53, so float64 computes them exactly.
    The result is kept for the same tensor, since every training of a report asks for it again.
    """
    weights = _pil_bilinear_weights(images.shape[-1], size)
    resized = torch.empty(len(images), size, size, dtype=torch.uint8)
    for part, result in zip(images.cpu().split(500), resized.split(500), strict=True):  # small parts stay in the cache
        values = part.double()
        for _ in range(2):  # rows, then columns
            values = values @ weights.T
            values = values.add_(2**21).div_(2**22).floor_().clamp_(0, 255).transpose(-1, -2)
        result.copy_(values)
    return resized.to(images.device)


def _pil_bilinear_weights(old: int, new: int) -> Tensor:
    """[new, old] weights of Pillow's triangle filter for enlarging, rounded to 22 bits."""
    centre = (torch.arange(new, dtype=torch.float64) + 0.5) * old / new
    distance = (torch.arange(old, dtype=torch.float64) + 0.5 - centre[:, None]).abs()
    weights = (1 - distance).clamp_(min=0)
    return (weights / weights.sum(1, keepdim=True)).mul_(2**22).add_(0.5).floor_()


def draw_seed() -> int:
    """The int64 that a DataLoader (or a shuffling sampler) draws from the global generator."""
    return int(torch.empty((), dtype=torch.int64).random_().item())


def epoch_order(n: int, shuffle: bool) -> Tensor:
    """The order in which a DataLoader would visit n samples, with its draws from the global generator.

    Iterating a DataLoader draws one base seed; a RandomSampler then draws the seed of its permutation.
    """
    draw_seed()
    if not shuffle:
        return torch.arange(n)
    return torch.randperm(n, generator=torch.Generator().manual_seed(draw_seed()))
