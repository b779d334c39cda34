"""Recipe: one identity, whatever form its values come in; what cannot be trained is refused in one sentence."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from mnist_helpers import studies
from mnist_helpers.training import Recipe, RecipeError, models, recipes
from mnist_helpers.training.augmentation import Augmentation

QUICK = replace(recipes.ORIGINAL_MLP, name="QUICK", initialisation="default", epochs=2)


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(784, 10)

    def forward(self, x):
        return self.layer(x.flatten(1))


def test_unknown_recipes_and_wrong_fields_are_refused():
    with pytest.raises(ValueError, match="Did you mean LENET5"):
        recipes.get("lenet-5")
    with pytest.raises(ValueError, match="it should be 'adam', 'adamw' or 'sgd'"):
        replace(QUICK, optimizer="adagrad")
    with pytest.raises(ValueError, match="model is 'LeNet6'; it should be a class or one of LeNet5, "):
        replace(QUICK, model="LeNet6")
    with pytest.raises(ValueError, match="batch_size is 0; it should be greater than 0"):
        replace(QUICK, batch_size=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dropout": 1.0}, "dropout is 1.0; it should be less than 1"),
        ({"patience": 2, "validation": 0}, "patience is 2; it should be 0 without validation images"),
        ({"patience": -1}, "patience is -1; it should be greater than or equal to 0"),
        ({"fold": 1.0}, "fold is 1.0; it should be a valid integer"),
    ],
)
def test_wrong_regularization_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(recipes.LENET5, **change)


def test_a_recipe_comes_back_from_its_fields():
    for recipe in (*recipes.NAMED, *(recipe for study in studies.STUDIES.values() for recipe in study.recipes)):
        fields = json.loads(json.dumps(recipe.fields()))
        assert Recipe(recipe.name, **fields) == recipe
    fields = recipes.LENET5.fields()
    for key in ("calm", "augmentation", "widths"):
        del fields[key]  # as if it had been written before there was such a field
    assert Recipe("OLDER", **fields) == recipes.LENET5


def test_a_recipe_is_shown_with_what_is_not_usual():
    assert repr(recipes.LENET5) == "Recipe('LENET5', 'LeNet5', resize='pad')"
    assert repr(replace(recipes.MLP, ema=0.9)) == "Recipe('MLP', 'MLP', widths=(256, 128), resize='none', ema=0.9)"


def test_named_recipes_have_the_counts_of_the_report():
    counts = {name: sum(p.numel() for p in models.build(r).parameters()) for name, r in recipes.RECIPES.items()}
    assert {counts[name] for name in counts if "LENET5" in name} == {61_706}
    assert counts["ORIGINAL_MLP"] == counts["MLP"] == 235_146
    assert abs(counts["MLP_SMALL"] / counts["LENET5"] - 1) < 0.01


def test_equal_recipes_are_one_whatever_form_their_values_come_in():
    plain = recipes.MLP
    for change in (
        {"weight_decay": 0}, {"widths": [256, 128]}, {"widths": ()}, {"model": models.MLP}, {"resize": "auto"},
        {"augmentation": Augmentation(shift=0)}, {"learning_rate": 1e-2, "momentum": 0.9},
    ):  # fmt: skip
        other = plain.changed("OTHER", change)
        assert other == plain and hash(other) == hash(plain) and other.key == plain.key, change
    shifted = [plain.changed("S", augmentation=Augmentation(shift=value)) for value in (1, 1.0)]
    assert shifted[0] == shifted[1] != plain


def test_a_lenet5_pads_by_itself_and_another_size_is_refused_with_what_to_do():
    recipe = Recipe("mine", "LeNet5", epochs=2)
    assert recipe.resize == "pad" and recipe.input_shape == (1, 32, 32)
    assert recipe.changed("m", model="MLP").resize == "none"


def test_options_that_a_model_does_not_take_are_refused():
    with pytest.raises(
        RecipeError, match=r"recipe m: widths is \(10,\); it should be the sizes of 4 layers, or left out"
    ):
        Recipe("m", "LeNet5", widths=(10,))
    with pytest.raises(RecipeError, match="recipe m: there is no field 'epoch'; did you mean 'epochs'"):
        Recipe("m", "MLP", epoch=3)
    assert recipes.ORIGINAL_LENET5.changed("m", model=Linear).activation == "relu"  # what it had, Linear lacks


def test_a_recipe_is_changed_only_under_another_name():
    with pytest.raises(RecipeError, match=r"write recipe.changed\('a new name', activation='relu'\)"):
        recipes.ORIGINAL_LENET5.activation = "relu"
    assert recipes.LENET5.changed("mine", {"epochs": 2}, activation="tanh").epochs == 2


def test_only_networks_are_models():
    for model in ("initialise", "nn", "Tanh", dict, models.initialise, torch):
        with pytest.raises(RecipeError, match="recipe m: model is"):
            Recipe("m", model)
    own = Recipe("m", Linear, epochs=1)
    assert own.model_name == "Linear" and own.fields()["model"] == f"Linear {own.code}" and own != Recipe("m", "MLP")
    assert Recipe("m", models.LeNet5) == Recipe("m", "LeNet5")
