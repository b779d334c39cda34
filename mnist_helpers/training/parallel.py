"""Many independent jobs on a CPU: one process a core, one thread each."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import get_context, parent_process

import torch

from mnist_helpers.progress import Progress

_counter = None  # in a worker: the steps finished by all workers, shared with the parent


def run_jobs(work: Callable, jobs: list[tuple], progress: Progress) -> Iterator[tuple[int, object]]:
    """(index, result or exception) of work(*job, on_step=...) for each job, as they finish.

    A failing job does not stop the others. Ctrl-C stops the workers at once and is raised again.
    """
    context = get_context("spawn")  # fork is unsafe once torch has started threads, and absent on Windows
    counter = context.Value("l", 0)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    pool = ProcessPoolExecutor(min(len(jobs), cores), context, _start_worker, (counter,))
    try:
        waiting = {pool.submit(_call, work, job): index for index, job in enumerate(jobs)}
        while waiting:
            finished, _ = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
            progress.update(counter.value)
            for future in finished:
                yield waiting.pop(future), future.exception() or pickle.loads(future.result())
    except BaseException:  # KeyboardInterrupt, or the caller gave up
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker(counter) -> None:
    global _counter
    _counter = counter
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which stops its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)


def _end_with_parent() -> None:
    parent_process().join()  # killed hard, it could not stop us
    os._exit(1)


def _call(work: Callable, job: tuple) -> bytes:
    """The pickled result: as bytes, since torch would pass each tensor through a file in shared memory."""

    def on_step(_) -> None:
        with _counter.get_lock():
            _counter.value += 1

    return pickle.dumps(work(*job, on_step))
