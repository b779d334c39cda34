"""Training on an NVIDIA GPU, many networks side by side; what a step does is in `loop`, the file to read.

A small network's step is some sixty kernels of microseconds each, so that a GPU waits for Python. Here steps are
recorded once as a CUDA graph and then replayed; which images, learning rate and strength of augmentation come next is
read from tables on the GPU. Trainings are threads, each with a stream and random numbers of its own.
"""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn

CHUNK = 20  # steps in one graph; what then remains of an epoch is replayed from a graph of one step
_process = threading.Lock()  # held by the training that uses the process's random numbers


_lock, _splits = threading.Lock(), WeakValueDictionary()


def shared(prepare: Callable, recipe, mnist):
    """prepare(recipe, mnist), once for all trainings that use it at a time."""
    fields = [getattr(recipe, key) for key in ("validation", "fold", "train_images", "permuted", "resize", "normalise")]
    parts = [part for digits in (mnist.train, mnist.test) for part in (digits.images, digits.labels)]
    with _lock:
        key = (*fields, *((id(part), part._version) for part in parts))
        found = _splits.get(key) or prepare(recipe, mnist)
        return _splits.setdefault(key, found)


@cache
def _stream(thread: int, device: int) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


@contextmanager
def repeatable(seed: int, device: torch.device) -> Iterator["Turn"]:
    """Random numbers of this seed, and those of before at the end; a stream of this thread."""
    torch.cuda.init()
    before = torch.cuda.current_stream(device)
    with torch.cuda.device(device), torch.cuda.stream(_stream(threading.get_ident(), torch.cuda.current_device())):
        torch.cuda.current_stream().wait_stream(before)
        with Turn(seed) as turn:
            yield turn


class Turn:
    """In `with` one training has the process's random numbers; in `with turn.away()` it lends them to the others."""

    def __init__(self, seed: int):
        self.default = torch.cuda.default_generators[torch.cuda.current_device()]
        self.numbers = self.default.clone_state().manual_seed(seed), torch.Generator().manual_seed(seed).get_state()

    def _swap(self) -> None:
        found = self.default.graphsafe_get_state(), torch.get_rng_state()
        self.default.graphsafe_set_state(self.numbers[0])  # the state itself: a graph keeps that of its capture
        torch.set_rng_state(self.numbers[1])
        self.numbers = found

    def __enter__(self) -> "Turn":
        _process.acquire()
        self.exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
        self.exact.__enter__()
        self._swap()
        return self

    def __exit__(self, *error) -> None:
        self._swap()
        self.exact.__exit__(None, None, None)
        _process.release()

    @contextmanager
    def away(self) -> Iterator[None]:
        """What is asked of the GPU in here is done at the end."""
        self.__exit__()
        try:
            yield
            done = torch.cuda.Event(blocking=True)  # the core is free meanwhile: Colab has two
            done.record()
            done.synchronize()
        finally:
            self.__enter__()


