"""Run by the Colab notebook's first cell, not imported: unpack `archive`, install what is missing, name the device."""

import importlib
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from pathlib import Path

from packaging.requirements import Requirement

KEPT = ("torch", "torchvision", "ipykernel")


def is_missing(requirement):
    """What this very notebook runs on is left as it is: another torch may not fit the GPU, another kernel not Colab."""
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        return False
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return True
    return requirement.name not in KEPT and not requirement.specifier.contains(found, True)


def install(*what):
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*command, "--root-user-action", "ignore", *what]).returncode:
        raise RuntimeError(
            "pip could not install what the lines above name. Is there a network? Then run this cell again."
        )
    importlib.invalidate_caches()


own = {"set_up.py"} | ({"report.toml"} if Path("report.toml").exists() else set())  # the latter perhaps edited here
with suppress(PackageNotFoundError):
    here = distribution("mnist_helpers")
    if '"editable": true' in (here.read_text("direct_url.json") or "") and str(here.locate_file("")).startswith(
        sys.prefix
    ):
        raise RuntimeError("The project itself is installed here: open its notebooks/, this one is for Colab.")

names = [name for name in archive.namelist() if name not in own]  # noqa: F821
archive.extractall(".", names)  # noqa: F821
wheel = next(name for name in names if name.endswith(".whl"))
try:
    install("--no-deps", "--force-reinstall", wheel)
finally:
    Path(wheel).unlink()

missing = [r for r in map(Requirement, requires("mnist_helpers")) if is_missing(r)]
if missing:
    print("installing what is not here yet:", ", ".join(r.name for r in missing))
    install(*(f"{r.name}{r.specifier}" for r in missing))

import torch  # noqa: E402

if torch.cuda.is_available():
    print(f"ready; trainings run on {torch.cuda.get_device_name()}")
else:
    print("ready; trainings run on the CPU.")
    print("On a GPU it is faster: Runtime > Change runtime type > GPU, then Runtime > Run all.")
