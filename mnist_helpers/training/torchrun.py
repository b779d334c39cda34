"""Trainings on many machines: torchrun starts the ranks; each trains its share, and all know the results."""

import os
import pickle
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import torch
import torch.distributed as dist

from mnist_helpers.training.jobs import Job, train, train_jobs
from mnist_helpers.training.loop import TrainingError
from mnist_helpers.training.runs import Run

PIECE = 4 << 20  # bytes of a message; torchrun's store takes 8 MiB at most


def is_launched() -> bool:
    """Was this process started by torchrun?"""
    return dist.is_available() and dist.is_torchelastic_launched()


def is_first() -> bool:
    """Is this the rank that writes and prints? Outside of torchrun: yes."""
    return os.environ.get("RANK", "0") == "0"


def train_share(jobs: Sequence[Job], on_end: Callable[[list[tuple[int, Run]]], None]) -> None:
    """Train this rank's share of the first rank's jobs; the first then calls on_end with [(rank, run)] of all ranks.

    A rank is one core or one GPU. Finished runs are reused. After a failure the others are still trained; at the end
    TrainingError names all that failed.
    """
    store, rank, ranks = _store()
    call = store.add(f"calls of {rank}", 1)  # the ranks make the same calls, each with keys of its own
    store, trained, failures = dist.PrefixStore(str(call), store), [], []
    gpus = torch.cuda.device_count()
    device = f"cuda:{int(os.environ['LOCAL_RANK']) % gpus}" if gpus else "cpu"
    if is_first():  # machines may have different files, and so miss different trainings
        _send(store, "jobs", list(jobs))
    share = _receive(store, "jobs")[rank::ranks]
    if gpus:  # side by side; the loop reads what is finished, and meets what failed again
        with suppress(TrainingError):
            train_jobs(share, device=device)
    for recipe, seed in share:
        try:
            trained.append((rank, train(recipe, seed, device=device, on_epoch=lambda row: None)))
        except TrainingError as error:
            failures.append(str(error))
    _send(store, f"failures of {rank}", failures)
    _send(store, f"trained by {rank}", trained)
    failures = [entry for other in range(ranks) for entry in _receive(store, f"failures of {other}")]
    if is_first():
        on_end([entry for other in range(ranks) for entry in _receive(store, f"trained by {other}")])
    _send(store, f"end of {rank}", None)
    for other in range(ranks if is_first() else 0):  # where it holds the store, as with etcd, it leaves last
        _receive(store, f"end of {other}")
    if failures:
        raise TrainingError(f"{len(failures)} trainings failed: {'; '.join(failures)}")


@cache
def _store() -> tuple[dist.Store, int, int]:
    """torchrun's own store, this rank and the number of ranks.

    Not a process group: its threads may outlive Python's, and then the process aborts at its end.
    """
    return next(dist.rendezvous("env://"))


def _send(store: dist.Store, key: str, message: Any) -> None:
    content = pickle.dumps(message)
    pieces = [content[start : start + PIECE] for start in range(0, len(content), PIECE)]
    for number, piece in enumerate(pieces):
        store.set(f"{key} {number}", piece)
    store.set(key, str(len(pieces)))


def _receive(store: dist.Store, key: str) -> Any:
    """Waits until it is sent, perhaps for hours: in steps, since the store's own waiting does not hear Ctrl-C."""
    while not store.check([key]):
        time.sleep(0.2)
    pieces = range(int(store.get(key)))
    return pickle.loads(b"".join(store.get(f"{key} {number}") for number in pieces))
