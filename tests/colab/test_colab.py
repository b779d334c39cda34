"""The notebook for Colab: what is in it, and what its cells do. Run to its end it is in `make check-all`."""

import base64
import hashlib
import io
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import types
import venv
from pathlib import Path

import nbformat
import pytest
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from pypdf import PdfReader

from mnist_helpers import colab
from mnist_helpers.__main__ import main
from mnist_helpers.colab import notebook as colab_notebook
from mnist_helpers.report import exporter, run, settings

ROOT = Path(__file__).parents[2]
CHAPTERS = [path for path in sorted((ROOT / "notebooks").glob("*.ipynb")) if path.stem != "00_report_ko"]
BETWEEN = (colab_notebook.HAND_IN, colab_notebook.GATE)  # hand-in and chapters


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return colab_notebook.build_notebook(target=tmp_path_factory.mktemp("colab") / "report.ipynb")


@pytest.fixture(scope="module")
def notebook(path):
    return nbformat.read(path, 4)


@pytest.fixture
def python(tmp_path):
    """A Python that has all that this one has, but for our package, as Colab has when the notebook is opened."""
    folder = tmp_path / "python"
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    homes = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    own = sysconfig.get_path("purelib", vars={"base": str(folder)})
    Path(own, "others.pth").write_text(
        "\n".join(homes)
    )  # packages there; its own .pth files, and so our checkout, are not read
    return Path(sysconfig.get_path("scripts", vars={"base": str(folder)})) / "python"


def run_alone(python, notebook, *tries) -> str:
    """What run_colab.py prints of a notebook in an empty folder, without data and without the repository."""
    # no way to the checkout; and ipykernel would not show what pip prints, if it knew that this is a test
    left_out = ("MNIST_REPORT", "PYTEST", "PYTHONPATH")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
    command = [python, ROOT / "tests/colab/run_colab.py", notebook, *tries]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def names_in(notebook) -> list[str]:
    """Of the files in the archive inside the notebook."""
    text = re.search(r'b85decode\("([^"]+)"\)', notebook.cells[1].source)[1]
    return tarfile.open(fileobj=io.BytesIO(base64.b85decode(text))).getnames()


