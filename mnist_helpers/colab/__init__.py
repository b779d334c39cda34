"""What the cells of the Colab notebook call: settle(...) by the form, make_report() by the last cell."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from mnist_helpers.files import project_path, write_atomically

DRIVE = Path("/content/drive")  # where Colab puts Google Drive
KEPT = "mnist_report_runs"  # the folder of trainings in it


class ColabError(Exception):
    """The notebook cannot be written, or the report not be made in it; the message says why and what to do."""

    exit_code = 2


def settle(name: str, student_id: str, date: str, seeds: int, drive: bool) -> None:
    """What the form says, into report.toml; with `drive` the trainings go to Google Drive. Says where they are kept."""
    path = project_path("report.toml")
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    for key, value in (("name", name), ("student_id", student_id), ("date", date), ("seeds", seeds)):
        line = f"{key} = {json.dumps(value, ensure_ascii=False)}"  # JSON's strings are TOML's
        if re.search(rf"^{key} *=", text, re.M):
            text = re.sub(rf"^{key} *=.*", lambda _, line=line: line, text, flags=re.M)
        else:
            text += f"{line}\n"
    write_atomically(path, text.encode())
    runs = project_path("runs")
    if drive:
        _move_to_drive(runs)
    if runs.is_symlink():
        print(f"Trainings are kept in your Google Drive, folder {KEPT}; there are {_finished(runs)} finished ones now.")
    else:
        print(
            "Trainings are kept on this machine only: when Colab takes it away, they are lost. Google Drive keeps them."
        )


def _move_to_drive(runs: Path) -> None:
    from google.colab import drive as google_drive

    google_drive.mount(str(DRIVE))
    kept = DRIVE / "MyDrive" / KEPT
    kept.mkdir(exist_ok=True)
    if not runs.is_symlink():
        if runs.exists():
            shutil.copytree(runs, kept, dirs_exist_ok=True)
            shutil.rmtree(runs)
        runs.symlink_to(kept)


def _finished(runs: Path) -> int:
    return len(list(runs.glob("[!.]*/run.json")))


def make_report(chapters: str = "") -> None:
    """`report` in a process of its own, its lines shown here; then report.pdf is offered for download.

    chapters: such as "3,4", where the notebook has no others.
    """
    command = [sys.executable, "-m", "mnist_helpers", "report", *(["--chapters", chapters] if chapters else [])]
    pdf = project_path("build/partial/report.pdf" if chapters else "report.pdf")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
    if process.returncode:
        raise ColabError("The report could not be made; the lines above say why.")
    try:
        from google.colab import files
    except ImportError:
        print(f"report.pdf is at {pdf}")
    else:
        files.download(str(pdf))
