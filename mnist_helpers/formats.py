"""The files that images come in: IDX, as MNIST's, and a course's tar of PNG pictures. Nothing is unpacked to disk."""

import gzip
import lzma
import re
import tarfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mnist_helpers.download import DataError


def read_idx(path: Path) -> Tensor:
    """One IDX file: bytes 0, 0, 8 (uint8), the number of dimensions, each as big-endian int32, then the data."""
    try:
        content = path.read_bytes()
        raw = np.frombuffer(gzip.decompress(content) if path.suffix == ".gz" else content, np.uint8)
        start = 4 + 4 * int(raw[3])
        shape = np.frombuffer(raw[4:start].tobytes(), ">i4")
        if tuple(raw[:3]) != (0, 0, 8) or (shape < 0).any():
            raise ValueError("it does not begin as one")
        return torch.from_numpy(raw[start:].reshape(*shape).copy())
    except (OSError, EOFError, ValueError, TypeError, IndexError, zlib.error) as error:
        raise DataError(f"{path.name} is no IDX file of bytes, or a damaged one ({error})") from error


def read_png_tar(path: str | Path) -> tuple[Tensor, Tensor]:
    """(images uint8 [N, 28, 28], labels int64 [N]) of a tar file of {ID}_{Label}.png, in the order of the IDs.

    28 x 28 pixels, grey, coloured, 16 bits deep or with transparency; dark on light comes out light on dark, as MNIST.
    Folders and the hidden files that macOS adds are passed over. DataError names a file of another name, size or kind,
    a broken picture, one whose background is not as the others', a path that leads out of the archive, and an ID that
    comes twice.
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
    numbers = sorted(found)
    images, labels = zip(*(found[number] for number in numbers), strict=True)
    return _light_on_dark(torch.stack(images), numbers, path), torch.tensor(labels)


def _light_on_dark(images: Tensor, numbers: list[int], path: str | Path) -> Tensor:
    """The images, inverted where most have light edges; DataError names one whose whole edge is of the other kind."""
    edges = torch.cat([images[:, [0, -1]].flatten(1), images[:, 1:-1, [0, -1]].flatten(1)], dim=1)  # [N, 108]
    kinds = ["light", "dark"]
    if edges.median(1).values.median() > 127:
        images, edges, kinds = 255 - images, 255 - edges, kinds[::-1]
    other = (edges.min(1).values > 127).tolist()
    if any(other):
        who = f"{path}: the picture with ID {numbers[other.index(True)]}"
        raise DataError(f"{who} has a {kinds[0]} background and most others a {kinds[1]} one; make them alike")
    return images


def _read_member(archive: tarfile.TarFile, member: tarfile.TarInfo, name: PurePosixPath, who: str):
    """(ID, label, uint8 [28, 28]) of one picture of the archive, which is read and never unpacked to disk."""
    if name.is_absolute() or ".." in name.parts or not member.isfile():
        raise DataError(f"{who} is a link or leads out of the archive; make it again with plain files")
    match = re.fullmatch(r"(\d{1,18})_(\d)\.png", name.name)
    if not match:
        raise DataError(f"{who} is not named {{ID}}_{{Label}}.png, such as 00001_5.png")
    try:
        with Image.open(archive.extractfile(member), formats=["PNG"]) as picture:
            if picture.size != (28, 28):
                raise DataError(f"{who} has {picture.width} x {picture.height} pixels, expected 28 x 28")
            pixels = _greys(picture)
    except (OSError, ValueError, SyntaxError, AssertionError, Image.DecompressionBombError) as error:
        raise DataError(f"{who} is not a readable PNG picture ({error})") from error
    return int(match[1]), int(match[2]), torch.from_numpy(pixels)


def _greys(picture: Image.Image) -> np.ndarray:
    """uint8 [H, W]: 16 bits brought to 8, and what is transparent laid on black under light ink, else on white."""
    if picture.mode.startswith("I"):
        return np.round(np.asarray(picture, dtype=np.float64) / 257).astype(np.uint8)
    if not picture.has_transparency_data:
        return np.array(picture.convert("L"))
    grey, alpha = (np.asarray(picture.convert("RGBA").convert("LA"), dtype=np.float64)[..., k] for k in (0, 1))
    paper = 0 if (grey * alpha).sum() > 127.5 * alpha.sum() else 255
    return np.round((grey * alpha + paper * (255 - alpha)) / 255).astype(np.uint8)
