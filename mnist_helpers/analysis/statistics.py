"""From logits and histories to counts, intervals and tests. Reads results; never trains."""

import statistics
import timeit
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor, nn

from mnist_helpers.training import models

TEST_IMAGES = 10_000
PRINTED = (("loss", "loss", 1, 4), ("accuracy", "%", 100, 2))  # key, heading, scale and decimals, as the original's log


def correct(logits: Tensor, labels: Tensor) -> np.ndarray:
    """bool [N]: which images the logits [N, 10] get right."""
    return (logits.argmax(1).cpu() == labels.cpu()).numpy()


def misses(logits: Tensor, labels: Tensor) -> int:
    """How many images the logits, or probabilities, [N, 10] get wrong."""
    return int((~correct(logits, labels)).sum())


def mean_correct(runs: Sequence, labels: Tensor) -> np.ndarray:
    """float [N]: for each image the share of the runs (one a seed) that get it right."""
    return np.mean([correct(run.predictions, labels) for run in runs], axis=0)


@dataclass(frozen=True)
class Summary:
    """An accuracy in % over n seeds: mean, standard deviation (None for one seed) and 95 % interval."""

    mean: float
    std: float | None
    n: int
    interval: tuple[float, float]

    @property
    def misses(self) -> float:
        """Mean count of wrong answers among the 10,000 test images."""
        return (100 - self.mean) / 100 * TEST_IMAGES

    def __str__(self) -> str:
        if self.std is None:
            return f"{self.mean:.2f} % (one seed, {self.interval[0]:.2f} to {self.interval[1]:.2f})"
        return f"{self.mean:.2f} ± {self.std:.2f} % (n = {self.n}, {self.interval[0]:.2f} to {self.interval[1]:.2f})"


def summarise(accuracies: Sequence[float]) -> Summary:
    """Test accuracies (fractions), one a seed. Interval: Student's t of the mean; for one seed Wilson's."""
    values = 100 * np.asarray(accuracies, dtype=float)
    mean, n = float(values.mean()), len(values)
    if n == 1:
        return Summary(mean, None, 1, wilson(round(mean / 100 * TEST_IMAGES), TEST_IMAGES))
    std = float(values.std(ddof=1))
    reach = float(stats.t.ppf(0.975, n - 1)) * std / n**0.5
    return Summary(mean, std, n, (mean - reach, min(100.0, mean + reach)))


def chosen_accuracies(runs: Sequence) -> list[float]:
    """The test accuracy (fraction) of each run, or of a study's results, in the epoch whose weights are kept."""
    return [run.history[run.epoch]["test_accuracy"] for run in runs]


@dataclass(frozen=True)
class Gain:
    """A mean difference of accuracies in points, its interval, and p of a two-sided test against no difference."""

    mean: float
    low: float
    high: float
    p: float

    def __str__(self) -> str:
        return f"{self.mean:+.2f} points ({self.low:.2f} to {self.high:.2f})"


def paired_gain(accuracies: Sequence[float], plain: Sequence[float], confidence: float = 0.95) -> Gain:
    """Of `accuracies` over `plain`, fractions in the same seeds' (or folds') order: Student's t of the differences."""
    if len(accuracies) != len(plain) or len(plain) < 2:
        raise ValueError(f"need two or more pairs, not {len(accuracies)} and {len(plain)} accuracies")
    differences = 100 * (np.asarray(accuracies, dtype=float) - np.asarray(plain, dtype=float))
    n = len(differences)
    return _gain(differences.mean(), differences.std(ddof=1) / n**0.5, n - 1, confidence)


def _gain(mean: float, error: float, freedom: float, confidence: float = 0.95) -> Gain:
    """Of a mean with its standard error and degrees of freedom, by Student's t."""
    reach = stats.t.ppf(0.5 + confidence / 2, freedom) * error
    p = 2 * stats.t.sf(abs(mean) / error, freedom) if error else float(mean == 0)
    return Gain(float(mean), float(mean - reach), float(mean + reach), float(p))


def difference(runs_a: Sequence, runs_b: Sequence, labels: Tensor) -> Gain:
    """How much more accurate runs_a are than runs_b, one a seed and in pairs, with the test images of `labels`.

    The interval allows for other seeds and for other images: both are drawn at random and crossed, so the mean's
    variance comes from the two-way table of answers, seeds by images (mean squares of seeds + images - rest, as in
    Gallas 2006, https://doi.org/10.1016/j.acra.2005.11.030), with Satterthwaite's degrees of freedom. One seed:
    over the images alone.
    """
    answers = [[correct(run.predictions, labels) for run in runs] for runs in (runs_a, runs_b)]
    table = 100 * (np.array(answers[0], dtype=float) - np.array(answers[1], dtype=float))  # [seeds, images]
    (n, images), mean = table.shape, table.mean()
    by_image = table.mean(axis=0)
    of_images = n * by_image.var(ddof=1)
    if n == 1:
        return _gain(mean, (of_images / images) ** 0.5, images - 1)
    by_seed = table.mean(axis=1)
    of_seeds = images * by_seed.var(ddof=1)
    rest = ((table - by_seed[:, None] - by_image + mean) ** 2).sum() / ((n - 1) * (images - 1))
    of_seeds_alone = max(of_seeds - rest, 0.0)
    variance = of_seeds_alone + of_images
    if variance == 0:  # the same answers everywhere
        return _gain(mean, 0.0, 1)
    freedom = variance**2 / (of_seeds_alone**2 / (n - 1) + of_images**2 / (images - 1))
    return _gain(mean, (variance / (n * images)) ** 0.5, freedom)


