"""Trainings on many machines: torchrun starts the ranks; each trains its share, and all know the results."""

import atexit
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

import torch
import torch.distributed as dist

from mnist_helpers.training.jobs import Job, train, train_jobs
from mnist_helpers.training.loop import TrainingError
from mnist_helpers.training.runs import Run


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
    if not dist.is_initialized():  # once a process: a group made anew would meet the old one's addresses
        dist.init_process_group("gloo", timeout=timedelta(days=30))  # the first to finish waits for the last
        atexit.register(dist.destroy_process_group)
    rank, ranks, trained, failures = dist.get_rank(), dist.get_world_size(), [], []
    gpus = torch.cuda.device_count()
    device = f"cuda:{int(os.environ['LOCAL_RANK']) % gpus}" if gpus else "cpu"
    shared = [list(jobs)]
    dist.broadcast_object_list(shared)  # machines may have different files, and so miss different trainings
    share = shared[0][rank::ranks]
    if gpus:  # side by side; the loop reads what is finished, and meets what failed again
        with suppress(TrainingError):
            train_jobs(share, device=device)
    for recipe, seed in share:
        try:
            trained.append((rank, train(recipe, seed, device=device, on_epoch=lambda row: None)))
        except TrainingError as error:
            failures.append(str(error))
    parts = [None] * ranks
    dist.all_gather_object(parts, (trained, failures))
    if is_first():
        on_end([entry for part, _ in parts for entry in part])
    if failures := [entry for _, part in parts for entry in part]:
        raise TrainingError(f"{len(failures)} trainings failed: {'; '.join(failures)}")
