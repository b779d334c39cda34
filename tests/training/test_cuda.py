"""The GPU's way: on the CPU its tables, graphs played by plain steps; on a GPU, where there is one, the graphs."""

import gc
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mnist_helpers import data, training
from mnist_helpers.progress import Progress
from mnist_helpers.training import augmentation, cuda, jobs, loop, models, recipes, turns

ROOT = Path(__file__).parents[2]
PYTHON_STATE = cuda._python_state
gpu = pytest.mark.gpu
CPU = torch.device("cpu")
REGULARIZED = replace(
    recipes.LENET5, name="REGULARIZED", activation="silu", optimizer="adamw", learning_rate=2e-3, weight_decay=0.05,
    schedule="one-cycle", epochs=3, validation=0, dropout=0.2, batch_norm=True, label_smoothing=0.05, ema=0.9,
    augmentation=recipes.AUGMENTATION, calm=0.5,
)  # fmt: skip
STOPPED = replace(recipes.MLP, name="STOPPED", epochs=30, validation=500, patience=1, learning_rate=0.2)
SMALL = replace(recipes.MLP_SMALL, name="SMALL", epochs=3, validation=0, train_images=40)  # fewer than a batch
SORTED = replace(recipes.ORIGINAL_MLP, name="SORTED", epochs=3, permuted=True, learning_rate=1e-3)
SGD = replace(recipes.LENET5, name="SGD", epochs=3, validation=500, weight_decay=5e-4, schedule="cosine")
MIXED = (REGULARIZED, STOPPED, SMALL, SORTED, SGD)
each = pytest.mark.parametrize("recipe", MIXED, ids=lambda recipe: recipe.name)


class Waits(models.MLP):
    """Looks at a number, which a GPU must first compute."""

    def forward(self, x):
        return super().forward(x) * (2.0 if x.mean().item() > 0 else 1.0)


class Draws(models.MLP):
    """Leaves out its last layer's input at random, by a number of the CPU."""

    def forward(self, x):
        return super().forward(x * float(torch.rand(()) < 0.9))


class Counts(models.MLP):
    steps = 0

    def forward(self, x):
        self.steps += self.training
        return super().forward(x) / (1 + self.steps % 2)


@pytest.fixture
def played(monkeypatch):
    """Graphs are played by plain steps; the list says how many in each epoch."""
    replays = []

    def replay(graphs, times):
        replays.append(times)
        for _ in range(times):
            graphs._step()

    monkeypatch.setattr(cuda.Graphs, "_record", lambda graphs: graphs)
    monkeypatch.setattr(cuda, "_replay", replay)
    monkeypatch.setattr(cuda, "own_stream", nullcontext)
    monkeypatch.setattr(cuda, "_python_state", lambda model: None)  # here dropout draws from the CPU, too
    return replays


def prepared(recipe, digits):
    train, _ = data.split(digits.train, recipe.validation, train=recipe.train_images)
    return data.prepare(train.images, recipe), train.labels


def epochs_of(recipe, digits, graphs: bool, past=None) -> tuple[list, loop.Step]:
    """([losses, rates] of up to three epochs, what was trained), by the GPU's way or the plain one, on the CPU."""
    torch.manual_seed(3)
    inputs, labels = prepared(recipe, digits)
    step, rows = loop.Step(recipe, inputs), []
    if past:
        step.restore(past)
    run = cuda.Graphs(step, inputs, labels, (nullcontext, nullcontext))
    for epoch in range(2 if past else 0, 3):
        batches = data.epoch_order(len(labels), recipe.shuffle).split(recipe.batch_size)
        strength = loop.strength_in(recipe, epoch)
        rows.append(run(batches, strength) if graphs else loop.train_epoch(step, inputs, labels, batches, strength))
    return rows, step


@pytest.fixture(autouse=True)
def own_random_numbers():
    with torch.random.fork_rng():
        yield


@pytest.fixture
def some(mnist):
    return data.Mnist(mnist.train[:1_500], mnist.test[:500])


