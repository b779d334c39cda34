"""Where the project's files are, and writing one whole or not at all."""

import os
from pathlib import Path
from uuid import uuid4


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
    parts = {path: path.with_name(f".part-{uuid4().hex}") for path in files}  # threads of one process write too
    try:
        for path, part in parts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(files[path])
        for path, part in parts.items():
            os.replace(part, path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
