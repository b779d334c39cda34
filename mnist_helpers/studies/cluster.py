"""Many trainings on many machines: torchrun starts the ranks, each trains its share, all know the results."""

import atexit
import os
from collections.abc import Sequence
from datetime import timedelta

import torch
import torch.distributed as dist

from mnist_helpers.training import TrainingError, train
from mnist_helpers.training.jobs import Job
from mnist_helpers.training.runs import Run


def is_launched() -> bool:
    """Was this process started by torchrun?"""
    return dist.is_available() and dist.is_torchelastic_launched()


def is_first() -> bool:
    """Is this the rank that writes and prints? Outside of torchrun: yes."""
    return os.environ.get("RANK", "0") == "0"


def train_share(jobs: Sequence[Job]) -> tuple[list[tuple[int, Run]], list[str]]:
    """Train this rank's share of the first rank's jobs: ([(rank, run)], failures) of all ranks.

    A rank is one core or one GPU. Finished runs are reused. After a failure the others are still trained.
    """
    if not dist.is_initialized():  # once a process: a group made anew would meet the old one's addresses
        dist.init_process_group("gloo", timeout=timedelta(days=30))  # the first to finish waits for the last
        atexit.register(dist.destroy_process_group)
    rank, ranks, trained, failures = dist.get_rank(), dist.get_world_size(), [], []
    gpus = torch.cuda.device_count()
    device = f"cuda:{int(os.environ['LOCAL_RANK']) % gpus}" if gpus else "cpu"
    shared = [list(jobs)]
    dist.broadcast_object_list(shared)  # machines may have different files, and so miss different trainings
    for recipe, seed in shared[0][rank::ranks]:
        try:
            trained.append((rank, train(recipe, seed, device=device, on_epoch=lambda row: None)))
        except TrainingError as error:
            failures.append(str(error))
    parts = [None] * ranks
    dist.all_gather_object(parts, (trained, failures))
    return [entry for part, _ in parts for entry in part], [entry for _, part in parts for entry in part]


def raise_failures(failures: Sequence[str]) -> None:
    """TrainingError that names them all, if there are any."""
    if failures:
        raise TrainingError(f"{len(failures)} trainings failed: {'; '.join(failures)}")
