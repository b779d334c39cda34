"""MNIST's four official files: where they are, whether they are whole, and fetching those that are missing.

Apart from data.py, whose source is part of every run's name: a new mirror makes no training an old one.
"""

from __future__ import annotations

import hashlib
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

import torch

from mnist_helpers.files import project_path, write_atomically
from mnist_helpers.progress import Progress

# Both lists are torchvision's, which a test checks: importing it takes longer than reading the data.
MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
MIRRORS = ["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"]
PATIENCE = 20  # seconds without a byte, after which a mirror counts as gone
LARGEST = 20_000_000  # bytes: twice the largest file


class DataError(Exception):
    """A data file or data set that cannot be used; the message says which, why and what to do."""

    exit_code = 2  # of the command line: bad input


def files(root: str | Path = "data") -> dict[str, Path]:
    """{name: path} of the four files: in root/MNIST/raw, and those missing there downloaded to torch's cache.

    Raises DataError for one whose MD5 sum is not the official one, or that is nowhere to be had.
    """
    folder, found = project_path(root) / "MNIST" / "raw", {}
    for name in MD5:
        found[name] = path = folder / name
        if not path.is_file():
            found[name] = _download(name, folder)
        elif (md5 := _md5(content := path.read_bytes())) != MD5[name]:
            raise DataError(
                f"{path} is damaged or not MNIST's: its MD5 is {md5} ({len(content):,} bytes), expected {MD5[name]}. "
                "Restore it with 'git checkout -- data', or delete it and a fresh copy will be downloaded."
            )
    return found


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _download(name: str, folder: Path) -> Path:
    """The file in torch's cache, fetched there where it is not yet; DataError says that `folder` lacks it too."""
    path, problems = Path(torch.hub.get_dir()) / "MNIST" / "raw" / name, []
    if path.is_file() and _md5(path.read_bytes()) == MD5[name]:
        return path
    for mirror in MIRRORS:
        try:
            content = _fetch(mirror + name)
            if _md5(content) == MD5[name]:
                return _keep(content, path)
            problems.append(f"{mirror}: what it sends is damaged")
        except (OSError, HTTPException, ValueError) as error:
            problems.append(f"{mirror}: {' '.join(str(error).split())}")
    raise DataError(
        f"{name} is neither in {folder} nor could it be downloaded ({'; '.join(problems)}). "
        "Check the network and try again, or put MNIST's four official .gz files into that folder."
    )


def _keep(content: bytes, path: Path) -> Path:
    try:
        write_atomically(path, content)
    except OSError as error:
        raise DataError(
            f"{path.name} was downloaded, but {path.parent} cannot be written to ({error.strerror or error}). "
            "Make it writable, or name another folder in the environment variable TORCH_HOME."
        ) from error
    return path


def _fetch(url: str) -> bytes:
    """What the address sends, with progress; an error where nothing comes for PATIENCE seconds, or too much."""
    content = bytearray()
    with (
        urlopen(url, timeout=PATIENCE) as answer,
        Progress(answer.length or 0, f"downloading {url}, bytes") as progress,
    ):
        while chunk := answer.read(1 << 16):
            content += chunk
            if len(content) > LARGEST:
                raise ValueError("it sends more than any of the four files has")
            progress.update(len(content))
    return bytes(content)
