"""Training: the plain pipeline's digits, reuse, damage, failures, and many seeds."""

import json
import re
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from benchmarks import plain
from mnist_helpers import data, training
from mnist_helpers.training import loop, models, recipes

CPU = torch.device("cpu")
RUNS = "[!.]*"  # the finished runs in runs/; hidden beside them are checkpoints, locks and what was set aside
QUICK = replace(recipes.ORIGINAL_MLP, name="QUICK", initialisation="default", epochs=2)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return training.train(QUICK, 42, runs=tmp_path_factory.mktemp("runs"), device="cpu")


def plain_and_own(recipe, mnist) -> list[tuple[dict, dict]]:
    """The rows of two epochs over 3,000 images by the plain pipeline and by the engine."""
    recipe, n = replace(recipe, epochs=2), 3_000
    small = data.Mnist(mnist.train[:n], mnist.test[:n])
    with torch.random.fork_rng():
        expected = list(plain.train(recipe, 42, *plain.datasets(recipe, n)))
        torch.manual_seed(42)
        ours, _ = loop.fit(recipe, 42, small, CPU, lambda row: None)
    return list(zip(expected, ours, strict=True))


@pytest.mark.parametrize("recipe", [recipes.ORIGINAL_LENET5, recipes.ORIGINAL_MLP], ids=lambda recipe: recipe.name)
def test_digits_equal_the_plain_pipelines(recipe, mnist):
    for expected, own in plain_and_own(recipe, mnist):
        for key, value in expected.items():
            # half of the last printed digit; a loss in the thousands is a float32, good to 6e-8 of itself
            assert own[key] == pytest.approx(value, rel=1e-7, abs=5e-5), key


def test_the_plain_pipeline_refuses_other_recipes():
    with pytest.raises(ValueError, match="only the ORIGINAL recipes, not LENET5"):
        next(plain.train(recipes.LENET5, 42, None, None))


def test_history_has_the_contracts_keys_and_predictions_agree(run, mnist):
    assert [row["epoch"] for row in run.history] == [0, 1]
    for row in run.history:
        assert tuple(row) == loop.HISTORY_KEYS
        assert row["valid_loss"] is None and row["valid_accuracy"] is None
    hits = (run.predictions.argmax(1) == mnist.test.labels).double().mean().item()
    assert hits == run.history[run.epoch]["test_accuracy"] and run.epoch == 1
    again = models.predict(run.model(), data.prepare(mnist.test.images, QUICK))
    assert torch.allclose(again, run.predictions, atol=1e-4)
    assert run.log().startswith("Epoch: 0\tTrain loss: ") and "\tValid accuracy: " in run.log()


def test_an_equal_run_is_reused_and_reuse_false_trains_again(run, tmp_path, capsys):
    first = training.train(QUICK, 7, runs=tmp_path, device="cpu")
    printed = capsys.readouterr().out
    (folder,) = tmp_path.glob(RUNS)
    record = json.loads((folder / "run.json").read_text())
    record["environment"]["seconds"] = -1.0  # a mark that only the file on disk has
    (folder / "run.json").write_text(json.dumps(record))
    renamed = replace(QUICK, name="OTHER_NAME")
    assert training.train(renamed, 7, runs=tmp_path, device="cpu").environment["seconds"] == -1.0
    assert capsys.readouterr().out == printed
    anew = training.train(QUICK, 7, runs=tmp_path, device="cpu", reuse=False)
    assert anew.environment["seconds"] > 0 and anew.history == first.history
    assert training.train(QUICK, 8, runs=tmp_path, device="cpu").history != first.history


