"""`make bench`: the engine against the plain pipeline, in turns, on the device that is there.

Writes results_<device>.json and .png; README.md has a table of each device.
"""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean, median

import matplotlib.pyplot as plt
import torch

from benchmarks import plain
from mnist_helpers import data, training
from mnist_helpers.analysis import parameters, statistics
from mnist_helpers.files import write_atomically
from mnist_helpers.report.summary import between_markers
from mnist_helpers.training import loop, models, recipes
from mnist_helpers.training.runs import Run, describe_environment, format_epoch

HERE = Path(__file__).parent
DEVICE = data.best_device()
ROUNDS, SEED, SEEDS = 3, 42, range(42, 47)
BEGIN = "<!-- results: written by `make bench` -->"
SECONDS = "{plain_seconds} s / {own_seconds} s"
MEANINGS = {  # of each number: its bars on a CPU and a GPU, and what it is
    "epoch_ratio": (
        ("≥ 3", "≥ 15"),
        f"LeNet-5, one epoch of training and evaluation, plain (all threads) / engine (one): {SECONDS}; resizing all "
        "images once is outside both: {preparation_seconds} s",
    ),
    "epoch_ratio_mlp": (("≥ 5", ""), f"the same for the MLP: {SECONDS}"),
    "to_9889_ratio": (("≥ 50", ""), "plain, 15 epochs / all of `SPRINT_LENET5`: {seconds} s to {accuracy}"),
    "to_9905_ratio": (("", ""), "plain, 15 epochs / all of `SPRINT_LENET5_9905`: {seconds} s to {accuracy}"),
    "seeds_ratio": (("≥ 1.5", ""), f"4 seeds of 2 epochs, one after another / `train_many`: {SECONDS}"),
    "share_of_peak": (
        ("", ""),
        "useful GFLOP/s of an epoch, {gflops}; a matrix product's: {matrix_product_gflops}",
    ),
    "growth": (("1", ""), "time for 30,000 images over that on a straight line from 15,000 to 60,000: {seconds}"),
    "lenet5_seconds": (("", "≤ 5"), "`LENET5`, 15 epochs"),
    "original_lenet5_seconds": (("", "≤ 9"), "`ORIGINAL_LENET5`, 15 epochs"),
    "mlp_seconds": (("", "≤ 2"), "`MLP`, 15 epochs"),
    "eight_seconds": (("", "≤ 15"), "eight seeds of `LENET5`, 15 epochs, together"),
    "report_seconds": (("", "≤ 60"), "all {trainings} trainings of `make report` with three seeds"),
    "peak_gpu_mb": (("", "≤ 4,096"), "GPU memory of all that: torch's {reserved}, and CUDA's own"),
    "peak_rss_mb": (("≤ 1,200", ""), "peak memory of a process that trains LeNet-5"),
}
PEAK_RSS = (
    "import resource; from mnist_helpers import training; from mnist_helpers.training import recipes; "
    "from dataclasses import replace; "
    "training.train(replace(recipes.ORIGINAL_LENET5, epochs=1), 42, runs={runs!r}, reuse=False); "
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
)


def main() -> None:
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"warning: the machine is busy (load average {load:.2f}); the ratios may be off", file=sys.stderr)
    environment = describe_environment(DEVICE) | {"load": round(load, 2), "cores": os.cpu_count()}
    environment |= {"processor": processor()}
    print(json.dumps(environment), flush=True)
    with tempfile.TemporaryDirectory() as runs:
        results = peak_memory(runs)
        results["epoch_ratio"] = epochs(recipes.ORIGINAL_LENET5, runs)
        results["epoch_ratio_mlp"] = epochs(recipes.ORIGINAL_MLP, runs)
        results |= sprints(results["epoch_ratio"]["plain_seconds"], runs)
        results |= seeds(runs)
        results |= share_of_peak() | growth()
        results |= whole_trainings(runs) if DEVICE.type == "cuda" else {}  # on a CPU they are the report's 15 minutes
    name = "results_" + re.sub(r"\W+", "_", environment["device_name"].lower())
    text = json.dumps({"environment": environment} | results, indent=1)
    write_atomically(HERE / f"{name}.json", (text + "\n").encode())
    draw(results, HERE / f"{name}.png")
    write_atomically(HERE / "README.md", between_markers(HERE / "README.md", BEGIN, tables()).encode())


