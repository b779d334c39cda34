"""From logits and histories to counts, intervals and tests. Reads results; never trains."""

import statistics
import timeit
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor, nn

from mnist_helpers.training import models

TEST_IMAGES = 10_000
RESAMPLES = 4_000  # of a bootstrap
FEW = 8  # seeds
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

    @property
    def numbers(self) -> str:
        """Mean and interval for reading; with three decimals where two would show a limit near zero as zero."""
        return self.rounded(3 if min(abs(self.low), abs(self.high)) < 0.005 else 2)

    def rounded(self, digits: int) -> str:
        """Mean and interval with so many decimals."""
        mean, low, high = (round(value, digits) + 0 for value in (self.mean, self.low, self.high))  # + 0: no -0
        return f"{mean:+.{digits}f} ({low:.{digits}f} to {high:.{digits}f})".replace("-", "−")

    def __str__(self) -> str:
        return self.numbers.replace(" (", " points (")


def paired_gain(accuracies: Sequence[float], plain: Sequence[float], confidence: float = 0.95) -> Gain:
    """Of `accuracies` over `plain`, fractions in the same seeds' (or folds') order: Student's t of the differences."""
    if len(accuracies) != len(plain) or len(plain) < 2:
        raise ValueError(f"need two or more pairs, not {len(accuracies)} and {len(plain)} accuracies")
    differences = 100 * (np.asarray(accuracies, dtype=float) - np.asarray(plain, dtype=float))
    n, mean = len(differences), float(differences.mean())
    error = float(differences.std(ddof=1)) / n**0.5
    reach = float(stats.t.ppf(0.5 + confidence / 2, n - 1)) * error
    p = 2 * float(stats.t.sf(abs(mean) / error, n - 1)) if error else float(mean == 0)
    return Gain(mean, mean - reach, mean + reach, p)


def difference(runs_a: Sequence, runs_b: Sequence, images: int = TEST_IMAGES) -> Gain:
    """How much more accurate runs_a are than runs_b, one a seed and in pairs, on so many test images."""
    return contrast([(1, runs_a), (-1, runs_b)], images)


def contrast(parts: Sequence[tuple[float, Sequence]], images: int = TEST_IMAGES) -> Gain:
    """A sum of accuracies, each with a weight, of runs in the same seeds' order.

    The weights add up to 0: it is a difference. One part alone with -1 gives the errors of its runs, in %.

    The interval allows for other seeds and for other test images, by a hierarchical bootstrap-t: seeds and images are
    drawn anew, crossed (Owen 2007, https://doi.org/10.1214/07-AOAS122), and each draw's distance from the mean is
    divided by its own standard error (Efron and Tibshirani 1993, section 12.5). In simulations 94 to 96 of 100 such
    intervals held the truth with ten or twenty seeds. Fewer than FEW seeds are too few to draw from: there Student's t
    divides the mean by its standard error instead (Gallas 2006, with Satterthwaite's degrees of freedom); 92 to 96 of
    100 held it with five seeds, 89 to 96 with three, the fewer the more the seeds differ. One seed: images alone.
    """
    table = np.zeros((len(parts[0][1]), images))  # [seeds, images], in points
    for weight, runs in parts:
        for row, run in zip(table, runs, strict=True):
            row[run.wrong] -= 100 * weight
    table = table[:, table.any(axis=0)]  # of the other images only the number counts
    n, differing = table.shape
    if not differing:
        return Gain(0.0, 0.0, 0.0, 1.0)
    once = np.ones((1, n)), np.ones((1, differing))
    mean, error, freedom = (float(value[0]) for value in _mean_error_freedom(table, *once, images))
    if n < FEW:
        reach = float(stats.t.ppf(0.975, freedom)) * error
        return Gain(mean, mean - reach, mean + reach, 2 * float(stats.t.sf(abs(mean) / error, freedom)))
    random, distances = np.random.default_rng(0), []
    for _ in range(RESAMPLES // 500):
        seeds = random.multinomial(n, np.full(n, 1 / n), 500)  # how often each is drawn
        drawn = random.multinomial(images, [*np.full(differing, 1 / images), 1 - differing / images], 500)[:, :-1]
        means, errors, _ = _mean_error_freedom(table, seeds, drawn, images)
        distances.append(abs(means - mean)[errors > 0] / errors[errors > 0])
    distances = np.concatenate(distances)
    reach = error * float(np.quantile(distances, 0.95))
    as_far = int((distances >= abs(mean) / error).sum())
    return Gain(mean, mean - reach, mean + reach, (1 + as_far) / (1 + len(distances)))


def _mean_error_freedom(
    table: np.ndarray, seeds: np.ndarray, drawn: np.ndarray, images: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of a table [seeds, images] with so many of each, float [draws]: mean, standard error, degrees of freedom.

    From the mean squares of seeds + images - rest (Gallas 2006, https://doi.org/10.1016/j.acra.2005.11.030).
    """
    n = len(table)
    by_image, by_seed = seeds @ table / n, drawn @ table.T / images  # [draws, images], [draws, seeds]
    mean = (by_image * drawn).sum(1) / images
    of_images = n * ((drawn * by_image**2).sum(1) - images * mean**2) / (images - 1)
    if n == 1:
        return mean, (of_images / images) ** 0.5, np.full_like(mean, images - 1)
    of_seeds = images * ((seeds * by_seed**2).sum(1) - n * mean**2) / (n - 1)
    total = (drawn * (seeds @ table**2)).sum(1) - n * images * mean**2
    rest = (total - (n - 1) * of_seeds - (images - 1) * of_images) / ((n - 1) * (images - 1))
    of_seeds = np.maximum(of_seeds - rest, 0)
    variance = of_seeds + of_images
    with np.errstate(invalid="ignore"):  # all draws the same
        freedom = variance**2 / (of_seeds**2 / (n - 1) + of_images**2 / (images - 1))
    return mean, (variance / (n * images)) ** 0.5, freedom


def holm(p_values: Sequence[float]) -> list[float]:
    """p adjusted for a family of tests, in the same order (Holm 1979): the k-th smallest of m times m - k + 1."""
    p = np.asarray(p_values, dtype=float)
    order = p.argsort()
    adjusted = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted[order.argsort()].tolist()


def adjust(gains: dict[Hashable, Gain]) -> dict[Hashable, Gain]:
    """The gains of a family of tests, with p adjusted for it (`holm`)."""
    p_values = holm([gain.p for gain in gains.values()])
    return {name: replace(gain, p=p) for (name, gain), p in zip(gains.items(), p_values, strict=True)}


def format_p(p: float, name: str = "") -> str:
    """A p-value for reading: 0.0420, 0.00025, and below 0.0001 no more than that; with a name "p = 0.0420"."""
    shown = f"{p:.4f}" if p >= 0.001 else f"{p:.2g}"
    if p < 0.0001:
        return f"{name} < 0.0001".lstrip()
    return f"{name} = {shown}" if name else shown


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
        calls = max(1, timer.autorange()[0] // 5)  # that many take some 0.05 s
        return 1e6 * statistics.median(timer.repeat(5, calls)) / calls / batch


def saturated_share(logits: Tensor, limit: float = 0.999) -> float:
    """Share of the images whose largest softmax probability is above the limit."""
    return (logits.double().softmax(1).amax(1) > limit).double().mean().item()