def test_it_is_valid_small_and_has_every_cell_of_every_chapter(path, notebook):
    nbformat.validate(notebook)
    assert path.stat().st_size <= 4_000_000
    sources = [cell.source for chapter in CHAPTERS for cell in nbformat.read(chapter, 4).cells]
    shown = [cell.source for cell in notebook.cells[3:-1] if cell.source not in BETWEEN]
    assert shown == [re.sub(r"\[(chapter \d)\]\(\d\d_\w+\.ipynb\)", r"\1", source, flags=re.I) for source in sources]
    assert not any(".ipynb)" in source for source in shown)  # no chapter is a file there
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert not any(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")


def test_it_reads_before_it_runs(notebook):
    committed = [cell for chapter in CHAPTERS for cell in nbformat.read(chapter, 4).cells]
    folded = left_out = 0
    shown = [cell for cell in notebook.cells[3:-1] if cell.source not in BETWEEN]
    for cell, before in zip(shown, committed, strict=True):
        assert len(cell.get("outputs", [])) == len(before.get("outputs", []))
        for output, whole in zip(cell.get("outputs", []), before.get("outputs", []), strict=True):
            if "data" in whole:
                (kind,) = output.data
                left_out += output.data[kind] == colab_notebook.LEFT_OUT
                assert kind == "image/png" or output.data[kind] in (whole.data[kind], colab_notebook.LEFT_OUT)
                assert kind != "text/plain" or len(whole.data) == 1 or output.data[kind] == colab_notebook.LEFT_OUT
        folded += cell.metadata.get("cellView") == "form"
        assert cell.metadata.get("cellView") == before.metadata.get("cellView")
    assert folded > 80  # most code cells show a sentence, a table or a figure
    assert left_out <= 5
    for word in ("What happens", "What comes out", "How long", "lost", "Google Drive", "original report"):
        assert word in notebook.cells[0].source


def test_the_largest_pictures_are_left_out_where_it_would_be_too_large(path, tmp_path, monkeypatch):
    monkeypatch.setattr(colab_notebook, "LARGEST", path.stat().st_size - 300_000)
    smaller = colab_notebook.build_notebook(target=tmp_path / "smaller.ipynb")
    assert path.stat().st_size - 700_000 < smaller.stat().st_size <= path.stat().st_size - 300_000
    sizes = {}
    for file in (path, smaller):
        outputs = [output for cell in nbformat.read(file, 4).cells for output in cell.get("outputs", [])]
        sizes[file] = sorted(len(o.data["image/png"]) for o in outputs if "image/png" in o.get("data", {}))
    assert sizes[smaller] == sizes[path][: len(sizes[smaller])]  # the small ones are all there


def test_inside_are_package_with_weights_and_widget_studies_and_chapters(notebook):
    names = set(names_in(notebook))
    assert {f"notebooks/{chapter.name}" for chapter in CHAPTERS} <= names
    sources = "".join(cell.source for chapter in CHAPTERS for cell in nbformat.read(chapter, 4).cells)
    for study in (ROOT / "studies").iterdir():  # of those that no chapter reads none
        assert (f"studies/{study.name}" in names) == (f'studies.read("{study.stem}")' in sources)
    assert {"package/pyproject.toml", "package/README.md"} <= names and not any("__pycache__" in n for n in names)
    for part in (
        "training/weights/best-lenet5/run.safetensors",
        "digit/draw.js",
        "digit/draw.css",
        "report/pdf/template.typ",
        "plots/style.mplstyle",
        "report/references.bib",
    ):
        assert f"package/mnist_helpers/{part}" in names


def test_one_changed_letter_is_noticed(notebook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = notebook.cells[1].source
    place = source.index("b85decode(") + 5_000
    for letter in "AB~ ":  # the last is none of base85's
        if letter != source[place]:
            with pytest.raises(RuntimeError, match="damaged"):
                exec(source[:place] + letter + source[place + 1 :], {})
    assert not list(tmp_path.iterdir())


def test_some_chapters_only_and_a_clear_error_for_an_unknown_one(tmp_path, capsys):
    some = nbformat.read(colab_notebook.build_notebook([2], tmp_path / "two.ipynb"), 4)
    assert some.cells[-1].source.endswith('colab.make_report("2")')
    assert [name for name in names_in(some) if name.startswith("notebooks/")] == [f"notebooks/{CHAPTERS[2].name}"]
    assert main(["colab", "--chapters", "9"]) == 2
    assert "there is no chapter 9" in capsys.readouterr().err


def test_the_form_starts_with_what_report_toml_says(notebook):
    said, form = settings.read_settings(ROOT / "report.toml"), {}
    exec(notebook.cells[2].source.split("\nfrom ")[0], form)
    assert (form["NAME"], form["STUDENT_ID"], form["SEEDS"]) == (said.name, said.student_id, said.seeds)


def test_the_hand_in_comes_first_and_the_long_report_only_if_it_is_wanted(notebook, capsys):
    sources = [cell.source for cell in notebook.cells]
    hand_in = next(i for i, source in enumerate(sources) if "class DigitDataset" in source)
    made = next(i for i, source in enumerate(sources) if 'colab.make_report("0", LANGUAGE)' in source)
    gate = next(i for i, source in enumerate(sources) if "colab.go_on(LONG_REPORT_TOO)" in source)
    chapter_1 = next(i for i, source in enumerate(sources) if source.startswith("# 1 "))
    assert 2 < hand_in < made < gate < chapter_1 and sources[-1].endswith("colab.make_report()")
    assert {"notebooks/00_report.ipynb", "notebooks/00_report_ko.ipynb"} < set(names_in(notebook))
    assert not any("00_report_ko" in source for source in sources)  # its language is the PDF's
    colab.go_on(True)
    assert not capsys.readouterr().out
    with pytest.raises(Exception) as end:
        colab.go_on(False)
    assert end.value._render_traceback_() == [] and "tick LONG_REPORT_TOO" in capsys.readouterr().out


@pytest.mark.parametrize(
    "language, name", [("English", "report.pdf"), ("Korean", "report_ko.pdf"), ("", "report_full.pdf")]
)
def test_the_pdf_of_the_language_is_offered(language, name, monkeypatch, capsys):
    monkeypatch.setattr(colab.sys, "executable", "true")
    colab.make_report("0", language)
    assert f"{name} is at" in capsys.readouterr().out


def test_too_large_a_notebook_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(colab_notebook, "LARGEST", 1_000)
    with pytest.raises(colab.ColabError, match="more than 1,000; choose --chapters"):
        colab_notebook.build_notebook([2], tmp_path / "two.ipynb")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("lacking", colab_notebook.NEEDED)
def test_a_folder_that_lacks_what_goes_into_it_is_named(lacking, tmp_path, monkeypatch, capsys):
    for name in {*colab_notebook.NEEDED, "notebooks"} - {lacking}:
        place = tmp_path / name
        place.touch() if place.suffix else place.mkdir()
    (tmp_path / "notebooks/01_a.ipynb").touch()
    monkeypatch.chdir(tmp_path)
    assert main(["colab"]) == 2
    assert f"there is no {tmp_path / lacking}" in capsys.readouterr().err


def test_chapter_1_alone_runs_to_its_pdf_whatever_the_mirror_does(python, tmp_path):
    said = run_alone(python, colab_notebook.build_notebook([1], tmp_path / "one.ipynb"), "gone", "broken", "slow")
    assert said.count("DataError") == 2 and "downloaded report_full.pdf" in said
    assert re.search(r"\d+ packages as before", said)
    assert int(re.search(r"(\d+) pages in", said)[1]) >= 5


def test_a_training_goes_on_from_google_drive_on_another_machine(python, notebook, tmp_path):
    train = "from mnist_helpers import training\nfrom mnist_helpers.training import recipes\n\n"
    train += "runs = training.train_many(recipes.ORIGINAL_MLP, [42, 43])"
    short = new_notebook(cells=[*notebook.cells[:3], new_code_cell(train)], metadata=notebook.metadata)
    nbformat.write(short, tmp_path / "short.ipynb")
    said = run_alone(python, tmp_path / "short.ipynb", "cut", "good")
    assert re.search(r"[12] trainings went on from Drive", said)
    assert "there are 0 finished ones" in said and said.count("mnist_report_runs; there are") == 2


def checkpoint(epochs: int, run: str = "a") -> bytes:
    """As training keeps it: a checksum and what torch.save made."""
    content = io.BytesIO()
    torch.save({"run": run, "history": [{"epoch": epoch} for epoch in range(epochs)]}, content)
    return hashlib.sha256(content.getvalue()).digest() + content.getvalue()


@pytest.fixture
def drive(tmp_path, monkeypatch) -> Path:
    """Google Drive's folder of runs, to be made, and tmp_path as Colab's folder."""
    monkeypatch.chdir(tmp_path)
    mounted = types.SimpleNamespace(mount=lambda folder: Path(folder, "MyDrive").mkdir(parents=True, exist_ok=True))
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", types.SimpleNamespace(drive=mounted))
    monkeypatch.setattr(colab, "DRIVE", tmp_path / "drive")
    return tmp_path / "drive/MyDrive/mnist_report_runs"


def test_the_form_goes_into_report_toml_and_trainings_to_the_drive(drive):
    Path("report.toml").write_text('title = "T"\nname = "old"  # you\nseeds = 3\n', encoding="utf-8")
    for folder, content in ((Path("runs"), "machine"), (drive, "drive")):
        (folder / "both").mkdir(parents=True)
        (folder / "both/run.json").write_text(content)
    Path("runs", "one").mkdir()
    for _ in range(2):  # the cell may be run again
        colab.settle('김철수 "K" \\', "2025", "", 1, drive=True)
    found = settings.read_settings()
    assert (found.title, found.name, found.student_id, found.date) == ("T", '김철수 "K" \\', "2025", "")
    assert found.seeds == 1
    assert Path("runs").is_symlink() and (drive / "one").is_dir()
    assert Path("runs/both/run.json").read_text() == "drive"  # no finished run on Drive is replaced


@pytest.mark.parametrize(
    ("machine", "kept"),
    [(checkpoint(7), "machine"), (checkpoint(3), "drive"), (checkpoint(5), "drive"), (b"damaged", "drive")],
    ids=["longer", "shorter", "equal", "damaged"],
)
def test_of_two_checkpoints_of_one_training_the_longer_one_is_kept_on_the_drive(machine, kept, drive):
    contents = {"machine": machine, "drive": checkpoint(5, "of the drive")}
    for name, folder in (("machine", Path("runs")), ("drive", drive)):
        (folder / ".unfinished").mkdir(parents=True)
        (folder / ".unfinished/a.checkpoint").write_bytes(contents[name])
    colab.settle("Kim", "1", "", 1, drive=True)
    assert [path.name for path in (drive / ".unfinished").iterdir()] == ["a.checkpoint"]
    assert (drive / ".unfinished/a.checkpoint").read_bytes() == contents[kept]


@pytest.mark.parametrize("text", ['title = "T"\nname = "N"\nseeds = 1', 'date = "2026-01-01"', '  name = "N"', ""])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "with a byte-order mark"])
def test_the_forms_student_number_is_kept_by_a_report_toml_without_that_line_and_newline(
    text, mark, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("report.toml").write_text(mark + text, encoding="utf-8")
    assert settings.read_settings().name == ("N" if "name" in text else "")  # the mark does not hide the first line
    colab.settle("Kim", "2025-001", "", 2, drive=False)
    found = settings.read_settings()
    assert (found.name, found.student_id, found.date, found.seeds) == ("Kim", "2025-001", "", 2)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"cells": []', "not a notebook"])
def test_a_chapter_that_is_no_notebook_is_named(content, tmp_path, monkeypatch, capsys):
    for name in (*colab_notebook.NEEDED, "notebooks"):
        place = tmp_path / name
        place.touch() if place.suffix else place.mkdir()
    (tmp_path / "notebooks/01_a.ipynb").write_text(content)
    monkeypatch.chdir(tmp_path)
    assert main(["colab"]) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path / 'notebooks/01_a.ipynb'} is not a notebook: " in said and said.count("\n") == 1
    assert not (tmp_path / "dist").exists()