def holm(p_values: Sequence[float]) -> list[float]:
    """p adjusted for a family of tests, in the same order (Holm 1979): the k-th smallest of m times m - k + 1."""
    p = np.asarray(p_values, dtype=float)
    order = p.argsort()
    adjusted = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted[order.argsort()].tolist()


def format_p(p: float) -> str:
    """A p-value for reading: four decimals, and below 0.0001 a power of ten such as 3.3 × 10⁻⁸."""
    if p >= 0.0001 or p == 0:
        return f"{p:.4f}"
    digits, exponent = f"{p:.1e}".split("e")
    return f"{digits} × 10{str(int(exponent)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def range_of_one_more(summary: Summary, confidence: float = 0.99) -> tuple[float, float]:
    """Where the accuracy in % of one more seed lies with that confidence: Student's t prediction interval."""
    reach = float(stats.t.ppf(0.5 + confidence / 2, summary.n - 1)) * summary.std * (1 + 1 / summary.n) ** 0.5
    return summary.mean - reach, summary.mean + reach


def span(values: Sequence[float], digits: int = 2) -> str:
    """The smallest and the largest of the values, or the one number that both are when rounded."""
    low, high = (f"{limit(values):.{digits}f}" for limit in (min, max))
    return low if low == high else f"{low} to {high}"


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval in % of a proportion hits / n (Wilson 1927)."""
    interval = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    return 100 * float(interval.low), 100 * float(interval.high)


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray) -> tuple[int, int, float]:
    """(images only a gets right, images only b gets right, exact two-sided p) of two networks (McNemar 1947).

    Under "equally good" each image on which they differ falls to either side with probability 1/2.
    """
    only_a, only_b = int((correct_a & ~correct_b).sum()), int((correct_b & ~correct_a).sum())
    p = 1.0 if only_a + only_b == 0 else float(stats.binomtest(only_a, only_a + only_b, 0.5).pvalue)
    return only_a, only_b, p


def shifted_probabilities(model: nn.Module, inputs: Tensor, reach: int = 1) -> Tensor:
    """Mean class probabilities [N, 10] over all shifts of inputs [N, 1, S, S] by up to `reach` pixels in x and y."""
    size, steps = inputs.shape[-1], range(2 * reach + 1)
    wide = F.pad(inputs, [reach] * 4, value=inputs.min().item())  # the background
    shifted = (wide[..., y : y + size, x : x + size] for y in steps for x in steps)
    return torch.stack([models.predict(model, part).double().softmax(1) for part in shifted]).mean(0)


def confusion(logits: Tensor, labels: Tensor) -> np.ndarray:
    """int [10, 10]: how many images of the class in the row were answered as the class in the column."""
    return torch.bincount(10 * labels.cpu() + logits.argmax(1).cpu(), minlength=100).reshape(10, 10).numpy()


def best_epoch(history: list[dict]) -> dict:
    """The row of the epoch with the highest test accuracy: chosen on the test set, as the original report did."""
    return max(history, key=lambda row: row["test_accuracy"])


def compare_with_print(history: list[dict], printed: list[dict]) -> pd.DataFrame:
    """A history beside a printed one, a row for each epoch that both have: ours, theirs, how many numbers are equal.

    Losses to four decimals, accuracies in % to two, as printed. loss_gap and accuracy_gap: the largest distance.
    """
    rows = []
    for ours, theirs in zip(history, printed, strict=False):  # the longer one's last epochs have no partner
        row, gaps, equal = {"epoch": ours["epoch"]}, {"loss": 0.0, "accuracy": 0.0}, 0
        for split, (kind, unit, scale, places) in product(("train", "test"), PRINTED):
            values = [scale * source[f"{split}_{kind}"] for source in (ours, theirs)]
            first, second = (f"{value:.{places}f}" for value in values)
            row |= {f"{split} {unit}": first, f"{split} {unit}, original": second}
            gaps[kind] = max(gaps[kind], abs(values[0] - values[1]))
            equal += first == second
        rows.append(row | {"equal digits": f"{equal} of 4", "loss_gap": gaps["loss"], "accuracy_gap": gaps["accuracy"]})
    return pd.DataFrame(rows)


def latency(model: nn.Module, inputs: Tensor, batch: int) -> float:
    """Median time in microseconds an image that a model takes for the first `batch` of the inputs, after warming up."""
    timer = timeit.Timer(lambda: model(inputs[:batch]).cpu())  # to the CPU: only then has a GPU answered
    with torch.inference_mode():
        calls, _ = timer.autorange()
        return 1e6 * statistics.median(timer.repeat(5, calls)) / calls / batch


def saturated_share(logits: Tensor, limit: float = 0.999) -> float:
    """Share of the images whose largest softmax probability is above the limit."""
    return (logits.double().softmax(1).amax(1) > limit).double().mean().item()
