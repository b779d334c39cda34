"""Where the project's files are, and writing one whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path


def project_path(path: str | Path, start: Path | None = None) -> Path:
    """An absolute path as it is; a relative one from the nearest folder, from `start` upwards, that is the project's.

    That is one with report.toml, or else with chapters in notebooks/; `start` itself where there is none.
    start: the current folder by default. Jupyter and nbval start kernels in notebooks/, so that folder alone would
    not find data/ and runs/.
    """
    here = start or Path.cwd()
    for mark in ("report.toml", "notebooks/[0-9][0-9]_*.ipynb"):
        for folder in (here, *here.parents):
            if any(folder.glob(mark)):
                return folder / path  # joining an absolute path gives that path
    return here / path


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the file and rename, so that nobody ever reads half of it."""
    write_together({path: content})


def write_together(files: dict[Path, bytes]) -> None:
    """Write all files or, where one cannot be written, none: each beside its place, and then all are renamed."""
    with ExitStack() as folders:
        for path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
        # a folder of its own for each call, since threads of one process write too; a temporary file would be private
        part = {
            parent: Path(folders.enter_context(tempfile.TemporaryDirectory(prefix=".part-", dir=parent)))
            for parent in {path.parent for path in files}
        }
        for path, content in files.items():
            (part[path.parent] / path.name).write_bytes(content)
        for path in files:
            os.replace(part[path.parent] / path.name, path)