class Graphs:
    """Epochs of a loop.Step, as loop.train_epoch does them; inputs: prepared images [N, 1, S, S], labels [N].

    The first step is run as it is, and so is the last, smaller batch of an epoch: by the same kernels, to the same
    digits. So is every step of a network that cannot be captured, such as one with .item() in it.
    """

    def __init__(self, step, inputs: Tensor, labels: Tensor, turn: Turn):
        self.step, self.inputs, self.labels, self.turn = step, inputs, labels, turn
        size, n = step.recipe.batch_size, len(labels)
        self.order = torch.zeros(n, dtype=torch.int64, device=inputs.device)
        self.batches = self.order[: n // size * size].view(-1, size)  # the whole ones
        self.rates, self.losses = inputs.new_zeros(2, -(-n // size))
        self.strength, self.next = inputs.new_zeros(()), self.order.new_zeros(1)
        self.graphs: dict = {}  # (augmented?, steps) -> their graph, or None
        self.capturing = False
        step.optimizer.step()  # of no gradients: nothing, but a schedule wants to be stepped after it

    def __call__(self, batches: Sequence[Tensor], strength: float = 1.0) -> tuple[Tensor, list[float]]:
        """The summed loss, float64 [batches], and learning rate of each of the batches (tensors of indices)."""
        self.step.model.train()
        groups, rates = self.step.optimizer.param_groups, []
        for _ in batches:
            rates.append(groups[0]["lr"])
            if self.step.schedule:
                self.step.schedule.step()
        after, whole, self.augmented = groups[0]["lr"], len(self.batches), strength != 0
        for table, values in ((self.order, torch.cat(list(batches))), (self.rates, torch.tensor(rates))):
            table.copy_(values)
        self.strength.fill_(strength)
        self.next.zero_()
        done = self._prepare() if whole > 1 and (self.augmented, 1) not in self.graphs else 0
        with self.turn.away():
            for size in (CHUNK, 1):
                while self.graphs.get((self.augmented, size)) and done + size <= whole:
                    self.graphs[self.augmented, size].replay()
                    done += size
        for _ in range(done, whole):
            self._steps(1)
        if whole < len(batches):
            self.losses[-1] = self._step(batches[-1], self.rates[-1])
        for group in groups:
            group["lr"] = after
        return self.losses.cpu().double() * torch.tensor([len(batch) for batch in batches]), rates

    def _prepare(self) -> int:
        """Do the first step, and capture what follows; the number of steps done."""
        before = _python_state(self.step.model)
        self._steps(1)
        able = _python_state(self.step.model) == before
        for size in (CHUNK, 1):
            self.graphs[self.augmented, size] = graph = self._capture(size) if able else None
            able = graph is not None
        if not able:
            _say_plain(self.step.recipe.model_name)
        return 1

    def _capture(self, size: int) -> torch.cuda.CUDAGraph | None:
        """The next `size` steps, not yet done; None where they cannot be captured."""
        spare = self.turn.default.clone_state()  # a capture that fails leaves a generator unusable
        self.step.optimizer.zero_grad()
        graph, self.capturing = torch.cuda.CUDAGraph(), True
        try:
            graph.capture_begin(capture_error_mode="thread_local")  # other threads work on
            try:
                self._steps(size)
            finally:
                graph.capture_end()
            return graph
        except torch.OutOfMemoryError:
            raise
        except Exception:
            self.turn.default.graphsafe_set_state(spare)
        finally:
            self.capturing = False
            self.step.optimizer.zero_grad()

    def _steps(self, size: int) -> None:
        """The next steps by the tables."""
        places = self.next + torch.arange(size, device=self.next.device)
        rows = zip(self.batches.index_select(0, places), self.rates.index_select(0, places), strict=True)
        self.losses.index_copy_(0, places, torch.stack([self._step(batch, rate) for batch, rate in rows]))
        self.next += size

    def _step(self, batch: Tensor, rate: Tensor) -> Tensor:
        """The mean loss of a batch, which is learned at that rate; as loop.Step does."""
        step = self.step
        for group in step.optimizer.param_groups:
            group |= {"lr": rate} | {key: self.capturing for key in ("capturable",) if key in group}
        images, labels = self.inputs.index_select(0, batch), self.labels.index_select(0, batch)
        loss = step.learn(images, labels, self.strength if self.augmented else 0.0)
        if step.average:
            _average(step.average, step.model) if self.capturing else step.average.update_parameters(step.model)
        return loss


def _average(average: nn.Module, model: nn.Module) -> None:
    """update_parameters after the first step, without its look at a number on the GPU."""
    pairs = list(zip(*(chain(part.parameters(), part.buffers()) for part in (average.module, model)), strict=True))
    for kind in {old.dtype for old, _ in pairs}:
        old, new = zip(*(pair for pair in pairs if pair[0].dtype == kind), strict=True)
        average.multi_avg_fn([value.detach() for value in old], [value.detach() for value in new], None)
    average.n_averaged += 1


def _python_state(model: nn.Module) -> tuple:
    """What a graph would not repeat if a step changes it: random numbers of the CPU, and a network's counters."""
    own = [value for module in model.modules() for value in vars(module).values() if isinstance(value, int | float)]
    return random.getstate(), torch.get_rng_state().tolist(), own


@cache
def _say_plain(name: str) -> None:
    print(f"{name} cannot be recorded as a CUDA graph (it waits for the GPU or asks Python), so it trains more slowly.")
