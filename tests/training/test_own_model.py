"""The README's "Add your own model", done as it says: its two code blocks, and chapter 5 with its PDF."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from pypdf import PdfReader

ROOT = Path(__file__).parents[2]


def blocks() -> list[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("## Add your own model")[1].split("\n## ")[0]
    return [textwrap.dedent(block) for block in re.findall(r"^ *```python\n(.*?)^ *```$", section, re.M | re.S)]


def test_a_class_and_a_recipe_bring_a_network_into_comparison_and_pdf(tmp_path):
    model, networks = blocks()
    assert len((model + networks).splitlines()) <= 15
    for name in ("mnist_helpers", "notebooks", "data", "runs"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("report.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    finished = set((tmp_path / "runs").iterdir())
    models, recipes = (tmp_path / "mnist_helpers" / name for name in ("models.py", "recipes.py"))
    models.write_text(f"{models.read_text(encoding='utf-8')}\n\n{model}", encoding="utf-8")
    text = recipes.read_text(encoding="utf-8").replace("NETWORKS = {**COMPARED}\n", networks)
    recipes.write_text(text, encoding="utf-8")

    # the notebooks' kernels start in notebooks/ and must find this copy, not the installed package
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "mnist_helpers", "report", "--chapters", "5", "--seeds", "1"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    built = tmp_path / "build" / "partial"
    accuracy = json.loads((built / "figures" / "results.json").read_text())["linear_test_accuracy"]
    assert 91 < accuracy["value"] < 93.5  # a linear classifier's known range
    text = " ".join(page.extract_text() for page in PdfReader(built / "report.pdf").pages)
    assert re.search(r"linear\s+7,850\s+7,840", text) and re.search(rf"linear\s+7,850\s+{accuracy['value']:.2f}", text)
    (new,) = {*(tmp_path / "runs").glob("[!.]*")} - finished  # no other was trained again
    assert new.name.startswith("linearclassifier")
