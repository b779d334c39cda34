"""Studies: what is missing is trained, what is finished is kept, and nothing of other recipes is ever shown."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mnist_helpers import data, studies, training
from mnist_helpers.__main__ import main
from mnist_helpers.analysis import corruptions, published
from mnist_helpers.training import jobs, models, recipes, runs

ROOT = Path(__file__).parents[1]
QUICK = replace(recipes.MLP_SMALL, name="QUICK", epochs=1, batch_size=1000)
SMOOTH = replace(QUICK, name="SMOOTH", label_smoothing=0.1)
STUDY = studies.Study("quick", (QUICK, SMOOTH), (1, 2), keeps_answers=True, pretrained=(QUICK,))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder of its own, whose one study is STUDY."""
    (tmp_path / "report.toml").write_text("")
    shutil.copytree(ROOT / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studies, "STUDIES", {"quick": STUDY})
    monkeypatch.setattr(runs, "PRETRAINED", tmp_path / "weights")
    return tmp_path


def test_a_study_is_trained_once_read_back_and_its_networks_kept(project, monkeypatch, capsys):
    assert main(["study"]) == 0
    assert "4 trainings to do, about" in capsys.readouterr().out
    found = studies.read("quick")
    run = training.train_many(SMOOTH, [2], device="cpu")[0]  # from runs/
    result = found["SMOOTH"][1]
    assert (result.seed, result.epoch, result.recipe) == (2, run.epoch, SMOOTH)
    assert result.history[0] == pytest.approx({key: run.history[0][key] for key in studies.COLUMNS}, abs=1e-6)
    test = data.load(device="cpu").test
    assert result.wrong == (run.predictions.argmax(1) != test.labels).nonzero()[:, 0].tolist()
    assert result.test_accuracy == pytest.approx(1 - len(result.wrong) / 10_000, abs=1e-9)
    kept, exact = studies.probabilities("quick")["SMOOTH"][1], run.predictions.double().softmax(1)
    assert (kept - exact).abs().max() <= 0.005 + 1e-12  # hundredths, rounded
    model, recipe = training.pretrained("quick")
    assert recipe == QUICK and not model.training
    first, inputs = training.train_many(QUICK, [1], device="cpu")[0].model(), data.prepare(test.images, recipe)
    answers, exact = models.predict(model, inputs), models.predict(first, inputs)
    assert torch.allclose(answers, exact, rtol=2e-3, atol=2e-2)  # half precision has eleven binary digits
    assert sorted(path.name for path in (project / "weights").iterdir()) == [".unfinished", "quick"]
    before = {path: path.read_bytes() for path in project.glob("studies/*")}
    monkeypatch.setattr(jobs, "train_jobs", lambda missing: pytest.fail("trained again") if missing else {})
    assert main(["study", "quick"]) == 0
    assert "0 of 4 trainings to do" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in project.glob("studies/*")} == before


def test_what_is_finished_at_ctrl_c_is_kept_and_the_rest_is_trained_later(project, monkeypatch, capsys):
    whole = jobs.train_jobs

    def interrupted(missing):
        whole(missing[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "train_jobs", interrupted)
    assert main(["study"]) == 130
    assert len(json.loads((project / "studies/quick.json").read_text())) == 1
    with pytest.raises(studies.StudyError, match=r"quick\.json lacks 3 of 4 trainings .*'QUICK' with seed 2"):
        studies.read("quick")
    monkeypatch.setattr(jobs, "train_jobs", whole)
    capsys.readouterr()
    assert main(["study"]) == 0
    assert "3 of 4 trainings to do" in capsys.readouterr().out
    assert len(studies.read("quick")["QUICK"]) == 2


def test_stopped_before_the_first_is_finished_nothing_is_written(project, monkeypatch):
    def interrupted(missing):
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "train_jobs", interrupted)
    assert main(["study"]) == 130
    assert not (project / "studies").exists()


def test_a_study_of_other_recipes_is_an_error(project, monkeypatch):
    studies.run([STUDY])
    changed = replace(STUDY, recipes=(QUICK, replace(SMOOTH, label_smoothing=0.2)))
    monkeypatch.setattr(studies, "STUDIES", {"quick": changed})
    with pytest.raises(studies.StudyError, match="lacks 2 of 4 trainings of today's recipes, the first 'SMOOTH'"):
        studies.read("quick")


def test_a_study_none_of_whose_recipes_is_todays_is_said_to_lack_them(project, monkeypatch):
    studies.run([STUDY])
    changed = replace(STUDY, recipes=tuple(recipe.changed(recipe.name, epochs=2) for recipe in STUDY.recipes))
    monkeypatch.setattr(studies, "STUDIES", {"quick": changed})
    with pytest.raises(studies.StudyError, match="lacks 4 of 4 trainings of today's recipes"):
        studies.read("quick")


def test_a_damaged_study_is_named(project):
    (project / "studies").mkdir()
    for content in ("[{", '[{"name": "QUICK"}]', '[{"name": "A", "seed": 1, "recipe": {"model": "MLP", "magic": 1}}]'):
        (project / "studies/quick.json").write_text(content)
        with pytest.raises(
            studies.StudyError, match=r"studies/quick\.json is damaged, or of a version with other recip"
        ):
            studies.read("quick")
    np.savez(project / "studies/quick.npz", other=np.zeros(1))
    with pytest.raises(studies.StudyError, match=r"studies/quick\.npz is damaged, or lacks answers"):
        studies.probabilities("quick")


def test_a_study_that_is_not_there_says_where_it_is(project):
    for read in (studies.read, studies.probabilities):
        with pytest.raises(studies.StudyError, match=r"there is no \S*quick\.(json|npz)\. The project's folder has it"):
            read("quick")


