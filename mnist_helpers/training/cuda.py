"""A training's steps on an NVIDIA GPU, without Python between them; what a step does is in `loop`, the file to read.

A small network's step is sixty kernels of microseconds each, so that a GPU waits for Python. Here a step is recorded
once, as a CUDA graph, and replayed; which images, learning rate and strength of augmentation are next is read from
tables on the GPU.
"""

import random
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from mnist_helpers.training.turns import generator, own_stream

AHEAD = 8  # replays that are asked for at once: in a long queue of one training the others' work would wait
unrecorded: set[str] = set()  # networks that were trained in plain steps; `jobs` tells of them


class Graphs:
    """Epochs of a loop.Step, as loop.train_epoch does them; inputs: prepared images [N, 1, S, S], labels [N].

    The first step and the last, smaller batch of an epoch are run as they are: by the same kernels, to the same digits.
    So is every step of a network that cannot be recorded, such as one with .item() in it.
    """

    def __init__(self, step, inputs: Tensor, labels: Tensor, turn: tuple[Callable, Callable]):
        self.step, self.inputs, self.labels, (self.lend, self.retake) = step, inputs, labels, turn
        size, n = step.recipe.batch_size, len(labels)
        self.order = torch.zeros(n, dtype=torch.int64, device=inputs.device)
        self.batches = self.order[: n // size * size].view(-1, size)  # the whole ones
        self.rates, self.losses = inputs.new_zeros(2, -(-n // size))
        self.strength, self.next = inputs.new_zeros(()), self.order.new_zeros(1)
        self.graphs: dict[bool, torch.cuda.CUDAGraph | None] = {}  # with and without augmentation
        self.augmented = self.recording = False
        step.optimizer.step()  # of no gradients: nothing, but a schedule wants to be stepped after it

    def __call__(self, batches: Sequence[Tensor], strength: float = 1.0) -> tuple[Tensor, list[float]]:
        """The summed loss, float64 [batches], and learning rate of each of the batches (tensors of indices)."""
        self.step.model.train()
        groups, rates = self.step.optimizer.param_groups, []
        for _ in batches:
            rates.append(groups[0]["lr"])
            if self.step.schedule:
                self.step.schedule.step()
        after, self.augmented = groups[0]["lr"], strength != 0
        self.order.copy_(torch.cat(list(batches)))
        self.rates.copy_(torch.tensor(rates))
        self.strength.fill_(strength)
        self.next.zero_()
        with own_stream():
            self._whole_batches()
            if len(batches) > len(self.batches):
                self.losses[-1] = self._learn(batches[-1], self.rates[-1])
            losses = self.losses.cpu().double()
        for group in groups:
            group["lr"] = after
        return losses * torch.tensor([len(batch) for batch in batches]), rates

    def _whole_batches(self) -> None:
        left = len(self.batches)
        if left > 1 and self.augmented not in self.graphs:
            before, left = _python_state(self.step.model), left - 1
            self._step()
            self.graphs[self.augmented] = self._record() if _python_state(self.step.model) == before else None
            if not self.graphs[self.augmented]:
                unrecorded.add(self.step.recipe.model_name)
        if graph := self.graphs.get(self.augmented):
            self.lend()
            try:
                _replay(graph, left)
            finally:
                self.retake()
            return
        for _ in range(left):
            self._step()

    def _record(self) -> torch.cuda.CUDAGraph | None:
        """The next step, which is not done by that; None where it cannot be recorded."""
        graph, spare = torch.cuda.CUDAGraph(), generator().clone_state()  # a failure makes a generator unusable
        self.recording = True
        try:
            graph.capture_begin(capture_error_mode="thread_local")  # other threads work on
            try:
                self._step()
            finally:
                graph.capture_end()
            return graph
        except torch.OutOfMemoryError:
            raise
        except Exception:
            generator().graphsafe_set_state(spare)
        finally:
            self.recording = False

    def _step(self) -> None:
        """The next step by the tables."""
        batch, rate = (table.index_select(0, self.next)[0] for table in (self.batches, self.rates))
        self.losses.index_copy_(0, self.next, self._learn(batch, rate)[None])
        self.next += 1

    def _learn(self, batch: Tensor, rate: Tensor) -> Tensor:
        """The mean loss of a batch, which is learned at that rate; as loop.Step does."""
        for group in self.step.optimizer.param_groups:
            group |= {"lr": rate} | ({"capturable": self.recording} if "capturable" in group else {})
        images, labels = self.inputs.index_select(0, batch), self.labels.index_select(0, batch)
        loss = self.step.learn(images, labels, self.strength if self.augmented else 0.0)
        if self.step.average:
            (_average if self.recording else AveragedModel.update_parameters)(self.step.average, self.step.model)
        return loss


def _replay(graph: torch.cuda.CUDAGraph, times: int) -> None:
    """Replay and wait, asleep: a thread that waits in a full queue would keep the others from asking."""
    events = [torch.cuda.Event(blocking=True) for _ in range(2)]
    for i in range(times):
        if i % AHEAD == 0:
            events[i // AHEAD % 2].synchronize()
            events[i // AHEAD % 2].record()
        graph.replay()
    events[0].record()
    events[0].synchronize()


def _average(average: AveragedModel, model: nn.Module) -> None:
    """update_parameters after a first step, without its look at a number on the GPU."""
    old, new = ([v.detach() for v in (*part.parameters(), *part.buffers())] for part in (average.module, model))
    for kind in {value.dtype for value in old}:
        average.multi_avg_fn(*([value for value in part if value.dtype == kind] for part in (old, new)), None)
    average.n_averaged += 1


def _python_state(model: nn.Module) -> tuple:
    """What a graph would not repeat if a step changes it: random numbers of the CPU, and a network's counters."""
    own = [value for module in model.modules() for value in vars(module).values() if isinstance(value, int | float)]
    return random.getstate(), torch.get_rng_state().tolist(), own
