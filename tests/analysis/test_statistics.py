"""Intervals and tests against values worked out by hand."""

from math import comb
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm

from mnist_helpers import data
from mnist_helpers.analysis import published, statistics
from mnist_helpers.plots import comparison, curves
from mnist_helpers.training import models, recipes


def test_wilson_against_its_formula():
    hits, n, z = 98, 100, 1.959963984540054
    p = hits / n
    middle, reach = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    expected = [100 * (middle + sign * reach) / (1 + z * z / n) for sign in (-1, 1)]
    assert statistics.wilson(hits, n) == pytest.approx(expected)


def test_summary_of_three_seeds_and_of_one():
    three = statistics.summarise([0.98, 0.99, 0.97])
    reach = 4.302652729911275 * 1 / 3**0.5  # Student's t, 2 degrees of freedom, std 1 point
    assert (three.mean, three.std, three.n) == (pytest.approx(98), pytest.approx(1), 3)
    assert three.interval == (pytest.approx(98 - reach), 100.0)  # cut at 100 %
    assert three.misses == pytest.approx(200) and "n = 3" in str(three)
    one = statistics.summarise([0.9889])
    assert one.std is None and one.interval == statistics.wilson(9889, 10_000) and "one seed" in str(one)


def test_mcnemar_is_the_binomial_sum():
    a = np.array([1] * 90 + [1] * 8 + [0] * 2, dtype=bool)
    b = np.array([1] * 90 + [0] * 8 + [1] * 2, dtype=bool)
    by_hand = 2 * sum(comb(10, k) for k in range(3)) / 2**10
    assert statistics.mcnemar(a, b) == (8, 2, pytest.approx(by_hand))
    assert statistics.mcnemar(a, a) == (0, 0, 1.0)


def test_paired_gain_is_students_t_of_the_differences():
    gain = statistics.paired_gain([0.992, 0.994, 0.993], [0.99, 0.99, 0.99])
    reach = 4.302652729911275 * 0.1 / 3**0.5  # differences 0.2, 0.4, 0.3 points: a standard deviation of 0.1
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.3, 0.3 - reach, 0.3 + reach))
    assert str(gain) == "+0.30 points (0.05 to 0.55)" and gain.numbers == "+0.30 (0.05 to 0.55)"
    for other in ([0.99], [0.99, 0.98]):
        with pytest.raises(ValueError, match="two or more pairs"):
            statistics.paired_gain([0.99], other)


def test_the_range_of_one_more_seed():
    summary = statistics.summarise([0.98, 0.99, 0.97])
    reach = 9.924843200918287 * 1 * (4 / 3) ** 0.5  # Student's t at 99.5 %, 2 degrees of freedom
    assert statistics.range_of_one_more(summary) == pytest.approx((98 - reach, 98 + reach))


def test_a_span_of_equal_numbers_is_one_number():
    assert statistics.span([0.381, 0.379]) == "0.38" and statistics.span([3, 1, 2], 0) == "1 to 3"


def test_shifted_probabilities_are_the_mean_over_shifts(mnist):
    """By hand: each image moved pixel by pixel into a blank one, answered, averaged."""
    torch.manual_seed(0)
    model, images = models.MLP().eval(), mnist.test.images[:5]
    inputs = data.prepare(images, recipes.MLP)
    expected = torch.zeros(5, 10, dtype=torch.float64)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            moved = torch.zeros_like(images)
            moved[:, max(down, 0) : 28 + min(down, 0), max(right, 0) : 28 + min(right, 0)] = images[
                :, max(-down, 0) : 28 + min(-down, 0), max(-right, 0) : 28 + min(-right, 0)
            ]
            expected += models.predict(model, data.prepare(moved, recipes.MLP)).double().softmax(1) / 9
    assert torch.allclose(statistics.shifted_probabilities(model, inputs), expected, atol=1e-6)
    none = models.predict(model, inputs).double().softmax(1)
    assert torch.allclose(statistics.shifted_probabilities(model, inputs, reach=0), none)


def test_confusion_counts_rows_as_true_classes():
    labels = torch.tensor([0, 0, 1, 9])
    logits = torch.nn.functional.one_hot(torch.tensor([0, 7, 1, 9]), 10).float()
    matrix = statistics.confusion(logits, labels)
    assert matrix[0, 7] == 1 and matrix[7, 0] == 0 and matrix.sum() == 4 and np.trace(matrix) == 3
    assert statistics.correct(logits, labels).tolist() == [True, False, True, True]


def test_the_originals_log_equals_itself_and_one_digit_less_is_seen():
    log = published.original_history(published.ORIGINAL_LENET5_LOG)
    frame = statistics.compare_with_print(log, log)
    assert (frame["equal digits"] == "4 of 4").all() and frame.accuracy_gap.max() == 0
    changed = [row | {"test_loss": row["test_loss"] + 1e-4} for row in log]
    frame = statistics.compare_with_print(changed, log)
    assert (frame["equal digits"] == "3 of 4").all() and frame.loss_gap.max() == pytest.approx(1e-4)