def test_a_notebook_that_cannot_be_written_is_one_clear_sentence(tmp_path):
    (tmp_path / "dist").write_text("a file where a folder should be")
    target = tmp_path / "dist/report.ipynb"
    with pytest.raises(exporter.PdfError, match=f"^{target} cannot be written: [^\n]+ make the folder writable.$"):
        colab_notebook.build_notebook([2], target)


def test_what_the_form_cannot_say_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seeds in (0, -1, "abc", 1.5):
        with pytest.raises(settings.SettingsError, match="the form: seeds must be"):
            colab.settle("Kim", "1", "", seeds, drive=False)
    assert not list(tmp_path.iterdir())
    monkeypatch.setitem(sys.modules, "google.colab", None)
    with pytest.raises(colab.ColabError, match="on Colab only; untick it"):
        colab.settle("Kim", "1", "", 1, drive=True)


def test_a_badge_only_where_a_repository_is_named_and_never_in_the_pdf(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("pyproject.toml").write_text('[project.urls]\nRepository = "https://github.com/ann/report.git"\n')
    assert run.repository() == "https://github.com/ann/report"
    plain = new_notebook(cells=[new_markdown_cell("# Title"), new_code_cell("1 + 1", execution_count=1)])
    marked = run.with_badge(plain, "01_test.ipynb", run.repository())
    marked = run.with_badge(marked, "01_test.ipynb", run.repository())  # once, however often
    assert [cell.cell_type for cell in marked.cells] == ["markdown", "code", "markdown", "code"]
    assert "colab.research.google.com/github/ann/report/blob/main/notebooks/01_test.ipynb" in marked.cells[0].source
    marked.cells[1].execution_count = 1
    nbformat.write(marked, "01_test.ipynb")
    exporter.build_pdf([Path("01_test.ipynb")], Path("out.pdf"), "show")
    text = "".join(page.extract_text() for page in PdfReader("out.pdf").pages)
    assert "Title" in text and "git clone" not in text and "Colab" not in text
    assert len(run.with_badge(marked, "01_test.ipynb", "").cells) == 2
