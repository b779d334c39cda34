"""train(recipe, seed) -> Run: a finished run is reused, an unfinished one goes on; many of them, one a core."""

import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from multiprocessing import get_context, parent_process
from pathlib import Path
from unittest.mock import patch

import cloudpickle  # also takes the classes of a notebook to other processes
import torch

from mnist_helpers import data as digits
from mnist_helpers.data import Mnist
from mnist_helpers.files import project_path
from mnist_helpers.progress import Progress
from mnist_helpers.source import own_modules
from mnist_helpers.training import cuda
from mnist_helpers.training import runs as kept
from mnist_helpers.training.loop import TrainingError, fit
from mnist_helpers.training.recipe import Recipe, RecipeError
from mnist_helpers.training.runs import Run, describe_environment, format_epoch

Job = tuple[Recipe, int]  # and seed
AT_ONCE = {"cuda": 8}  # trainings on one device
_say_once = cache(print)
_threads = cache(ThreadPoolExecutor)  # the same ones each time: CUDA keeps memory for every thread and stream
KEEP_AFTER = {"cuda": 2.0}  # seconds between two checkpoints; elsewhere there is one after each epoch


def train(
    recipe: Recipe, seed: int, *, data: Mnist | None = None, runs="runs", device=None, reuse=True, on_epoch=None
) -> Run:
    """Train a recipe with a seed; a finished equal run is reused, an unfinished one goes on.

    data: other images than MNIST's. runs: where runs are kept, a relative folder from the project's. device: None
    picks CUDA, MPS or the CPU, which takes one thread. on_epoch: called with each row of the history, those of earlier
    times too; prints a line of it by default. RecipeError for what cannot be trained, TrainingError where a loss is not
    finite or `runs` cannot be written to.
    """
    device, data = digits.best_device(device), _images(data)
    on_epoch = on_epoch or (lambda row: print(format_epoch(row), flush=True))
    folder = kept.folder_of(recipe, seed, data.hash, runs, device)
    run = _train(recipe, seed, folder, device, reuse, data, on_epoch)
    _tell()
    return run


def _tell() -> None:
    """Not where it is found out: what a thread of an earlier cell prints, a notebook shows below that one."""
    for name in sorted(cuda.unrecorded):
        _say_once(f"{name} cannot be recorded as a CUDA graph, so it trains more slowly.")


def _images(data: Mnist | None) -> Mnist:
    if data is not None and not isinstance(data, Mnist):
        raise digits.DataError(f"data must be a data.Mnist(train, test), not {type(data).__name__}")
    return data or digits.load()


def _train(
    recipe: Recipe, seed: int, folder: Path, device: torch.device, reuse: bool, data: Mnist, on_epoch: Callable
) -> Run:
    run = kept.load(folder, recipe) if reuse else None
    if run is None:
        with kept.locked(folder), one_thread():
            if reuse:  # another process may have finished it while this one waited
                run = kept.load(folder, recipe, set_aside=True)
            if run is None:
                return _train_and_keep(recipe, int(seed), data.to(device), device, folder, reuse, on_epoch)
    for row in run.history:
        on_epoch(row)
    return run


def _train_and_keep(
    recipe: Recipe, seed: int, mnist: Mnist, device: torch.device, folder: Path, reuse: bool, on_epoch: Callable
) -> Run:
    """Train, from the checkpoint on if there is one; keep one after each epoch and the run at the end."""
    past = kept.load_checkpoint(folder) if reuse else None
    start = time.perf_counter() - (past["seconds"] if past else 0)

    last = time.perf_counter()

    def keep(state: dict) -> None:
        nonlocal last
        if (now := time.perf_counter()) - last >= KEEP_AFTER.get(device.type, 0):
            last = now
            kept.save_checkpoint(folder, {"seconds": now - start} | state)

    history, chosen = fit(recipe, seed, mnist, device, on_epoch, past, keep)
    environment = describe_environment(device) | {"seconds": round(time.perf_counter() - start, 2)}
    wrong = (chosen["predictions"].argmax(1) != mnist.test.labels.cpu()).nonzero()[:, 0].tolist()
    run = Run(recipe, seed, history, **chosen, wrong=wrong, environment=environment, scale=mnist.scale)
    kept.save(run, folder)
    return run


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums are then added in one order, whether one training runs or one a core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def train_many(recipe: Recipe, seeds: Iterable[int], **options) -> list[Run]:
    """The runs of a recipe in the seeds' order; options as in `train`. Shows a progress bar, prints nothing."""
    return train_grid([recipe], seeds, **options)[recipe.name]


def train_grid(recipes: Iterable[Recipe], seeds: Iterable[int], **options) -> dict[str, list[Run]]:
    """{recipe's name: its runs in the seeds' order}, of every recipe with every seed, as `train_jobs` trains them."""
    recipes, seeds = list(recipes), list(seeds)
    if len({recipe.name for recipe in recipes}) < len(recipes):
        raise RecipeError(f"two recipes have one name: {', '.join(recipe.name for recipe in recipes)}")
    found = train_jobs([(recipe, seed) for recipe in recipes for seed in seeds], **options)
    return {recipe.name: [replace(found[recipe, seed], recipe=recipe) for seed in seeds] for recipe in recipes}


