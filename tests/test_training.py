"""Training: the plain pipeline's digits, reuse, damage, failures, and many seeds."""

import json
import re
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from benchmarks import plain
from mnist_helpers import data, models, recipes, training

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
        ours, _ = training._fit(recipe, 42, small, CPU, lambda row: None)
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
        assert tuple(row) == training.HISTORY_KEYS
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
    (folder / "weights.pt").write_bytes(b"half a file")
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
        history, kept = training._fit(recipe, 0, small, CPU, lambda row: None)
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
    optimizer = training.make_optimizer(rising, models.build(rising))
    schedule = training.make_schedule(rising, optimizer, 60)
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


def test_unknown_recipes_and_wrong_fields_are_refused():
    with pytest.raises(ValueError, match="Did you mean LENET5"):
        recipes.get("lenet-5")
    with pytest.raises(ValueError, match="choose one of adam, adamw, sgd"):
        replace(QUICK, optimizer="adagrad")
    with pytest.raises(ValueError, match="no model 'LeNet6'"):
        replace(QUICK, model="LeNet6")
    with pytest.raises(ValueError, match="batch_size must be above 0"):
        replace(QUICK, batch_size=0)


def test_named_recipes_have_the_counts_of_the_report():
    counts = {name: sum(p.numel() for p in models.build(r).parameters()) for name, r in recipes.RECIPES.items()}
    assert {counts[name] for name in counts if "LENET5" in name} == {61_706}
    assert counts["ORIGINAL_MLP"] == counts["MLP"] == 235_146
    assert abs(counts["MLP_SMALL"] / counts["LENET5"] - 1) < 0.01


def test_c5_as_a_linear_layer_is_the_convolution():
    layer, x = models.FullConv2d(16, 120, 5), torch.rand(8, 16, 5, 5)
    plain = F.conv2d(x, layer.weight, layer.bias)
    assert torch.allclose(layer(x), plain, atol=1e-6)
    with pytest.raises(ValueError, match=r"needs maps of \[5, 5\]"):
        layer(torch.rand(1, 16, 6, 6))


def test_max_pooling_is_the_same_with_and_without_gradients():
    for maps in (torch.rand(4, 6, 28, 28), torch.rand(4, 16, 10, 10).to(memory_format=torch.channels_last)):
        with torch.no_grad():
            assert torch.equal(models.MaxPool2d(2)(maps), F.max_pool2d(maps, 2))
        assert torch.equal(models.MaxPool2d(2)(maps), F.max_pool2d(maps, 2))


def test_initialisations():
    uniform = models.MLP(initialisation="uniform01").layers[1]
    assert uniform.weight.min() >= 0 and 0.49 < uniform.weight.mean() < 0.51 and not uniform.bias.any()
    kaiming = models.MLP(initialisation="kaiming").layers[1]
    assert kaiming.weight.std().item() == pytest.approx((2 / 784) ** 0.5, rel=0.02)  # 200,704 draws
    with pytest.raises(ValueError, match="unknown initialisation"):
        models.MLP(initialisation="zeros")