@each
def test_the_tables_give_the_plain_loops_steps(recipe, some, played):
    expected, plain = epochs_of(recipe, some, graphs=False)
    own, step = epochs_of(recipe, some, graphs=True)
    for (losses, rates), (own_losses, own_rates) in zip(expected, own, strict=True):
        assert own_rates == rates and all(type(rate) is float for rate in own_rates)
        assert torch.allclose(own_losses, losses, rtol=2e-2)  # a rate is a float32 there; random steps part slowly
    assert torch.allclose(own[0][0][:3], expected[0][0][:3], rtol=1e-5)
    whole = len(prepared(recipe, some)[1]) // recipe.batch_size
    graphs = 1 + bool(recipe.calm)  # each after a plain step
    assert sum(played) == (3 * whole - graphs if whole > 1 else 0)
    for part, other in zip(step.parts, plain.parts, strict=True):
        if isinstance(part, torch.optim.Optimizer):
            (group,), (expected_group,) = part.state_dict()["param_groups"], other.state_dict()["param_groups"]
            assert group == expected_group  # a Python number is the rate again, and nothing is capturable


@each
def test_a_training_on_the_tables_goes_on_from_a_state(recipe, some, played):
    """Two epochs, then a third by a new object, whose first step is a plain one."""
    whole, _ = epochs_of(recipe, some, graphs=True)
    torch.manual_seed(3)
    inputs, labels = prepared(recipe, some)
    step = loop.Step(recipe, inputs)
    run = cuda.Graphs(step, inputs, labels, (nullcontext, nullcontext))
    for epoch in range(2):
        batches = data.epoch_order(len(labels), recipe.shuffle).split(recipe.batch_size)
        run(batches, loop.strength_in(recipe, epoch))
    (last,), _ = epochs_of(recipe, some, graphs=True, past=step.state())
    assert torch.equal(last[0], whole[2][0]) and last[1] == whole[2][1]


@each
def test_plain_steps_in_the_place_of_graphs_give_the_same_digits(recipe, some, played, monkeypatch):
    own, _ = epochs_of(recipe, some, graphs=True)
    monkeypatch.setattr(cuda.Graphs, "_record", lambda graphs: None)
    monkeypatch.setattr(cuda, "unrecorded", set())
    plain, _ = epochs_of(recipe, some, graphs=True)
    assert all(torch.equal(a[0], b[0]) for a, b in zip(own, plain, strict=True))
    assert len(cuda.unrecorded) == (0 if recipe in (SMALL, SORTED) else 1)


@pytest.mark.parametrize("network", [Draws, Counts])
def test_what_python_changes_from_step_to_step_is_not_captured(network, some, played, monkeypatch):
    monkeypatch.setattr(cuda, "_python_state", PYTHON_STATE)
    monkeypatch.setattr(cuda, "unrecorded", set())
    recipe = replace(recipes.MLP, model=network, validation=0, batch_size=100)  # its losses stay small, so runs agree
    expected, _ = epochs_of(recipe, some, graphs=False)
    own, _ = epochs_of(recipe, some, graphs=True)
    assert not played and torch.allclose(own[2][0], expected[2][0], rtol=1e-3)
    assert cuda.unrecorded == {network.__name__}


def test_the_average_is_update_parameters(some):
    inputs, labels = prepared(REGULARIZED, some)
    step = loop.Step(REGULARIZED, inputs)
    step(inputs[:64], labels[:64], 1.0)
    own = loop.Step(REGULARIZED, inputs)
    own.restore(step.state())
    for _ in range(3):
        step.average.update_parameters(step.model)
        cuda._average(own.average, own.model)
    for key, value in step.average.state_dict().items():
        assert torch.equal(value, own.average.state_dict()[key]), key


def test_prepared_images_are_shared_while_they_are_used_and_never_old(mnist):
    own = data.Mnist(data.Digits(mnist.train.images[:900].clone(), mnist.train.labels[:900]), mnist.test[:100])
    first = turns.shared(loop.Splits, SGD, own)
    assert turns.shared(loop.Splits, replace(SGD, epochs=9), own) is first
    assert turns.shared(loop.Splits, replace(SGD, validation=400), own) is not first
    own.train.images[:] = 255 - own.train.images
    changed = turns.shared(loop.Splits, SGD, own)
    assert changed is not first and not torch.equal(changed.inputs["train"], first.inputs["train"])
    del first, changed
    assert not turns._splits


