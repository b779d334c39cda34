"""MNIST, or any other 28 x 28 images of ten classes, as two resident tensors per split.

From the four official files, which `download` finds, a folder of IDX files, a course's tar file, or tensors. Nothing is
unpacked and nothing is written beside them. Preprocessing returns tensors that equal torchvision's to the last bit, for
a whole split at once.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from mnist_helpers import formats
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

    def __getitem__(self, index) -> "Digits":
        """The digits at a slice, a mask or a tensor of indices."""
        return Digits(self.images[index], self.labels[index])

    def to(self, device: torch.device) -> "Digits":
        return Digits(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Mnist:
    """Training and test images: MNIST's 60,000 and 10,000, or others of that form; classes: the labels' names."""

    train: Digits
    test: Digits
    classes: tuple[str, ...] = tuple("0123456789")

    def __post_init__(self):
        for name, part in (("train", self.train), ("test", self.test)):
            images, labels = part.images, part.labels
            if not (isinstance(images, Tensor) and isinstance(labels, Tensor)):
                raise DataError(f"{name}: images and labels must be torch tensors, such as torch.from_numpy(array)")
            if not len(images) or images.dtype != torch.uint8 or images.shape[1:] != (28, 28):
                raise DataError(f"{name}: expected uint8 images [N, 28, 28], got {images.dtype} {list(images.shape)}")
            known = labels.dtype == torch.int64 and labels.shape == images.shape[:1]
            if not (known and 0 <= labels.min() <= labels.max() < CLASSES):
                got = f"{labels.dtype} {list(labels.shape)}" + (f", {labels.min()} to {labels.max()}" if known else "")
                raise DataError(f"{name}: expected {len(images)} labels from 0 to 9 as int64, got {got}")
        if len(self.classes) != CLASSES:
            raise DataError(f"expected {CLASSES} names of classes, got {len(self.classes)}: {self.classes}")

    @property
    def hash(self) -> str:
        """16 hexadecimal digits of all images and labels: part of what a run is kept by."""
        parts = [part for digits in (self.train, self.test) for part in (digits.images, digits.labels)]
        content = hashlib.sha256(str([list(part.shape) for part in parts]).encode())
        for part in parts:
            content.update(part.cpu().contiguous().numpy())
        return content.hexdigest()[:16]

    @property
    def scale(self) -> tuple[float, float]:
        """(mean, standard deviation) of the training pixels in [0, 1], to four decimals: MNIST's are MEAN and STD."""
        values = torch.arange(256, dtype=torch.float64) / 255
        counts = self.train.images.flatten().bincount(minlength=256).cpu().double()
        mean = (values @ counts / counts.sum()).item()
        std = ((values - mean).square() @ counts / counts.sum()).sqrt().item()
        if std < 1e-4:
            raise DataError("all training images are alike, so that nothing can be learned from them")
        return round(mean, 4), round(std, 4)

    def to(self, device: torch.device) -> "Mnist":
        return Mnist(self.train.to(device), self.test.to(device), self.classes)


def best_device(device: str | torch.device | None = None) -> torch.device:
    """The device asked for, else CUDA, then Apple MPS, then the CPU."""
    here = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    return torch.device(device or here)


def load(root: str | Path = "data", device: str | torch.device | None = None) -> Mnist:
    """MNIST from its four files, wherever `files` finds them; DataError as there."""
    mnist, device = _load(project_path(root)), best_device(device)
    # what is done to copies in place stays with the caller
    return Mnist(*(Digits(d.images.clone(), d.labels.clone()).to(device) for d in (mnist.train, mnist.test)))


@lru_cache(maxsize=2)
def _load(root: Path) -> Mnist:
    return _read_four(files(root))


def load_idx(folder: str | Path, classes: Sequence[str] = tuple("0123456789")) -> Mnist:
    """Another data set in MNIST's format, such as Fashion-MNIST: train-images-idx3-ubyte and so on, perhaps with .gz.

    folder: as torchvision fills it ("data/FashionMNIST/raw") or a package of the system; classes: the labels' names.
    DataError names a file that is missing or of another form.
    """
    folder, path = project_path(folder), {}
    for name in MD5:
        path[name] = next((p for p in (folder / name, folder / name.removesuffix(".gz")) if p.is_file()), None)
        if path[name] is None:
            raise DataError(f"{folder} holds no {name}, packed or unpacked; give the folder that has all four files")
    return _read_four(path, tuple(classes))


def _read_four(path: dict[str, Path], *classes) -> Mnist:
    images, labels, test_images, test_labels = (formats.read_idx(path[name]) for name in MD5)
    return Mnist(Digits(images, labels.long()), Digits(test_images, test_labels.long()), *classes)


def load_png_tar(path: str | Path) -> Digits:
    """The digits of a course's tar file of {ID}_{Label}.png, 28 x 28 pixels, in the order of the IDs; see `formats`."""
    return Digits(*formats.read_png_tar(path))


def split(digits: Digits, valid: int, seed: int = 0, fold: int = 0, train: int = 0) -> tuple[Digits, Digits]:
    """(training, validation): `valid` digits drawn without replacement by a fixed seed, the same for every recipe.

    fold: 1, 2, ... hold out the next `valid` digits of the same random order, for cross-validation.
    train: keep only the first so many of the others, in random order, so that smaller sets lie in larger ones; 0: all.
    """
    n = len(digits)
    if not 0 <= valid < n:
        raise DataError(f"cannot hold out {valid} of {n} digits for validation; the recipe's `validation` says so")
    if not 0 <= fold * valid <= n - valid:
        raise DataError(f"there is no fold {fold} of {valid} in {n} digits; the first is fold 0")
    if not 0 <= train <= n - valid:
        raise DataError(f"cannot train on {train} of {n} digits with {valid} held out for validation")
    if valid == train == 0:
        return digits, digits[:0]
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).to(digits.labels.device)
    held_out, rest = order[fold * valid :][:valid], torch.cat([order[: fold * valid], order[(fold + 1) * valid :]])
    return digits[rest[: train or n].sort().values], digits[held_out.sort().values]


def prepare(images: Tensor, recipe, scale: tuple[float, float] = (MEAN, STD)) -> Tensor:
    """A recipe's preprocessing: uint8 [N, 28, 28] -> float32 [N, 1, S, S] with S = 28 or 32.

    Reads recipe.permuted, recipe.resize ("none", "pad" or "bilinear") and recipe.normalise: True subtracts and divides
    by scale, a mean and a standard deviation (Mnist.scale of other data); a recipe can have two numbers of its own.
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
    if recipe.normalise is False:
        return inputs
    mean, std = scale if recipe.normalise is True else recipe.normalise
    return inputs.sub_(mean).div_(std)


def pixel_order(pixels: int = 784, seed: int = 0) -> Tensor:
    """int64 [pixels]: a fixed random permutation, the same on every machine."""
    return torch.randperm(pixels, generator=torch.Generator().manual_seed(seed))


def permute(images: Tensor) -> Tensor:
    """[N, H, W] with the pixels of every image put in one and the same random order: no pixel is lost, all order is."""
    return images.flatten(1)[:, pixel_order(images[0].numel()).to(images.device)].view_as(images)


def resize_bilinear(images: Tensor) -> Tensor:
    """uint8 [N, 28, 28] -> uint8 [N, 32, 32]; of all MNIST images, bit for bit torchvision's Resize on PIL images."""
    whole = images[:, None].cpu()  # on a GPU the sums are rounded otherwise
    return F.interpolate(whole, size=(32, 32), mode="bilinear", antialias=True)[:, 0].to(images.device)


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
