"""Run by the Colab notebook's first cell, not imported: unpack `archive`, install what is missing, name the device."""

import importlib
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires, version
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


archive.extractall(".")  # noqa: F821
(wheel,) = Path(".").glob("mnist_helpers-*.whl")
pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
subprocess.run([*pip, "--no-deps", "--force-reinstall", str(wheel)], check=True)
wheel.unlink()
importlib.invalidate_caches()

missing = [r for r in map(Requirement, requires("mnist_helpers")) if is_missing(r)]
if missing:
    print("installing", ", ".join(r.name for r in missing))
    subprocess.run([*pip, *(f"{r.name}{r.specifier}" for r in missing)], check=True)
    importlib.invalidate_caches()

import torch  # noqa: E402

if torch.cuda.is_available():
    print(f"ready; trainings run on {torch.cuda.get_device_name()}")
else:
    print("ready; trainings run on the CPU, about 20 minutes on two cores.")
    print("On a GPU it is faster: Runtime > Change runtime type > GPU, then Runtime > Run all.")
