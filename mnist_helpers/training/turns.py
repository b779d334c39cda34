"""Trainings on one NVIDIA GPU, side by side in threads of one process: what they share, and what each has for itself.

Random numbers and cuDNN's settings are the process's. So one training at a time has its turn; while the GPU works on
its steps, it lends the turn to the others.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from weakref import WeakValueDictionary

import torch

_splits, _preparing, _process = WeakValueDictionary(), threading.Lock(), threading.Lock()
_stream = cache(lambda thread, device: torch.cuda.Stream(device))


def shared(prepare: Callable, recipe, mnist):
    """prepare(recipe, mnist), once for all trainings that use it at a time."""
    fields = [getattr(recipe, key) for key in ("validation", "fold", "train_images", "permuted", "resize", "normalise")]
    tensors = [tensor for part in (mnist.train, mnist.test) for tensor in (part.images, part.labels)]
    with _preparing:
        key = (*fields, *((id(tensor), tensor._version) for tensor in tensors))
        found = _splits.get(key) or prepare(recipe, mnist)
        return _splits.setdefault(key, found)


@contextmanager
def repeatable(seed: int, device: torch.device) -> Iterator[tuple[Callable, Callable]]:
    """Random numbers of this seed, and those of before at the end; given are functions to lend and retake the turn."""
    torch.cuda.init()
    with torch.cuda.device(device), ExitStack() as turn:
        own = [generator().clone_state().manual_seed(seed), torch.Generator().manual_seed(seed).get_state()]
        turn.enter_context(_turn(own))
        yield turn.close, lambda: turn.enter_context(_turn(own))


def generator() -> torch.Generator:
    """What draws all numbers on the current GPU."""
    return torch.cuda.default_generators[torch.cuda.current_device()]


@contextmanager
def _turn(own: list) -> Iterator[None]:
    """One thread at a time has the process's random numbers; cuDNN repeats its digits."""
    exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    with _process, exact, torch.random.fork_rng(devices=[]):
        before = generator().graphsafe_get_state()
        generator().graphsafe_set_state(own[0])  # not a copy: a graph draws from the state that recorded it
        torch.set_rng_state(own[1])
        try:
            yield
        finally:
            own[:] = generator().graphsafe_get_state(), torch.get_rng_state()
            generator().graphsafe_set_state(before)


@contextmanager
def own_stream() -> Iterator[None]:
    """A stream of this thread; what it is asked for comes after what the current one was."""
    own = _stream(threading.get_ident(), torch.cuda.current_device())
    own.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(own):
        yield
    torch.cuda.current_stream().wait_stream(own)
