"""pyproject.toml, environment.yml and CITATION.cff say the same."""

import re
import sys
from pathlib import Path

import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base", "playwright": "playwright-python"}


def read_project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements() -> list[str]:
    """One line for each package: an extra's, where that asks for a newer one, as for ipykernel."""
    project = read_project()
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["test"], *extras["lab"]]
    return list({re.match(r"[\w-]+", line)[0]: line for line in lines}.values())


def test_conda_has_the_same_dependencies_and_bounds():
    project = read_project()
    wanted = {"python" + project["requires-python"]}
    for line in requirements():
        name, bound = re.match(r"([\w-]+)(\S*)", line.split(";")[0].strip()).groups()
        wanted.add(CONDA_NAMES.get(name, name) + bound)
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    *from_pip, package = conda.pop()["pip"]
    assert {*conda, *from_pip} - {"pip"} == wanted
    assert package == "--editable ."


def test_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = read_project()
    assert (citation["version"], citation["license"]) == (project["version"], project["license"]["text"])


def test_every_dependency_has_a_bound_but_no_pin():
    for line in requirements():
        assert ">=" in line and "==" not in line, line


def test_the_oldest_dependencies_that_are_tried_are_the_lower_bounds():
    wanted = {re.match(r"[\w-]+>=[\d.]+", line)[0].replace(">=", "==") for line in requirements()}
    assert {line for line in (ROOT / "tests" / "oldest.txt").read_text().splitlines() if line[0] != "#"} == wanted
