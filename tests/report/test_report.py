"""report.toml, the chapter helper, executing chapters, publishing, and the command line."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest

from mnist_helpers import files
from mnist_helpers.__main__ import main
from mnist_helpers.report import Chapter
from mnist_helpers.report.run import ReportError, publish, run_chapter, run_report
from mnist_helpers.report.settings import Settings, SettingsError, read_settings
from mnist_helpers.report.summary import BEGIN, END, NETWORKS, readme_with

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project folder that is also the current folder."""
    (tmp_path / "report.toml").write_text("seeds = 2\n", encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "figures").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_REPORT_OUT", str(tmp_path / "out"))
    monkeypatch.setenv("MNIST_REPORT_SEEDS", "1")
    monkeypatch.setattr(
        "mnist_helpers.training.recipes.live", lambda seeds, hand_in: []
    )  # these chapters train nothing
    return tmp_path


def write_notebook(project, name: str, *sources: str) -> Path:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = project / "notebooks" / f"{name}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
    return path


def test_korean_settings_are_read(project):
    text = 'title = "손글씨 숫자 분류"\nname = "김철수"\nstudent_id = "2026-001"\ndate = 2026-11-25\n'
    text += 'seeds = 5\ncode = "hide"\n'
    (project / "report.toml").write_text(text, encoding="utf-8")
    expected = Settings("손글씨 숫자 분류", "", "김철수", "2026-001", "2026-11-25", 5, "hide")
    assert read_settings() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed = 3", r"unknown key 'seed'. Did you mean 'seeds'\?"),
        ("xyz = 1", "unknown key 'xyz'. The keys are title"),
        ('seeds = "3"', "seeds must be a whole number, not '3'"),
        ("seeds = true", "seeds must be a whole number"),
        ("seeds = 0", "seeds must be 1 to 10,000, not 0"),
        ("seeds = 99999999999999999999999", "seeds must be 1 to 10,000, not 9"),
        ("name = 5", "name must be text in double quotes, not 5"),
        ('code = "all"', "code must be one of appendix, show, hide, not 'all'"),
        ("title = LeNet", "not valid TOML"),
    ],
)
def test_a_wrong_report_toml_is_one_clear_sentence_and_exit_2(project, capsys, text, message):
    (project / "report.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=message):
        read_settings()
    assert main(["report"]) == 2
    assert re.search(rf"^error: report.toml.*{message}", capsys.readouterr().err, re.S)


@pytest.mark.parametrize(
    "seeds", ["0", "20000", "0-99999999999999999999999", "18446744073709551616-18446744073709551617"]
)
def test_seeds_without_end_are_refused(capsys, seeds):
    with pytest.raises(SystemExit) as stopped:
        main(["train", "LENET5", "--seeds", seeds])
    assert stopped.value.code == 2 and "10,000" in capsys.readouterr().err


def test_a_report_toml_that_is_not_utf_8_is_one_clear_sentence(project):
    (project / "report.toml").write_bytes('name = "김철수"'.encode("utf-16"))
    with pytest.raises(SettingsError, match=r"report.toml is not in UTF-8: .* Save it as UTF-8."):
        read_settings()


def test_a_chapter_writes_figures_tables_and_results(project, capsys):
    chapter = Chapter("03_lenet5")
    assert chapter.seeds == [42]
    figure, ax = plt.subplots()
    ax.set_title("손글씨")
    chapter.figure(figure, "curve", "A caption.")
    chapter.table(pd.DataFrame({"a": ["1"]}), "letters", "A table.")
    chapter.record("accuracy", 98.5, interval=(98, 99), n=3, unit="%")
    Chapter("04_mlp").record("loss", 2.5)
    figures = project / "out" / "figures"
    svg = (figures / "03_lenet5_curve.svg").read_text(encoding="utf-8")
    assert "손글씨" in svg and (figures / "03_lenet5_curve.png").stat().st_size > 1000
    assert json.loads((figures / "results.json").read_text()) == {
        "accuracy": {"value": 98.5, "interval": [98.0, 99.0], "n": 3, "unit": "%", "chapter": "03_lenet5"},
        "loss": {"value": 2.5, "interval": None, "n": 1, "unit": "", "chapter": "04_mlp"},
    }
    shown = capsys.readouterr().out
    assert "Figure 3.1" in shown and "Table 3.1" in shown and "A caption." in shown
    assert not list(figures.glob(".*"))


def test_a_number_belongs_to_its_key(project, capsys):
    """A cell that is run twice keeps its number, and a figure of one's own shifts none of those that the text names."""
    chapter = Chapter("03_lenet5", figures="first second", tables="numbers results")
    frame = pd.DataFrame({"a": ["1"]})
    for key in ("mine", "second", "second", "first", "mine", "another"):
        chapter.figure(plt.figure(), key, f"the {key} one")
    chapter.table(frame, "mine", "my table")
    chapter.table(frame, "results", "the results")
    shown = capsys.readouterr().out
    numbers = dict(re.findall(r"Figure 3\.(\d)\.\S* the (\w+) one", shown))
    assert numbers == {"1": "first", "2": "second", "3": "mine", "4": "another"}
    assert "Table 3.3" in shown and "Table 3.2" in shown and "Table 3.1" not in shown


def test_the_hand_in_numbers_without_chapters_and_in_its_language(project, capsys):
    for name, words in {"00_report": ("Figure 1", "Table 1"), "00_report_ko": ("그림 1", "표 1")}.items():
        chapter = Chapter(name, figures="curve", tables="numbers")
        chapter.title()
        chapter.figure(plt.figure(), "curve", "a curve")
        chapter.table(pd.DataFrame({"a": ["1"]}), "numbers", "numbers")
        shown = capsys.readouterr().out
        assert all(f"**{word}.**" in shown for word in words) and f"# {chapter.settings.title}" in shown
    assert [path.name for path in sorted((project / "out/figures").iterdir())] == [
        "00_report_curve.png",
        "00_report_curve.svg",
    ]


def test_a_claim_that_does_not_hold_is_said_and_stops_only_the_tests(project, monkeypatch, capsys):
    chapter = Chapter("03_lenet5")
    chapter.check(True, "one is one")
    assert not capsys.readouterr().out
    with pytest.raises(AssertionError, match="two is one"):
        chapter.check(False, "two is one")
    monkeypatch.delenv("MNIST_REPORT_STRICT")
    chapter.check(False, "two is one")
    assert "With these values it does not hold that** two is one." in capsys.readouterr().out


def test_a_chapter_run_again_forgets_its_old_results(project):
    Chapter("03_lenet5").record("old", 1)
    Chapter("04_mlp").record("kept", 1)
    Chapter("03_lenet5").record("new", 2)
    assert list(json.loads((project / "out/figures/results.json").read_text())) == ["kept", "new"]


def test_an_interrupted_write_leaves_the_old_file(project, monkeypatch):
    target = project / "file.txt"
    target.write_bytes(b"old")
    monkeypatch.setattr(files.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        files.write_atomically(target, b"new")
    assert target.read_bytes() == b"old" and not list(project.glob(".part-*"))


def test_a_failing_cell_is_named_and_the_old_notebook_stays(project, capsys):
    write_notebook(project, "01_fine", "x = 1")
    write_notebook(project, "02_broken", "y = 1", "# divide\ny / 0")
    before = (project / "notebooks" / "02_broken.ipynb").read_bytes()
    with pytest.raises(
        ReportError, match=r"chapter 02_broken, cell 2 \('# divide'\): ZeroDivisionError: division by zero"
    ):
        run_report(seeds=1)
    assert (project / "notebooks" / "02_broken.ipynb").read_bytes() == before
    assert not (project / "build/partial/notebooks/02_broken.ipynb").exists()
    assert main(["report", "--seeds", "1"]) == 1
    assert main(["report", "--chapters", "9"]) == 2
    assert "there is no chapter 9; the chapters are 1, 2" in capsys.readouterr().err


def test_a_chapter_executes_in_its_folder_with_the_seeds(project):
    write_notebook(
        project, "01_where", "import os; print(os.path.basename(os.getcwd()), os.environ['MNIST_REPORT_SEEDS'])"
    )
    run_chapter(project / "notebooks/01_where.ipynb", project / "build/01_where.ipynb")
    (cell,) = nbformat.read(project / "build/01_where.ipynb", 4).cells
    assert cell.execution_count == 1 and cell.outputs[0].text == "notebooks 1\n"
    assert "execution" not in cell.metadata  # no times: they would change with every run


def test_ctrl_c_stops_both_kernels_with_one_sentence(project):
    """Both chapters say that they run, then sleep; the process must end long before they would."""
    for name in ("01_a", "02_b"):
        write_notebook(project, name, f"open('{name}', 'w').close()\nimport time; time.sleep(600)")
    command = [sys.executable, "-m", "mnist_helpers", "report", "--chapters", "1,2"]
    group = {"start_new_session": True} if os.name == "posix" else {}
    report = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **group)
    deadline = time.monotonic() + 120
    while not all((project / "notebooks" / name).exists() for name in ("01_a", "02_b")):
        assert report.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    report.send_signal(signal.SIGINT)
    _, errors = report.communicate(timeout=120)
    assert report.returncode == 130
    assert errors.strip() == "stopped; trainings are kept in runs/ up to their last epoch, and go on there"


def test_only_a_full_report_publishes(project, monkeypatch):
    record = "from mnist_helpers.report import Chapter\nChapter('01_x').record('a', 1)"
    write_notebook(project, "01_x", record)
    run_report(numbers=[1])
    assert not list((project / "figures").iterdir()) and not (project / "report.pdf").exists()
    assert (project / "build/partial/report_full.pdf").read_bytes().startswith(b"%PDF")
    (project / "figures" / "01_old.png").write_bytes(b"no chapter draws this any more")
    (project / "README.md").write_text(f"{BEGIN}\n{END}", encoding="utf-8")
    run_report()
    assert {path.name for path in (project / "figures").iterdir()} == {"results.json"}
    assert (project / "report_full.pdf").read_bytes().startswith(b"%PDF")
    assert nbformat.read(project / "notebooks/01_x.ipynb", 4).cells[0].execution_count == 1


@pytest.mark.parametrize("lacking", ["report.toml", "figures", "README.md"])
def test_a_report_needs_chapters_only(project, lacking):
    shutil.rmtree(project / "figures")
    write_notebook(project, "01_x", "from mnist_helpers.report import Chapter\nChapter('01_x').record('a', 1)")
    (project / "README.md").write_text(f"{BEGIN}\n{END}", encoding="utf-8")
    (project / lacking).unlink(missing_ok=True)
    run_report()
    made = {path.name for path in project.iterdir()} - {lacking}
    assert made >= {"report_full.pdf", "build", "notebooks"} and json.loads(
        (project / "figures/results.json").read_text()
    )
    assert {path.name for path in (project / "notebooks").iterdir()} == {"01_x.ipynb"}


def test_a_chapter_finds_the_project_without_report_toml(project, monkeypatch):
    write_notebook(project, "01_x", "1")
    (project / "report.toml").unlink()
    monkeypatch.chdir(project / "notebooks")  # where Jupyter starts its kernel
    assert files.project_path("runs") == project / "runs"
    monkeypatch.chdir(project.parent)  # no project's
    assert files.project_path("runs") == project.parent / "runs"


def test_cells_that_show_are_folded_and_those_that_train_or_define_are_not(project):
    train = "from mnist_helpers import training\nrun = training.train_many"
    define = "class Net:\n    def __call__(self, chapter):\n        chapter.say('x')"
    open_cells = ("x = 1", train, define, "# chapter.say\nx = 2")
    shown = (
        "from mnist_helpers.report import Chapter\nchapter = Chapter('01_x')\nchapter.say('a')",
        "for k in 'ab':\n    chapter.record(k, 1)",
    )
    write_notebook(project, "01_x", *shown, *open_cells)
    source = nbformat.read(project / "notebooks/01_x.ipynb", 4)
    source.cells[2].metadata = {"jupyter": {"source_hidden": True}, "tags": ["kept"]}  # by hand
    nbformat.write(source, project / "notebooks/01_x.ipynb")
    run_chapter(project / "notebooks/01_x.ipynb", project / "out.ipynb")
    cells = nbformat.read(project / "out.ipynb", 4).cells
    folded, by_hand = {"cellView": "form", "jupyter": {"source_hidden": True}}, source.cells[2].metadata
    assert [dict(cell.metadata) for cell in cells] == [folded, folded, by_hand, {}, {}, {}]


def test_the_readme_needs_its_markers(project):
    readme = project / "README.md"
    readme.write_text("no markers", encoding="utf-8")
    with pytest.raises(ValueError, match="has lost its markers"):
        readme_with({}, readme)
    entry = {"value": 1.0, "interval": [0.5, 1.5], "n": 3, "unit": "", "chapter": "05"}
    kinds = ("test_accuracy", "test_misses", "parameters", "macs")
    results = {f"{key}_{kind}": entry for key in NETWORKS for kind in kinds}
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter", encoding="utf-8")
    text = readme_with(results, readme)
    assert text.startswith("before\n") and text.endswith("\nafter") and "old" not in text
    assert text.count("**1.00**") == len(NETWORKS)


def test_a_damaged_data_file_is_one_clear_sentence_and_exit_2(project, capsys):
    shutil.copytree(ROOT / "data", project / "data")
    images = project / "data/MNIST/raw/t10k-images-idx3-ubyte.gz"
    images.write_bytes(images.read_bytes()[:-1])
    assert main(["train", "MLP_SMALL"]) == 2
    assert re.search(r"^error: \S*t10k-images-idx3-ubyte.gz is damaged .*git checkout", capsys.readouterr().err)
    assert not (project / "runs").exists()


def test_wrong_commands_exit_2(project, capsys):
    assert main(["train", "LENET6"]) == 2
    assert "there is no recipe 'LENET6'. Did you mean LENET5?" in capsys.readouterr().err
    for wrong in (
        ["report", "--seeds", "0"],
        ["report", "--chapters", "x"],
        ["train", "MLP", "--seeds", "5-3"],
        ["nonsense"],
    ):
        with pytest.raises(SystemExit) as stop:
            main(wrong)
        assert stop.value.code == 2


def test_the_cell_that_failed_is_named_and_not_one_that_was_to_fail(project):
    path = write_notebook(project, "01_x", "1 / 0", "raise KeyError('real')", "a_name")
    notebook = nbformat.read(path, 4)
    notebook.cells[0].metadata["tags"] = ["raises-exception"]
    for cell in notebook.cells:  # as it was saved after another failure
        cell.outputs = [nbformat.v4.new_output("error", ename="OldError", evalue="", traceback=[])]
    nbformat.write(notebook, path)
    with pytest.raises(ReportError, match=r"chapter 01_x, cell 2 \(.raise KeyError.*: KeyError: 'real'"):
        run_chapter(path, project / "build" / "x.ipynb")


def test_a_report_that_cannot_be_published_whole_replaces_nothing(project, monkeypatch):
    out = project / "build" / "report"
    for name, content in (("notebooks/01_x.ipynb", "new"), ("figures/results.json", "{}"), ("report.pdf", "%PDF")):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(content)
    (project / "notebooks").mkdir(exist_ok=True)
    (project / "notebooks" / "01_x.ipynb").write_text("old")
    shutil.rmtree(project / "figures")
    (project / "figures").write_text("a file, where a folder should be")
    monkeypatch.setattr("mnist_helpers.report.run.picture_of_pages", lambda *_: b"")
    with pytest.raises(ReportError, match=r"cannot be written to: .*Nothing was replaced"):
        publish(out)
    assert (project / "notebooks" / "01_x.ipynb").read_text() == "old" and not list(project.rglob(".part-*"))


def test_a_fault_of_ours_shows_its_traceback(monkeypatch, capsys):
    def fault(options):
        return [1, 2].index(3)

    monkeypatch.setattr("mnist_helpers.__main__._colab", fault)
    with pytest.raises(ValueError, match="3 is not in list"):
        main(["colab"])
    monkeypatch.setattr(
        "mnist_helpers.__main__._colab", lambda options: read_settings("no/such/folder/x.toml") and 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        main(["colab"])


def test_what_cannot_be_set_is_known_before_anything_is_trained(project, monkeypatch, capsys):
    write_notebook(project, "01_x", "1")
    monkeypatch.setattr("mnist_helpers.training.train_jobs", lambda jobs: pytest.fail("trained first"))
    (project / "report.toml").write_text('name = "\U00012000"\n', encoding="utf-8")  # cuneiform
    assert main(["report", "--strict"]) == 2
    assert "report.toml has signs that are in no font" in capsys.readouterr().err