def test_unknown_names_are_refused(capsys):
    assert main(["study", "nothing"]) == 2
    assert "there is no study 'nothing'; there are sweep, techniques" in capsys.readouterr().err
    with pytest.raises(data.DataError, match="no pretrained network 'lenet'; there are"):
        training.pretrained("lenet")


def test_a_damaged_pretrained_network_is_called_so(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "PRETRAINED", shutil.copytree(runs.PRETRAINED, tmp_path / "weights"))
    path = tmp_path / "weights" / "robust-lenet5" / "run.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(data.DataError, match=r"the pretrained network in \S*robust-lenet5 is damaged; restore"):
        training.pretrained("robust-lenet5")
    training.pretrained("best-lenet5")


def test_a_study_of_corrupted_images_measures_its_runs_on_them(project, mnist):
    """Validation or test images; what lacks these is no result of such a study."""
    fold = replace(QUICK, name="FOLD", fold=1)
    hard = studies.Study("hard", (QUICK, fold), (1,), corrupted="validation")
    tested = studies.Study("tested", (QUICK,), (1,), corrupted="test")
    studies.run([STUDY])
    studies.STUDIES.update(hard=hard, tested=tested)
    for study in (hard, tested):
        assert studies._missing(study) == study.jobs
        studies.run([study])
    first, second = (data.split(mnist.train, 5_000, fold=number)[1] for number in (0, 1))
    for name, recipe, digits in (("hard", QUICK, first), ("hard", fold, second), ("tested", QUICK, mnist.test)):
        table = studies.corrupted(name).set_index(["recipe", "kind"])["accuracy"]
        model = training.train_many(recipe, [1], device="cpu")[0].model()
        frame = corruptions.accuracies({"": [(model, recipe)]}, digits)
        expected = frame[frame["strength"] > 0].groupby("kind")["accuracy"].mean()
        for kind, accuracy in expected.items():
            assert table[recipe.name, kind] == pytest.approx(accuracy, abs=0.006)
    assert len(table) == len(corruptions.CORRUPTIONS)
    before = (project / "studies/hard.json").read_bytes()
    studies.run([hard, STUDY])
    assert (project / "studies/hard.json").read_bytes() == before
    assert "corrupted" not in (project / "studies/quick.json").read_text()


def test_what_a_study_takes_from_another_has_its_own_name(project):
    studies.run([STUDY])
    other = studies.Study("other", (QUICK.changed("OTHER"),), (2,))
    studies.run([other])
    (entry,) = json.loads((project / "studies/other.json").read_text())
    assert entry["name"] == "OTHER" and studies.read("quick")["QUICK"][1].recipe.name == "QUICK"


@pytest.mark.parametrize("name", [path.stem for path in (ROOT / "studies").glob("*.json")])
def test_the_committed_studies_are_of_todays_recipes(name):
    """Whether they are complete is asked by the chapter that shows them."""
    known = studies.STUDIES[name].jobs
    for entry in json.loads((ROOT / "studies" / f"{name}.json").read_text(encoding="utf-8")):
        recipe = training.Recipe(entry["name"], **entry["recipe"])
        assert (recipe, entry["seed"]) in known and entry["hash"] == recipe.key
        assert entry["name"] in [job[0].name for job in known]


def test_a_complete_study_is_shown_with_its_plan_and_of_an_incomplete_one_nothing():
    """Studies with one plan are complete together."""
    chapters = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "notebooks").glob("0*.ipynb"))
    (uses,) = re.findall(r'"uses = \{\\n(?s:.*?)"\}"', chapters)  # chapter 7's list of what test images were used for
    sentences = re.findall(r"^.*shown nowhere: (.*)\.$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    every = studies.STUDIES.values()
    planned = {study.name: [other for other in every if other.plan == study.plan or other is study] for study in every}
    planned |= {study.name: [study] for study in every if not study.plan}
    incomplete = [name for name, together in planned.items() if any(map(studies._missing, together))]
    assert sentences == ([", ".join(f"`{name}`" for name in incomplete)] if incomplete else [])
    for name, together in planned.items():
        complete = name not in incomplete
        assert (f'studies.read(\\"{name}\\")' in chapters) == complete, name
        assert (f'\\"{name}\\": (\\"' in uses) == complete, name
        if studies.STUDIES[name].plan and complete:  # of studies with one plan it is shown once
            assert any(f'studies.STUDIES[\\"{other.name}\\"].plan' in chapters for other in together), name


@pytest.mark.parametrize("name", ["best-lenet5", "best-mlp", "robust-lenet5"])
def test_pretrained_networks_reach_their_stated_accuracy(name, mnist):
    model, recipe = training.pretrained(name)
    hits = (models.predict(model, data.prepare(mnist.test.images, recipe)).argmax(1) == mnist.test.labels).sum().item()
    stated = 10_000 * runs.load(runs.PRETRAINED / name).test_accuracy
    assert abs(hits - stated) <= 2  # another machine's sums may tip an image that lies on the edge
    assert recipe == recipes.get(recipe.name)


def test_doubted_labels_are_mnists(mnist):
    for index, (label, votes) in published.LABEL_DOUBTS.items():
        assert mnist.test.labels[index] == label and votes <= 2


def test_a_training_that_two_studies_share_is_counted_once():
    ideas, data = studies.read("ideas_data"), studies.read("data")  # nine recipes are in both, with equal names
    both = {job for name in ("ideas_data", "data") for job in studies.STUDIES[name].jobs}
    assert studies.provenance(ideas, data).startswith(f"{len(both)} trainings, ")
