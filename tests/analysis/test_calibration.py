"""Calibration against values worked out by hand, and against predictors whose calibration is known."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torchmetrics.functional.classification import multiclass_calibration_error

from mnist_helpers.analysis import calibration


def test_the_error_of_two_bins_by_hand():
    confidences, hits = np.array([0.95, 0.95, 0.85, 0.85]), np.array([1, 1, 1, 0])
    # bin (0.9, 1]: accuracy 1, confidence 0.95; bin (0.8, 0.9]: 0.5 and 0.85; each half of the images
    assert calibration.expected_calibration_error(confidences, hits, bins=10) == pytest.approx(100 * (0.05 + 0.35) / 2)
    assert calibration.expected_calibration_error(np.ones(3), np.ones(3)) == 0


def test_a_calibrated_predictor_has_an_error_of_sampling_only():
    """Each answer is right with its own confidence: 15 bins of some 1,300 images deviate by about 1 point each."""
    rng = np.random.default_rng(0)
    confidences = rng.uniform(0.1, 1, 20_000)
    hits = rng.uniform(size=20_000) < confidences
    assert calibration.expected_calibration_error(confidences, hits) < 1.5
    assert calibration.expected_calibration_error(np.clip(confidences + 0.1, 0, 1), hits) > 5


def test_the_error_equals_torchmetrics():
    torch.manual_seed(0)
    logits, labels = 2 * torch.randn(5_000, 10), torch.randint(10, (5_000,))
    hits = (logits.argmax(1) == labels).numpy()
    own = calibration.expected_calibration_error(calibration.confidence(logits), hits)
    theirs = multiclass_calibration_error(logits.double().softmax(1), labels, 10, n_bins=15, norm="l1")
    assert own == pytest.approx(100 * theirs.item(), abs=1e-4)


def test_temperature_finds_the_factor_that_was_put_in():
    torch.manual_seed(0)
    logits = torch.randn(20_000, 10, dtype=torch.float64)
    labels = torch.multinomial(logits.softmax(1), 1)[:, 0]
    assert calibration.temperature(3 * logits, labels) == pytest.approx(3, rel=0.03)
    best = calibration.temperature(logits, labels)
    losses = [F.cross_entropy(logits / t, labels).item() for t in (0.97 * best, best, 1.03 * best)]
    assert losses[1] == min(losses)


def test_coverage_answers_the_surest_first():
    logits = torch.tensor([[3.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    coverage, accuracy = calibration.accuracy_by_coverage(logits, torch.tensor([0, 1, 1]))
    assert coverage == pytest.approx([1 / 3, 2 / 3, 1]) and accuracy == pytest.approx([1, 1, 2 / 3])


def test_the_interval_holds_the_estimate_and_is_not_negative():
    rng = np.random.default_rng(1)
    confidences = rng.uniform(0.5, 1, 2_000)
    value, low, high = calibration.calibration_interval(confidences, rng.uniform(size=2_000) < confidences - 0.1)
    assert 0 <= low <= value <= high


def test_the_fall_of_the_error_is_the_difference_of_both():
    rng = np.random.default_rng(1)
    after = rng.uniform(0.5, 1, 2_000)
    hits, before = rng.uniform(size=2_000) < after, np.sqrt(after)  # calibrated, and too confident
    fall, low, high = calibration.fall_of_error(before, after, hits)
    errors = [calibration.expected_calibration_error(given, hits) for given in (before, after)]
    assert fall == pytest.approx(errors[0] - errors[1]) and 0 < low < fall < high


def test_from_the_found_confidence_on_the_asked_share_of_the_answers_is_right():
    logits = torch.tensor([[3.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    labels = torch.tensor([0, 1, 1])
    least = calibration.confidence_for(logits, labels, 0.99)
    assert (calibration.confidence(logits) >= least).tolist() == [True, False, True]
    assert calibration.confidence_for(logits, 1 - labels, 0.99) == float("inf")