def in_threads(tasks, monkeypatch, train, at_once=4):
    monkeypatch.setattr(jobs, "AT_ONCE", {"cpu": at_once})
    monkeypatch.setattr(jobs, "_train", lambda *task: train(task[1], task[-1]))
    some = data.Mnist(*(data.Digits(torch.arange(784).byte().view(1, 28, 28), torch.tensor([1])) for _ in range(2)))
    tasks = {(SGD, seed): (SGD, seed, None, CPU, True) for seed in tasks}
    return jobs._in_threads(tasks, some, Progress(len(tasks), ""))


def test_trainings_run_side_by_side_and_a_failure_leaves_the_others(monkeypatch):
    together = threading.Barrier(4, timeout=60)  # of four threads at once, or it breaks

    def train(seed, on_epoch):
        together.wait()
        if seed == 2:
            raise training.TrainingError("no")

    done = dict(in_threads(range(4), monkeypatch, train))
    assert {seed: str(error) for (_, seed), error in done.items() if error} == {2: "no"} and len(done) == 4


def test_out_of_memory_trains_fewer_at_once(monkeypatch, capsys):
    full = {0, 3}

    def train(seed, on_epoch):
        if seed in full:
            full.discard(seed)
            raise torch.OutOfMemoryError("CUDA out of memory")
        if seed == 5:
            raise torch.OutOfMemoryError("CUDA out of memory")

    done = dict(in_threads(range(6), monkeypatch, train))
    assert [seed for (_, seed), error in done.items() if error] == [5] and len(done) == 6
    assert capsys.readouterr().out.splitlines() == [
        "The GPU's memory is full; 3 trainings go on, at most 2 at once.",
        "The GPU's memory is full; 1 trainings go on, at most 1 at once.",
    ]


def test_a_network_without_a_graph_is_told_once_and_in_the_callers_thread(monkeypatch, capsys, tmp_path, some):
    monkeypatch.setattr(cuda, "unrecorded", set())
    jobs._say_once.cache_clear()
    monkeypatch.setattr(jobs, "_train", lambda *task: cuda.unrecorded.add("Waits"))
    for seed in (1, 2):
        training.train(SGD, seed, data=some, runs=tmp_path, device="cpu")
        assert capsys.readouterr().out.count("Waits cannot be recorded as a CUDA graph, so") == (seed == 1)


def test_when_the_caller_gives_up_each_training_stops_after_its_epoch(monkeypatch):
    started, stopped, first = [], [], threading.Event()

    def train(seed, on_epoch):
        started.append(seed)
        if seed == 0:
            return
        first.wait(60)
        try:
            for _ in range(10_000):
                on_epoch({})
                time.sleep(0.01)
        except BaseException:
            stopped.append(seed)
            raise

    running = in_threads(range(9), monkeypatch, train, at_once=2)
    assert next(running) == ((SGD, 0), None)
    first.set()
    running.close()
    assert sorted(stopped) == sorted(set(started) - {0}) and len(started) <= 3  # the others have not begun


# On a GPU


def quiet(recipe, folder, seed=42, **options):
    return training.train(recipe, seed, runs=folder, device="cuda", on_epoch=lambda row: None, **options)


def assert_equal(run, other) -> None:
    assert run.history == other.history and torch.equal(run.predictions, other.predictions)
    assert all(torch.equal(value, other.state[key]) for key, value in run.state.items())


@gpu
@each
def test_two_runs_are_equal_and_plain_steps_give_the_same_digits(recipe, few, tmp_path, monkeypatch):
    torch.manual_seed(1)
    torch.cuda.manual_seed(1)
    first = quiet(recipe, tmp_path / "one")
    assert torch.equal(torch.rand(3), torch.rand(3, generator=torch.Generator().manual_seed(1)))
    numbers = torch.rand(3, device="cuda")
    assert torch.equal(numbers, torch.rand(3, device="cuda", generator=torch.Generator("cuda").manual_seed(1)))
    assert_equal(first, quiet(recipe, tmp_path / "two"))
    assert first.history != quiet(recipe, tmp_path / "one", seed=43).history
    monkeypatch.setattr(cuda.Graphs, "_record", lambda graphs: None)
    assert_equal(first, quiet(recipe, tmp_path / "plain"))