def test_training_leaves_the_global_generator_alone(tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    training.train(replace(QUICK, epochs=1), 42, runs=tmp_path, device="cpu")
    assert torch.equal(torch.rand(4), expected)


def test_a_damaged_run_is_set_aside_and_trained_again(tmp_path):
    recipe = replace(QUICK, epochs=1)
    first = training.train(recipe, 42, runs=tmp_path, device="cpu")
    (folder,) = tmp_path.glob(RUNS)
    (folder / "run.safetensors").write_bytes(b"half a file")
    with pytest.warns(UserWarning, match="damaged"):
        again = training.train(recipe, 42, runs=tmp_path, device="cpu")
    assert again.history == first.history
    assert len(list(tmp_path.glob(".damaged-*"))) == 1


def test_the_epoch_is_chosen_on_validation(mnist, monkeypatch):
    """Validation accuracies are made to peak in epoch 1, test accuracies in epoch 2: epoch 1 must be kept."""
    recipe = replace(QUICK, epochs=3, validation=1_000)
    small = data.Mnist(mnist.train[:4_000], mnist.test[:1_000])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        history, kept = loop.fit(recipe, 0, small, CPU, lambda row: None)
    best = max(history, key=lambda row: (row["valid_accuracy"], -row["valid_loss"]))
    assert kept["epoch"] == best["epoch"]
    hits = (kept["predictions"].argmax(1) == small.test.labels).double().mean().item()
    assert hits == best["test_accuracy"]


def test_a_loss_that_is_not_finite_stops_with_epoch_step_and_rate(tmp_path):
    """The rate is the schedule's at that step: with one-cycle far below its peak, which is named by the recipe."""
    wild = replace(QUICK, name="WILD", optimizer="sgd", learning_rate=1e30)
    with pytest.raises(
        training.TrainingError, match=r"WILD with seed 42: .* epoch 0, step \d+, at learning rate 1e\+30"
    ):
        training.train(wild, 42, runs=tmp_path, device="cpu")
    rising = replace(wild, name="RISING", schedule="one-cycle", epochs=1)
    with pytest.raises(training.TrainingError) as stop:
        training.train(rising, 42, runs=tmp_path, device="cpu")
    step, rate = re.search(r"step (\d+), at learning rate (\S+)\. Try", str(stop.value)).groups()
    optimizer = loop.make_optimizer(rising, models.build(rising))
    schedule = loop.make_schedule(rising, optimizer, 60)
    for _ in range(int(step)):
        optimizer.step()
        schedule.step()
    assert float(rate) == pytest.approx(schedule.get_last_lr()[0], rel=1e-2) and float(rate) < 1e30
    assert not list(tmp_path.glob(RUNS))


def test_many_seeds_come_in_order_and_a_failure_leaves_the_others(tmp_path):
    recipe, wild = replace(QUICK, epochs=1), replace(QUICK, name="WILD", optimizer="sgd", learning_rate=1e30)
    with pytest.raises(training.TrainingError, match="WILD with seed 44"):
        training.train_grid([wild, recipe], [44, 42], runs=tmp_path, device="cpu")
    kept = sorted(tmp_path.glob(RUNS))
    assert len(kept) == 2
    runs = training.train_many(recipe, [44, 42], runs=tmp_path, device="cpu")
    assert [run.seed for run in runs] == [44, 42] and sorted(tmp_path.glob(RUNS)) == kept
    assert {run.environment["threads"] for run in runs} == {1}


def test_dropout_and_batch_norm_change_what_they_should():
    count = {key: sum(p.numel() for p in models.LeNet5(**{key: value}).parameters()) for key, value in
             {"dropout": 0.5, "batch_norm": True}.items()}  # fmt: skip
    assert count == {"dropout": 61_706, "batch_norm": 61_706 + 2 * (6 + 16 + 120 + 84)}
    model, x = models.LeNet5(dropout=0.5).train(), torch.rand(4, 1, 32, 32)
    assert not torch.equal(model(x), model(x)) and torch.equal(model.eval()(x), model(x))
    hidden = models.LeNet5(dropout=0.25).act5
    share = (hidden(torch.full((400, 120, 1, 1), 3.0)) == 0).double().mean().item()
    assert share == pytest.approx(0.25, abs=0.01)  # 48,000 draws: a standard error of 0.002
    torch.manual_seed(1)
    plain = models.MLP()
    torch.manual_seed(1)
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), models.MLP(dropout=0.5).parameters(), strict=True))


def test_averaged_weights_are_the_exponential_moving_average(mnist):
    """Against the formula, step by step: a <- decay a + (1 - decay) w after each step, from the first weights on."""
    recipe = replace(QUICK, learning_rate=1e-3, ema=0.9)
    images, expected = data.prepare(mnist.train.images[:500], recipe), None
    step = loop.Step(recipe, images)
    for part in torch.arange(500).split(100):
        step(images[part], mnist.train.labels[part], 1.0)
        weights = torch.cat([p.detach().flatten() for p in step.model.parameters()])
        expected = weights if expected is None else 0.9 * expected + 0.1 * weights
    averaged = torch.cat([p.flatten() for p in step.network.parameters()])
    assert torch.allclose(averaged, expected, atol=1e-6) and not torch.allclose(averaged, weights, atol=1e-4)


