"""Does a network know when it is wrong? Calibration, temperature, and answering only where it is sure."""

from collections.abc import Callable

import numpy as np
import torch.nn.functional as F
from scipy import optimize, stats
from torch import Tensor

from mnist_helpers.analysis.statistics import correct


def confidence(logits: Tensor) -> np.ndarray:
    """float64 [N]: the largest softmax probability of each image's logits [N, 10]."""
    return logits.double().softmax(1).amax(1).cpu().numpy()


def expected_calibration_error(confidences: np.ndarray, hits: np.ndarray, bins: int = 15) -> float:
    """Mean distance of accuracy and confidence, in points, over equal bins of confidence (Guo et al. 2017, eq. 3)."""
    share, accuracy, mean = reliability(confidences, hits, bins)
    return float(100 * np.nansum(share * np.abs(accuracy - mean)))


def reliability(confidences: np.ndarray, hits: np.ndarray, bins: int = 15) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(share of the images, accuracy, mean confidence) of each bin (i / bins, (i + 1) / bins]; NaN where empty."""
    index = np.clip(np.ceil(np.asarray(confidences) * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        accuracy = np.bincount(index, np.asarray(hits, dtype=float), bins) / counts
        mean = np.bincount(index, confidences, bins) / counts
    return counts / len(index), accuracy, mean


def calibration_interval(confidences: np.ndarray, hits: np.ndarray) -> tuple[float, float, float]:
    """(expected calibration error, low, high) in points: bootstrap over the images, 95 %."""
    error, low, high = _interval(expected_calibration_error, confidences, hits)
    return error, max(0.0, low), high


def fall_of_error(before: np.ndarray, after: np.ndarray, hits: np.ndarray) -> tuple[float, float, float]:
    """How far the expected calibration error falls from confidences `before` to those `after`: (points, low, high)."""
    return _interval(_fall, before, after, hits)


def _fall(before: np.ndarray, after: np.ndarray, hits: np.ndarray) -> float:
    return expected_calibration_error(before, hits) - expected_calibration_error(after, hits)


def _interval(statistic: Callable, *arrays: np.ndarray) -> tuple[float, float, float]:
    """(statistic, low, high): bootstrap over the images, 500 resamples, 95 %.

    Resampling adds its own noise to an error that cannot be below 0, so the interval is of the basic kind:
    2 x estimate - percentiles.
    """
    interval = stats.bootstrap(
        arrays, statistic, paired=True, vectorized=False, n_resamples=500, method="basic",
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return statistic(*arrays), float(interval.low), float(interval.high)


def temperature(logits: Tensor, labels: Tensor) -> float:
    """The number by which validation logits are to be divided for the smallest cross-entropy (Guo et al. 2017)."""
    logits, labels = logits.double().cpu(), labels.cpu()
    found = optimize.minimize_scalar(lambda log_t: F.cross_entropy(logits / np.exp(log_t), labels).item())
    return float(np.exp(found.x))


def accuracy_by_coverage(logits: Tensor, labels: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """(coverage, accuracy) where only the surest images are answered, one point an image, from one to all of them."""
    hits = correct(logits, labels)[np.argsort(-confidence(logits), kind="stable")]
    answered = np.arange(1, len(hits) + 1)
    return answered / len(hits), np.cumsum(hits) / answered


def confidence_for(logits: Tensor, labels: Tensor, accuracy: float) -> float:
    """The least confidence from which so many of these (validation) images' answers are right; infinite if none is."""
    _, accuracies = accuracy_by_coverage(logits, labels)
    (enough,) = (accuracies >= accuracy).nonzero()
    return float(np.sort(confidence(logits))[::-1][enough[-1]]) if len(enough) else float("inf")