def processor() -> str:
    """The CPU's own name, where the system tells it."""
    path = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*: (.*)$", path.read_text() if path.is_file() else "", re.M)
    return names[0] if names else platform.processor() or platform.machine()


def peak_memory(runs: str) -> dict:
    """Of a process of its own; measured first, since Linux counts what the parent holds when it starts a child."""
    command = [sys.executable, "-c", PEAK_RSS.format(runs=runs)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    unit = 1 if sys.platform == "darwin" else 1024  # what ru_maxrss counts, in bytes
    result = {"value": round(int(output.split()[-1]) * unit / 2**20)}
    print(f"peak_rss_mb: {result['value']}", flush=True)
    return {"peak_rss_mb": result}


def tables() -> str:
    """Markdown: of each device that was measured a figure and a table."""
    parts = []
    for path in sorted(HERE.glob("results_*.json")):
        results = json.loads(path.read_text(encoding="utf-8"))
        title = "Seconds of an epoch, seconds to an accuracy, and growth with the number of images"
        parts.append(f"![{title}]({path.with_suffix('.png').name})\n\n{table(results, results['environment'])}")
    return "\n\n".join(parts)


def table(results: dict, environment: dict) -> str:
    """Markdown: each number with its bar, and what it means."""
    where = (
        "On {device} ({device_name}), with {cores} cores ({processor}), {threads} thread for each training, torch "
        "{torch}, Python {python}, {date}, load average at the start {load}."
    )
    rows = [where.format(**environment), "", "| number | measured | bar | what it is |", "| --- | ---: | ---: | --- |"]
    for key, (bars, meaning) in MEANINGS.items():
        if found := results.get(key):
            spread = f" ({found['low']} to {found['high']})" if "low" in found else ""
            bar = bars[environment["device"] != "cpu"]
            rows.append(f"| `{key}` | {found['value']}{spread} | {bar} | {meaning.format(**found)} |")
    return "\n".join(rows)


def train(recipe: recipes.Recipe, seed: int, runs: str) -> Run:
    return training.train(recipe, seed, runs=runs, reuse=False, on_epoch=lambda row: None)


def timed(work: Callable) -> tuple[float, object]:
    start = time.perf_counter()
    result = work()
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start, result


def alternate(name: str, slow: Callable, fast: Callable, check: Callable = lambda a, b: None) -> dict:
    """Time both in turn, ROUNDS times: the median ratio, the smallest and largest, and all seconds."""
    pairs = []
    for _ in range(ROUNDS):
        (before, expected), (after, own) = timed(slow), timed(fast)
        check(expected, own)
        pairs.append((round(before, 2), round(after, 2)))
        print(f"{name}: {before:.2f} s / {after:.2f} s = {before / after:.2f}", flush=True)
    ratios = [before / after for before, after in pairs]
    return {"value": round(median(ratios), 2), "low": round(min(ratios), 2), "high": round(max(ratios), 2)} | {
        "plain_seconds": [before for before, _ in pairs],
        "own_seconds": [after for _, after in pairs],
    }


def epochs(recipe: recipes.Recipe, runs: str) -> dict:
    """One epoch, training and evaluation, by the plain pipeline, with all threads, and by `train`, with one.

    With one thread each they must print an equal line. With more, or on a GPU, both of which round in another order,
    the accuracies must be within a point.

    Reading the files is outside both times. So is resizing the images, which the engine does once for all trainings
    and the plain pipeline in each epoch: preparation_seconds. `train` includes its checkpoint and the run it keeps.
    """
    recipe, sets, mnist = replace(recipe, epochs=1), plain.datasets(recipe), data.load()
    preparation, _ = timed(lambda: [data.prepare(part.images, recipe) for part in (mnist.train, mnist.test)])

    def by_plain(threads: int) -> list[dict]:
        torch.set_num_threads(threads)
        return list(plain.train(recipe, SEED, *sets, DEVICE))

    def near(expected: list[dict], own: Run) -> None:
        rows = f"{expected[0]}\n{own.history[0]}"
        assert abs(own.history[0]["test_accuracy"] - expected[0]["test_accuracy"]) < 0.01, f"far apart:\n{rows}"

    every = torch.get_num_threads()
    expected, own = by_plain(1), train(recipe, SEED, runs)  # a thread each: two add in another order
    line = format_epoch(dict.fromkeys(loop.HISTORY_KEYS) | expected[0])
    assert own.log() == line or DEVICE.type != "cpu", f"the digits differ:\n{line}\n{own.log()}"
    found = alternate(recipe.name, lambda: by_plain(every), lambda: train(recipe, SEED, runs), near)
    return {"preparation_seconds": round(preparation, 2)} | found


def sprints(plain_epoch: list[float], runs: str) -> dict:
    """15 epochs of the plain pipeline, by its measured epoch, over the whole time of a sprint (mean of 5 seeds)."""
    results = {}
    for name, recipe, wanted in (
        ("to_9889_ratio", recipes.SPRINT_LENET5, 98.89),
        ("to_9905_ratio", recipes.SPRINT_LENET5_9905, 99.05),
    ):
        found = [train(recipe, seed, runs) for seed in SEEDS]
        seconds = [run.environment["seconds"] for run in found]
        reached = statistics.summarise([run.history[-1]["test_accuracy"] for run in found])
        assert reached.mean >= wanted, f"{recipe.name} reaches {reached}, not {wanted} %"
        results[name] = {
            "value": round(recipes.ORIGINAL_LENET5.epochs * median(plain_epoch) / mean(seconds), 1),
            "seconds": seconds,
            "accuracy": str(reached),
            "accuracies": [round(100 * run.history[-1]["test_accuracy"], 2) for run in found],
        }
        print(f"{name}: {results[name]}", flush=True)
    return results


def seeds(runs: str) -> dict:
    """Four seeds of two epochs: one after another, over `train_many`."""
    recipe, four = replace(recipes.ORIGINAL_LENET5, epochs=2), range(42, 46)

    def in_turn() -> None:
        for seed in four:
            train(recipe, seed, runs)

    def many() -> None:
        training.train_many(recipe, four, runs=runs, reuse=False)

    return {"seeds_ratio": alternate("4 seeds in turn / train_many", in_turn, many)}


def share_of_peak() -> dict:
    """Useful FLOP/s of an epoch, evaluation included, over those of an fp32 matrix product with all threads."""
    recipe, mnist = recipes.ORIGINAL_LENET5, data.load()
    macs = {row.name: row.macs for row in parameters.derive(models.build(recipe), (1, 32, 32)).rows}
    passes, n_train, n_test = sum(macs.values()), len(mnist.train), len(mnist.test)
    learning = 3 * passes - macs["c1"]  # forward, both gradients; none for the images
    flops = 2 * (learning * n_train + passes * (n_train + n_test))
    one, three = (fitted(replace(recipe, epochs=epochs), mnist) for epochs in (1, 3))
    a = torch.rand(2048, 2048, device=DEVICE)
    product = min(timed(lambda: a @ a)[0] for _ in range(10))
    own, peak = flops / ((three - one) / 2) / 1e9, 2 * 2048**3 / product / 1e9
    result = {"value": round(own / peak, 3), "gflops": round(own, 1), "matrix_product_gflops": round(peak, 1)}
    print(f"share_of_peak: {result}", flush=True)
    return {"share_of_peak": result}


def fitted(recipe: recipes.Recipe, mnist: data.Mnist) -> float:
    """Seconds of training, without what is written to disk; resizing, which is kept for the same tensor, is outside."""
    data.prepare(mnist.train.images, recipe)
    return timed(lambda: loop.fit(recipe, SEED, mnist, DEVICE, lambda row: None))[0]


def growth() -> dict:
    """Seconds of an epoch over 15,000, 30,000 and 60,000 images, and how far the middle is from a straight line."""
    recipe, mnist = replace(recipes.ORIGINAL_LENET5, epochs=1), data.load()
    seconds = {n: [] for n in (15_000, 30_000, 60_000)}
    for _ in range(ROUNDS):
        for n in seconds:
            seconds[n].append(round(fitted(recipe, data.Mnist(mnist.train[:n], mnist.test)), 2))
    few, half, all_ = (median(values) for values in seconds.values())
    result = {"value": round(half / (few + (all_ - few) / 3), 3), "seconds": seconds}
    print(f"growth: {result}", flush=True)
    return {"growth": result}


def whole_trainings(runs: str) -> dict:
    """Seconds of whole trainings on a GPU, alone and together, and the memory that they take."""
    alone = {"lenet5": recipes.LENET5, "original_lenet5": recipes.ORIGINAL_LENET5, "mlp": recipes.MLP}
    results = {f"{key}_seconds": timed(partial(train, recipe, SEED, runs)) for key, recipe in alone.items()}
    eight, jobs = [(recipes.LENET5, seed) for seed in range(8)], recipes.live(range(42, 45))
    for name, together in (("eight", eight), ("report", jobs)):
        work = partial(training.train_jobs, together, runs=runs, reuse=False)
        results[f"{name}_seconds"] = timed(work)
    found = {key: {"value": round(seconds, 2)} for key, (seconds, _) in results.items()}
    found["report_seconds"]["trainings"] = len(jobs)
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info()
    reserved = torch.cuda.max_memory_reserved()
    peak = reserved + total - free - torch.cuda.memory_reserved()  # CUDA's own stays the same
    found["peak_gpu_mb"] = {"value": round(peak / 2**20), "reserved": round(reserved / 2**20)}
    print(json.dumps(found), flush=True)
    return found


def draw(results: dict, path: Path) -> None:
    """One row of three panels: an epoch, the time to an accuracy, and growth."""
    plt.style.use(HERE.parent / "mnist_helpers" / "plots" / "style.mplstyle")
    plt.rcParams |= {"font.family": "DejaVu Sans", "mathtext.fontset": "dejavusans"}  # the report's are not known here
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7.2, 2.4), layout="constrained")
    bars = {}
    for label, key in (("LeNet-5", "epoch_ratio"), ("MLP", "epoch_ratio_mlp")):
        for who in ("plain", "own"):
            bars[f"{label}, {who}"] = median(results[key][f"{who}_seconds"])
    _bars(left, bars, "seconds an epoch")
    fifteen = 15 * median(results["epoch_ratio"]["plain_seconds"])
    times = {"plain, 15 epochs": fifteen}
    for label, key in (("sprint to 98.89 %", "to_9889_ratio"), ("sprint to 99.05 %", "to_9905_ratio")):
        times[label] = mean(results[key]["seconds"])
    _bars(middle, times, "seconds of training")
    measured = {int(n): median(values) for n, values in results["growth"]["seconds"].items()}
    right.plot(measured.keys(), measured.values(), "ko-")
    right.set(xlabel="training images", ylabel="seconds an epoch", xlim=(0, None), ylim=(0, None))
    right.set_xticks([0, 30_000, 60_000], ["0", "30,000", "60,000"])
    figure.savefig(path, dpi=150, metadata={"Software": None})


def _bars(axes: plt.Axes, values: dict[str, float], label: str) -> None:
    bars = axes.barh(
        list(values), list(values.values()), color=["0.75" if "plain" in name else "0.35" for name in values]
    )
    axes.bar_label(bars, fmt="{:.1f}", padding=2, fontsize=7)
    axes.set(xscale="log", xlabel=label, xlim=(min(values.values()) / 2, 4 * max(values.values())))
    axes.invert_yaxis()


if __name__ == "__main__":
    main()
