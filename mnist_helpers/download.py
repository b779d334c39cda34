"""MNIST's four official files: where they are, whether they are whole, and fetching those that are missing."""

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
PATIENCE, LARGEST = 20, 20_000_000  # seconds without a byte, and bytes in all, after which a mirror counts as gone


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
            found[name] = _cached(name, folder)
        elif damage := _damage(path.read_bytes(), name):
            mend = "Restore it with 'git checkout -- data', or delete it and a fresh copy will be downloaded."
            raise DataError(f"{path} is damaged or not MNIST's: {damage}. {mend}")
    return found


def _damage(content: bytes, name: str) -> str:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return "" if md5 == MD5[name] else f"its MD5 is {md5} ({len(content):,} bytes), expected {MD5[name]}"


def _cached(name: str, folder: Path) -> Path:
    """The file in torch's cache, downloaded where it is not yet; DataError says that `folder` lacks it too."""
    path = Path(torch.hub.get_dir(), "MNIST", "raw", name)
    if path.is_file() and not _damage(path.read_bytes(), name):
        return path
    content = _download(name, folder)
    try:
        write_atomically(path, content)
    except OSError as error:
        mend = "Make it writable, or name another folder in the environment variable TORCH_HOME."
        problem = f"{path.parent} cannot be written to ({error.strerror or error})"
        raise DataError(f"{name} was downloaded, but {problem}. {mend}") from error
    return path


def _download(name: str, folder: Path) -> bytes:
    """What the first mirror sends that has the file whole, with progress."""
    problems = []
    for url in (mirror + name for mirror in MIRRORS):
        try:
            content = bytearray()
            with urlopen(url, timeout=PATIENCE) as answer, Progress(answer.length or 0, f"bytes of {url}") as progress:
                while len(content) < LARGEST and (chunk := answer.read(1 << 16)):
                    content += chunk
                    progress.update(len(content))
            if not (damage := _damage(content, name)):
                return bytes(content)
            problems.append(f"{url}: {damage}")
        except (OSError, HTTPException, ValueError) as error:
            problems.append(f"{url}: {' '.join(str(error).split())}")
    raise DataError(
        f"{name} is neither in {folder} nor could it be downloaded ({'; '.join(problems)}). "
        "Check the network and try again, or put MNIST's four official .gz files into that folder."
    )
