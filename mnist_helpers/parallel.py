"""Many independent jobs on a CPU: one process a core, one thread each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import get_context

import torch

from mnist_helpers.progress import Progress

_counter = None  # in a worker: the steps finished by all workers, shared with the parent


def run_jobs(work: Callable, jobs: list[tuple], progress: Progress) -> Iterator[tuple[int, object]]:
    """(index, result or exception) of work(*job, on_step=...) for each job, as they finish.

    A failing job does not stop the others. Ctrl-C stops the workers at once and is raised again.
    """
    context = get_context("spawn")  # fork is unsafe once torch has started threads, and absent on Windows
    counter = context.Value("l", 0)
    pool = ProcessPoolExecutor(min(len(jobs), os.cpu_count() or 1), context, _start_worker, (counter,))
    try:
        waiting = {pool.submit(_call, work, job): index for index, job in enumerate(jobs)}
        while waiting:
            finished, _ = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
            progress.update(counter.value)
            for future in finished:
                yield waiting.pop(future), future.exception() or future.result()
    except BaseException:  # KeyboardInterrupt, or the caller gave up
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker(counter) -> None:
    global _counter
    _counter = counter
    torch.set_num_threads(1)


def _call(work: Callable, job: tuple):
    def on_step(_) -> None:
        with _counter.get_lock():
            _counter.value += 1

    return work(*job, on_step)