def test_epochs_that_only_one_of_two_logs_has_are_left_out():
    log = published.original_history(published.ORIGINAL_LENET5_LOG)
    longer = [*log, log[-1] | {"epoch": 15}]
    for history, epochs in ((log[:2], 2), (longer, 15)):
        frame = statistics.compare_with_print(history, log)
        assert frame["epoch"].tolist() == list(range(epochs)) and (frame["equal digits"] == "4 of 4").all()


def test_the_best_epoch_is_the_tests_and_the_chosen_one_the_runs():
    log = published.original_history(published.ORIGINAL_MLP_LOG)
    assert statistics.best_epoch(log)["epoch"] == 10
    runs = [SimpleNamespace(history=log, epoch=epoch) for epoch in (14, 0)]
    assert statistics.chosen_accuracies(runs) == [0.8956, 0.2904]


def test_published_sums_and_bests():
    lenet5, mlp = (
        published.original_history(log) for log in (published.ORIGINAL_LENET5_LOG, published.ORIGINAL_MLP_LOG)
    )
    assert len(lenet5) == len(mlp) == 15
    assert sum(published.ORIGINAL_LENET5_LAYERS) == published.ORIGINAL_LENET5_TOTAL - 100 == 61_706
    assert sum(published.ORIGINAL_MLP_LAYERS) == published.ORIGINAL_MLP_TOTAL + 1_000 == 235_146
    assert max(row["test_accuracy"] for row in lenet5) == lenet5[14]["test_accuracy"] == published.ORIGINAL_BEST_MLP
    assert max(row["test_accuracy"] for row in mlp) == mlp[10]["test_accuracy"] == 0.9111
    assert mlp[5]["test_accuracy"] == published.ORIGINAL_BEST_LENET5


def test_saturated_share():
    logits = torch.tensor([[10.0, 0, 0], [0, 0, 0]])
    assert statistics.saturated_share(logits) == 0.5


def test_plots_draw_one_seed_and_many():
    history = published.original_history(published.ORIGINAL_LENET5_LOG)
    for seeds in (1, 3):
        figure = curves.training_curves({"LeNet-5": [history] * seeds, "MLP": [history] * seeds}, history)
        assert len(figure.axes) == 4
        assert len(figure.axes[0].collections) == (0 if seeds == 1 else 2)  # a band only where there are seeds
        assert len(curves.overfitting([history] * seeds, "LeNet-5").axes) == 2
    assert curves.lowest_test_loss([history]) == 6
    summary = {name: statistics.summarise([0.98, 0.99]) for name in ("LeNet-5", "MLP")}
    assert comparison.accuracies(summary, 99.05).axes[0].get_xlabel() == "test accuracy (%)"
    steps = pd.DataFrame(
        {"step": ["a", "b"], "network": "MLP", "mean": [90.0, 98.0], "low": [88.0, 97.9], "high": [92.0, 98.1]}
    )
    assert [label.get_text() for label in curves.ladder(steps).axes[0].get_yticklabels()] == ["a", "b"]


def test_a_model_of_ones_own_is_drawn_too():
    history = published.original_history(published.ORIGINAL_LENET5_LOG)
    names = ("LeNet-5", "MLP", "small MLP", "my model", "my other model")
    figure = curves.training_curves({name: [history] for name in names})
    assert [line.get_label() for line in figure.axes[0].lines] == list(names)
    assert len(comparison.class_errors(pd.DataFrame(1.0, range(10), names)).axes[0].containers) == 5
    summary = {name: statistics.summarise([0.98, 0.99]) for name in names}
    assert len(comparison.accuracies(summary, 99.05).axes[0].get_yticks()) == 5


def test_holm_multiplies_the_smallest_p_by_all_the_next_by_one_less():
    assert statistics.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert statistics.holm([0.5, 0.9]) == [1, 1]
    many = [0.001, 0.012, 0.006, 0.8, 0.03]
    assert all(adjusted >= p for adjusted, p in zip(statistics.holm(many), many, strict=True))
    gains = {name: statistics.Gain(1, 0, 2, p) for name, p in zip("abc", [0.04, 0.01, 0.03], strict=True)}
    assert [gain.p for gain in statistics.adjust(gains).values()] == pytest.approx([0.06, 0.03, 0.06])