def train_jobs(
    jobs: Iterable[Job], *, data: Mnist | None = None, runs="runs", device=None, reuse=True
) -> dict[Job, Run]:
    """The run of each (recipe, seed): on a CPU one a core at a time, which beats one after another on all cores.

    After a failure the others are still finished and kept; then the first failure is raised.
    """
    jobs, device, runs = list(dict.fromkeys(jobs)), digits.best_device(device), project_path(runs)
    if not jobs:
        return {}
    data = _images(data)
    images = data.hash
    folders = {job: kept.folder_of(*job, images, runs, device) for job in jobs}
    found = {job: kept.load(folders[job], job[0]) if reuse else None for job in jobs}
    tasks = {job: (*job, folders[job], device, reuse) for job, run in found.items() if run is None}
    if tasks:
        with Progress(sum(recipe.epochs for recipe, _ in tasks), "training, epochs") as progress:
            work = _side_by_side if device.type == "cpu" else _in_threads
            failed = {job: error for job, error in work(tasks, data, progress) if error}
        _tell()
        if failed:
            recipe, seed = first = min(failed, key=list(tasks).index)
            others = f" ({len(failed) - 1} more failed)" if len(failed) > 1 else ""
            raise TrainingError(f"{recipe.name} with seed {seed} failed: {failed[first]}{others}") from failed[first]
    return found | {job: kept.load(folders[job], job[0]) for job in tasks}


def _in_threads(tasks: dict[Job, tuple], mnist: Mnist, progress: Progress) -> Iterator[tuple[Job, Exception | None]]:
    """(job, what it failed with) as they finish: on one GPU, side by side; out of memory, the rest are fewer at once.

    Ctrl-C stops each at the end of its epoch and is raised again.
    """
    left, epochs, device = dict(tasks), [], next(iter(tasks.values()))[3]
    at_once, mnist = AT_ONCE.get(device.type, 1), mnist.to(device)

    def on_epoch(row: dict) -> None:
        epochs.append(row)
        if stop.is_set():
            raise CancelledError

    while left:
        stop, pool = threading.Event(), _threads(at_once)
        with one_thread():
            waiting = {pool.submit(_train, *task, mnist, on_epoch): job for job, task in left.items()}
            try:
                for job, future in _as_they_finish(waiting, lambda: len(epochs), progress):
                    error = future.exception()
                    if at_once > 1 and isinstance(error, torch.OutOfMemoryError):
                        error.with_traceback(None)  # it holds the training's tensors
                    else:
                        del left[job]
                        yield job, error
            finally:
                stop.set()
                wait([future for future in waiting if not future.cancel()])
                torch.cuda.empty_cache()  # what fewer at once, or the kernels of the chapters, may need
        if left:
            at_once //= 2
            print(f"The GPU's memory is full; {len(left)} trainings go on, at most {at_once} at once.")


def _as_they_finish(
    waiting: dict[Future, Job], epochs: Callable[[], int], progress: Progress
) -> Iterator[tuple[Job, Future]]:
    while waiting:
        finished, _ = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
        progress.update(epochs())
        for future in finished:
            yield waiting.pop(future), future


_shared: tuple = ()  # in a worker: the images, and the number of epochs finished by all workers


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _side_by_side(tasks: dict[Job, tuple], mnist: Mnist, progress: Progress) -> Iterator[tuple[Job, Exception | None]]:
    """(job, what it failed with) as they finish. Ctrl-C stops the workers at once and is raised again."""
    context = get_context("spawn")  # fork is unsafe once torch has started threads, and absent on Windows
    counter = context.Value("l", 0)
    pool = ProcessPoolExecutor(min(len(tasks), cores()), context, _start_worker, (cloudpickle.dumps(mnist), counter))
    try:
        # workers would import the script that started them, and start again; what they need of it is sent
        with patch.multiple("__main__", create=True, __file__=None, __spec__=None):
            waiting = {pool.submit(_work, _packed(task)): job for job, task in tasks.items()}
        for job, future in _as_they_finish(waiting, lambda: counter.value, progress):
            yield job, future.exception() or future.result()
    except BaseException:  # KeyboardInterrupt, or the caller gave up
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _packed(task: tuple) -> bytes:
    """A task for a worker, with the classes that a notebook or a student's own file has now."""
    for module in own_modules():
        cloudpickle.register_pickle_by_value(module)
    try:
        return cloudpickle.dumps(task)
    except Exception as error:  # such as a lock among a notebook's globals
        raise RecipeError(
            f"recipe {task[0].name}: {task[0].model_name} cannot be sent to another process ({error}); `train` trains "
            "it in this one"
        ) from error


def _start_worker(mnist: bytes, counter) -> None:
    global _shared
    _shared = pickle.loads(mnist), counter
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which stops its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent_process().join()  # killed hard, it could not stop us
    os._exit(1)


def _work(packed: bytes) -> Exception | None:
    """What the training failed with; the run is on disk."""
    mnist, counter = _shared

    def on_epoch(_) -> None:
        with counter.get_lock():
            counter.value += 1

    try:
        _train(*pickle.loads(packed), mnist, on_epoch)
    except Exception as error:  # one of a notebook's own could not be read back
        return error if hasattr(error, "exit_code") else TrainingError(f"{type(error).__name__}: {error}")