@gpu
def test_a_trainings_digits_do_not_depend_on_its_neighbours(few, tmp_path):
    wild = replace(SGD, name="WILD", learning_rate=1e30)
    waits = replace(SGD, name="WAITS", model=Waits, resize="none", dropout=0.2)
    together = [(recipe, seed) for seed in (42, 43, 44) for recipe in (*MIXED, waits)]
    with pytest.raises(training.TrainingError, match="WILD with seed 42 failed"):
        training.train_jobs([(wild, 42), *together], runs=tmp_path / "many", device="cuda")
    found = training.train_jobs(together, runs=tmp_path / "many", device="cuda")
    for recipe in (*MIXED, waits):
        assert_equal(found[recipe, 43], quiet(recipe, tmp_path / "alone", seed=43))


@gpu
@each
def test_an_interrupted_training_goes_on_with_the_same_digits(recipe, few, tmp_path, monkeypatch):
    whole = quiet(recipe, tmp_path / "whole")

    def stop(row):
        if row["epoch"] == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "KEEP_AFTER", {})
    with pytest.raises(KeyboardInterrupt):
        training.train(recipe, 42, runs=tmp_path / "runs", device="cuda", on_epoch=stop)
    assert list(tmp_path.glob("runs/.unfinished/*.checkpoint"))
    assert_equal(quiet(recipe, tmp_path / "runs"), whole)


@gpu
@pytest.mark.parametrize("recipe", recipes.NAMED, ids=lambda recipe: recipe.name)
def test_after_an_epoch_it_is_near_the_cpus_accuracy(recipe, tmp_path):
    recipe = replace(recipe, epochs=1, train_images=20_000)
    run, expected = (
        training.train(recipe, 42, runs=tmp_path, device=device, on_epoch=lambda row: None)
        for device in ("cuda", "cpu")
    )
    (row,), (other,) = run.history, expected.history
    if recipe.initialisation == "uniform01":  # its losses are in the thousands, and any rounding leads elsewhere
        assert row["train_loss"] == pytest.approx(other["train_loss"], rel=0.3)
        return
    random = recipe.dropout or recipe.augmentation != augmentation.NONE
    # on a CPU, gradients changed by 1e-4 of themselves moved LENET5's accuracy by 0.005, its mean loss by 0.2 %
    assert row["test_accuracy"] == pytest.approx(other["test_accuracy"], abs=0.03 if random else 0.015)
    assert row["train_loss"] == pytest.approx(other["train_loss"], rel=0.05 if random else 0.01)


@gpu
@pytest.mark.parametrize("network", [Waits, Draws, Counts])
def test_a_network_that_cannot_be_captured_is_trained_in_plain_steps(network, few, tmp_path, capsys):
    jobs._say_once.cache_clear()
    recipe = replace(SORTED, model=network, batch_size=100, dropout=0.1)
    run = quiet(recipe, tmp_path / "one")
    assert capsys.readouterr().out.count(f"{network.__name__} cannot be recorded as a CUDA graph") == 1
    assert_equal(run, quiet(recipe, tmp_path / "two"))
    expected = training.train(recipe, 42, runs=tmp_path, device="cpu", on_epoch=lambda row: None)
    assert run.test_accuracy == pytest.approx(expected.test_accuracy, abs=0.03)
    after = quiet(REGULARIZED, tmp_path / "after")
    assert after.test_accuracy > 0.9  # what failed to be captured leaves nothing behind


@gpu
def test_many_trainings_leave_no_memory_behind(few, tmp_path):
    left = []
    for i in range(3):
        training.train_many(replace(REGULARIZED, epochs=1), range(8), runs=tmp_path / str(i), device="cuda")
        gc.collect()
        left.append(torch.cuda.memory_allocated())
    assert left[2] - left[1] < 2**24, left


SILENT = """
from mnist_helpers import data, training
from mnist_helpers.training import recipes
mnist = data.load()
few = data.Mnist(mnist.train[:4_000], mnist.test[:1_000])
for recipe in {recipes}:
    recipe = recipe.changed("few", epochs=2, validation=0)
    training.train(recipe, 42, data=few, runs={folder!r}, on_epoch=lambda row: None)
    training.train_many(recipe, [42, 43, 44], data=few, runs={folder!r})
"""


@gpu
@pytest.mark.parametrize("names", ["[recipes.MLP]", "recipes.NAMED"])
def test_nothing_is_said(names, tmp_path):
    code = SILENT.format(recipes=names, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-W", "always", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
