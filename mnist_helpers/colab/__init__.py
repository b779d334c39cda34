"""What the cells of the Colab notebook call: settle(...) by the form, make_report() by the last cell."""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from mnist_helpers.files import project_path, write_atomically
from mnist_helpers.report.settings import checked, read_settings

DRIVE = Path("/content/drive")  # where Colab puts Google Drive
KEPT = "mnist_report_runs"  # the folder of trainings in it


class ColabError(Exception):
    """The notebook cannot be written, or the report not be made in it; the message says why and what to do."""

    exit_code = 2


def settle(name: str, student_id: str, date: str, seeds: int, drive: bool) -> None:
    """What the form says, into report.toml; with `drive` the trainings go to Google Drive. Says where they are kept.

    SettingsError for what report.toml could not hold, ColabError where there is no Drive.
    """
    form = {"name": name, "student_id": student_id, "date": date, "seeds": seeds}
    settings = asdict(checked(asdict(read_settings()) | form, "the form"))
    text = "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in settings.items())
    write_atomically(project_path("report.toml"), text.encode())  # JSON's strings are TOML's
    runs = project_path("runs")
    if drive:
        _move_to_drive(runs)
    if runs.is_symlink():
        finished = len(list(runs.glob("[!.]*/run.json")))
        print(f"Trainings are kept in {runs.resolve()}; there are {finished} finished ones now.")
    else:
        print(
            "Trainings are kept on this machine only: when Colab takes it away, they are lost. Google Drive keeps them."
        )


def _move_to_drive(runs: Path) -> None:
    """Let `runs` be a folder in Google Drive. What is in it goes there, but replaces only what is less far on."""
    try:
        from google.colab import drive as google_drive
    except ImportError as error:
        raise ColabError("Google Drive is there on Colab only; untick it in the form.") from error
    google_drive.mount(str(DRIVE))
    kept = DRIVE / "MyDrive" / KEPT
    kept.mkdir(exist_ok=True)
    if runs.is_symlink():
        runs.unlink()  # perhaps one that leads nowhere any more
    for path in [*runs.glob("[!.]*"), *runs.glob(".unfinished/*.checkpoint")]:
        target = kept / path.relative_to(runs)
        if not target.exists() or (path.is_file() and _epochs(path) > _epochs(target)):
            target.parent.mkdir(exist_ok=True)
            part = target.with_name(f".{target.name}.part")
            shutil.copytree(path, part, dirs_exist_ok=True) if path.is_dir() else shutil.copy(path, part)
            part.replace(target)
    shutil.rmtree(runs, ignore_errors=True)
    runs.symlink_to(kept)


def _epochs(checkpoint: Path) -> int:
    """How many epochs an unfinished training has behind it; 0 where the file cannot be read.

    Its time would not tell: a training begun anew on this machine is the newer one, and perhaps the shorter.
    """
    from mnist_helpers.training import runs  # needs torch, which `mnist_helpers colab` does without

    try:
        return len(runs.read_checkpoint(checkpoint)["history"])
    except Exception:  # whatever a damaged file makes torch say; the training, if it comes to it, says more
        return 0


class _End(Exception):
    """Ends "Run all" without an error to be read."""

    def _render_traceback_(self) -> list[str]:
        return []


def go_on(wanted: bool) -> None:
    """Before the long report: lets "Run all" end here where it is not wanted."""
    if not wanted:
        print("Done. For the long report too, tick LONG_REPORT_TOO in the form, and choose Run all again.")
        raise _End


def make_report(chapters: str = "", language: str = "") -> None:
    """`report` in a process of its own, its lines shown here; then its PDF is offered for download.

    chapters: "0" for the hand-in, or such as "3,4" where the notebook has no others; language: of the hand-in.
    """
    command = [sys.executable, "-m", "mnist_helpers", "report", *(["--chapters", chapters] if chapters else [])]
    name = {"English": "report.pdf", "Korean": "report_ko.pdf"}.get(language, "report_full.pdf")
    pdf = project_path(f"build/partial/{name}" if chapters else name)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
    if process.returncode:
        raise ColabError("The report could not be made; the lines above say why.")
    try:
        from google.colab import files
    except ImportError:
        print(f"{name} is at {pdf}")
    else:
        files.download(str(pdf))
