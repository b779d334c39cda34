"""Run by the Colab notebook's first cell, not imported: unpack `archive`, install what is missing, name the device."""

import importlib
import shutil
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.util import find_spec
from pathlib import Path

with suppress(PackageNotFoundError):
    here = distribution("mnist_helpers")
    editable = '"editable": true' in (here.read_text("direct_url.json") or "")
    if editable and str(here.locate_file("")).startswith(sys.prefix):
        raise RuntimeError("The project itself is installed here: open its notebooks/, this one is for Colab.")

own = {"set_up.py"} | ({"report.toml"} if Path("report.toml").exists() else set())  # the latter perhaps edited here
members = [member for member in archive if member.name not in own]  # noqa: F821
archive.extractall(".", members, filter="data")  # noqa: F821

# what this very notebook runs on is left as it is: another torch may not fit the GPU, another kernel not Colab
kept = [f"{name}=={version(name)}" for name in ("torch", "torchvision", "ipykernel") if find_spec(name)]
print("installing the package and what it lacks here ...")
install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
try:
    if subprocess.run([*install, "--root-user-action", "ignore", "./package", *kept]).returncode:
        raise RuntimeError("pip failed; the lines above say why. Is there a network? Then run this cell again.")
finally:
    shutil.rmtree("package")
importlib.invalidate_caches()

import torch  # noqa: E402

if torch.cuda.is_available():
    print(f"ready; trainings run on {torch.cuda.get_device_name()}")
else:
    print("ready; trainings run on the CPU.")
    print("On a GPU it is faster: Runtime > Change runtime type > GPU, then Runtime > Run all.")
