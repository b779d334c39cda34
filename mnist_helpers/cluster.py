"""Many seeds on many machines: torchrun starts the ranks, each trains its share, rank 0 gathers one table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta

import pandas as pd
import torch
import torch.distributed as dist

from mnist_helpers import training
from mnist_helpers.recipes import Recipe
from mnist_helpers.run import describe


def train_share(recipe: Recipe, seeds: Sequence[int]) -> None:
    """Train this rank's share of the seeds in turn (a rank is one core or one GPU); rank 0 prints the table of all.

    Finished runs are reused. After a failure the others are still trained; then every rank raises TrainingError.
    """
    dist.init_process_group("gloo", timeout=timedelta(days=30))  # the first to finish waits for the last
    rank, ranks, rows, failures = dist.get_rank(), dist.get_world_size(), [], []
    torch.set_num_threads(1)  # as train_many does, so that the runs are the same
    gpus = torch.cuda.device_count()
    device = f"cuda:{int(os.environ['LOCAL_RANK']) % gpus}" if gpus else "cpu"
    for seed in seeds[rank::ranks]:
        try:
            run = training.train(recipe, seed, device=device, on_epoch=lambda row: None)
            rows.append(describe(run.record()) | {"rank": rank})
        except training.TrainingError as error:
            failures.append(str(error))
    parts = [None] * ranks
    dist.all_gather_object(parts, (rows, failures))
    dist.destroy_process_group()
    if rank == 0 and (rows := [row for rows, _ in parts for row in rows]):
        print(pd.DataFrame(rows).sort_values("seed").to_string(index=False), flush=True)
    if failures := [failure for _, failures in parts for failure in failures]:
        raise training.TrainingError(f"{len(failures)} of {len(seeds)} seeds failed: {'; '.join(failures)}")