def test_averaged_weights_are_what_is_kept(few, tmp_path):
    plain = training.train(replace(QUICK, learning_rate=1e-3), 1, runs=tmp_path, device="cpu")
    averaged = training.train(replace(QUICK, learning_rate=1e-3, ema=0.9), 1, runs=tmp_path, device="cpu")
    assert [row["train_loss"] for row in plain.history] == [row["train_loss"] for row in averaged.history]
    assert not torch.equal(plain.predictions, averaged.predictions)
    again = models.predict(averaged.model(), data.prepare(data.load().test.images, QUICK))
    assert torch.allclose(again, averaged.predictions, atol=1e-5)


def test_label_smoothing_is_in_the_training_loss_only(mnist):
    recipe = replace(QUICK, label_smoothing=0.2)
    x, y = data.prepare(mnist.train.images[:200], recipe), mnist.train.labels[:200]
    step = loop.Step(recipe, x)
    logits = step.model(x).detach().double()
    expected = 0.8 * F.cross_entropy(logits, y) - 0.2 * logits.log_softmax(1).mean()
    assert step(x, y, 1.0).item() == pytest.approx(expected.item(), rel=1e-5)


def test_early_stopping_ends_after_its_patience_and_is_a_prefix(few, tmp_path):
    recipe = replace(QUICK, batch_size=100, epochs=12, validation=500)
    whole = training.train(recipe, 1, runs=tmp_path, device="cpu")
    stopped = training.train(replace(recipe, patience=2), 1, runs=tmp_path, device="cpu")
    n = len(stopped.history)
    assert n < 12 and stopped.history == whole.history[:n]
    assert stopped.epoch == n - 1 - 2 and stopped.epoch == max(
        range(n), key=lambda i: (whole.history[i]["valid_accuracy"], -whole.history[i]["valid_loss"])
    )


def test_folds_share_no_image_and_cover_all(mnist):
    parts = [data.split(mnist.train, 10_000, fold=fold)[1] for fold in range(6)]
    whole = torch.cat([part.images.flatten(1) for part in parts]).double() @ torch.arange(784.0, dtype=torch.float64)
    expected = mnist.train.images.flatten(1).double() @ torch.arange(784.0, dtype=torch.float64)
    assert torch.equal(whole.sort().values, expected.sort().values)
    with pytest.raises(data.DataError, match="no fold 6"):
        data.split(mnist.train, 10_000, fold=6)


def test_c5_as_a_linear_layer_is_the_convolution():
    layer, x = models.FullConv2d(16, 120, 5), torch.rand(8, 16, 5, 5)
    plain = F.conv2d(x, layer.weight, layer.bias)
    assert torch.allclose(layer(x), plain, atol=1e-6)
    with pytest.raises(ValueError, match=r"needs maps of \[5, 5\]"):
        layer(torch.rand(1, 16, 6, 6))


def test_max_pooling_is_the_same_with_and_without_gradients():
    """Also where windows overlap, and for maps without a batch."""
    for maps in (torch.rand(4, 6, 28, 28), torch.rand(6, 28, 28)):
        for options in ({}, {"stride": 1}):
            layer = models.POOLINGS["max"](2, **options)
            with torch.no_grad():
                without = layer(maps)
            assert torch.equal(without, layer(maps)) and torch.equal(without, F.max_pool2d(maps, 2, **options))


def test_initialisations():
    uniform = models.MLP(initialisation="uniform01").layers[1]
    assert uniform.weight.min() >= 0 and 0.49 < uniform.weight.mean() < 0.51 and not uniform.bias.any()
    kaiming = models.MLP(initialisation="kaiming").layers[1]
    assert kaiming.weight.std().item() == pytest.approx((2 / 784) ** 0.5, rel=0.02)  # 200,704 draws
    with pytest.raises(ValueError, match="unknown initialisation"):
        models.MLP(initialisation="zeros")


def test_a_last_batch_of_one_image_is_refused_where_batch_normalisation_meets_it(few, tmp_path):
    size = len(data.load().train) - 500
    recipe = recipes.MLP_SMALL.changed("ONE", epochs=1, validation=500, batch_size=size - 1)
    training.train(recipe, 0, runs=tmp_path, device="cpu", on_epoch=lambda row: None)
    with pytest.raises(
        training.RecipeError, match="leave a last one of a single image, which MLP cannot be trained on"
    ):
        training.train(recipe.changed("NORM", batch_norm=True), 0, runs=tmp_path, device="cpu")