def test_a_gain_is_read_with_minus_signs_and_a_limit_near_zero_is_not_shown_as_zero():
    assert str(statistics.Gain(-0.5, -0.75, 0.25, 0.1)) == "−0.50 points (−0.75 to 0.25)"
    assert statistics.Gain(0.07, 0.003, 0.14, 0.04).numbers == "+0.070 (0.003 to 0.140)"
    assert statistics.Gain(0.1, -0.004, 0.2, 0.06).numbers == "+0.100 (−0.004 to 0.200)"
    assert statistics.Gain(-0.001, -0.2, 0.2, 0.9).numbers == "+0.00 (−0.20 to 0.20)"


def test_p_is_read_as_four_decimals_two_digits_or_below_a_limit():
    assert [statistics.format_p(p) for p in (0.5, 0.0507, 0.0001)] == ["0.5000", "0.0507", "0.0001"]
    assert statistics.format_p(1 / 4001) == "0.00025" and statistics.format_p(9 / 4001) == "0.0022"
    assert statistics.format_p(3.31e-8) == statistics.format_p(0) == "< 0.0001"
    assert [statistics.format_p(p, "p") for p in (0.042, 3.31e-8)] == ["p = 0.0420", "p < 0.0001"]


def answers(rng, seeds, share_wrong, spread, hardness):
    """Runs that differ by seed (spread) and answer images, some harder than others, wrong with this probability."""
    limit = norm.ppf(share_wrong) * (1 + spread**2 + 1) ** 0.5
    scores = hardness + rng.normal(size=(seeds, len(hardness))) + spread * rng.normal(size=(seeds, 1))
    return [SimpleNamespace(wrong=(row < limit).nonzero()[0]) for row in scores]


COVERED = [(seeds, spread, 0.94, 0.96) for seeds in (10, 20) for spread in (0.0, 0.25)]  # what section 5.4 says
COVERED += [
    (5, 0.0, 0.94, 0.965),
    (5, 0.25, 0.915, 0.94),
    (3, 0.0, 0.94, 0.965),
    (3, 0.1, 0.885, 0.94),
    (3, 0.25, 0.885, 0.9),
]


@pytest.mark.parametrize("seeds, spread, least, most", COVERED)
def test_the_interval_of_a_difference_holds_the_truth_in_95_of_100(monkeypatch, seeds, spread, least, most):
    """Of 10,000 images some 300 are hard. Seeds differ by noise alone, by some 10 misses, or by 20; few are too few."""
    monkeypatch.setattr(statistics, "RESAMPLES", 500)
    rng, held, trials = np.random.default_rng(0), 0, 2_000
    for _ in range(trials):
        hardness = rng.normal(size=rng.binomial(10_000, 0.03))
        a, b = (answers(rng, seeds, share_wrong, spread, hardness) for share_wrong in (0.35, 0.55))
        gain = statistics.difference(a, b)
        held += gain.low < 0.6 < gain.high
    assert least * trials <= held <= most * trials


def test_a_difference_of_one_pair_is_over_the_images_alone():
    a, b = SimpleNamespace(wrong=range(900, 1000)), SimpleNamespace(wrong=range(800, 1000))
    gain = statistics.difference([a], [b], 1000)
    reach = 1.96 * 100 * (0.09 / 999) ** 0.5
    assert (gain.mean, gain.low, gain.high) == pytest.approx((10, 10 - reach, 10 + reach), abs=0.25) and gain.p < 0.001
    same = statistics.difference([a, a], [a, a], 1000)
    assert (same.mean, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_the_standard_error_is_that_of_the_two_way_table():
    rng = np.random.default_rng(1)
    table = rng.normal(size=(4, 50)) + rng.normal(size=(4, 1)) + rng.normal(size=50)
    mean, error, _ = statistics._mean_error_freedom(table, np.ones((1, 4)), np.ones((1, 50)), 50)
    by_seed, by_image = table.mean(axis=1), table.mean(axis=0)
    rest = ((table - by_seed[:, None] - by_image + table.mean()) ** 2).sum() / (3 * 49)
    variance = (50 * by_seed.var(ddof=1) - rest + 4 * by_image.var(ddof=1)) / 200
    assert mean[0] == pytest.approx(table.mean()) and error[0] == pytest.approx(variance**0.5)
    twice = statistics._mean_error_freedom(table, np.array([[2, 0, 1, 1]]), np.ones((1, 50)), 50)
    drawn = statistics._mean_error_freedom(table[[0, 0, 2, 3]], np.ones((1, 4)), np.ones((1, 50)), 50)
    assert [value[0] for value in twice] == pytest.approx([value[0] for value in drawn])


def test_a_contrast_weighs_its_parts():
    a, b, c = ([SimpleNamespace(wrong=list(range(start, start + n))) for n in (9, 12)] for start in (0, 5, 30))
    half = statistics.contrast([(0.5, a), (0.5, b), (-1, c)], 1000)
    assert half.mean == pytest.approx(0) and half.low < 0 < half.high
