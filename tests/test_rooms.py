"""The package's rooms: who may import whom."""

import ast
import shutil
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mnist_helpers"
# from the ground up: a module imports only from its own room and from those before it
ROOMS = (
    "files", "source", "progress", "download", "formats", "data", "training", "analysis", "studies", "plots", "digit",
    "report.settings", "report.pdf", "report", "colab", "__init__", "__main__",
)  # fmt: skip


def room(module: str) -> str:
    """Of a module's name without the package's, such as "report.pdf.cells"."""
    found = [name for name in ROOMS if module == name or module.startswith(f"{name}.")]
    return max(found, key=len, default="__init__" if module == "" else module)


def arrows(package: Path) -> set[tuple[str, str]]:
    """(importing module, imported module) inside the package, also of imports inside functions."""
    modules = {path: ".".join(path.relative_to(package).with_suffix("").parts) for path in package.rglob("*.py")}
    names, found = set(modules.values()), set()
    for path, module in modules.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            lines = []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                lines = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                lines = [alias.name for alias in node.names]
            for line in (line for line in lines if line.partition(".")[0] == package.name):
                parts = line.split(".")[1:]
                inside = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
                target = next((name for name in inside if name in names or f"{name}.__init__" in names), "__init__")
                found.add((module.removesuffix(".__init__"), target))
    return found


def upward(package: Path) -> list[str]:
    return sorted(f"{a} -> {b}" for a, b in arrows(package) if ROOMS.index(room(b)) > ROOMS.index(room(a)))


def test_nothing_imports_upward():
    assert len(arrows(PACKAGE)) > 60 and not upward(PACKAGE)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("training/loop.py", "from mnist_helpers.report.pdf import pieces"),
        ("data.py", "from mnist_helpers.training import models"),
        ("report/pdf/tables.py", "import mnist_helpers.report.run"),
        ("analysis/published.py", "def f():\n    from mnist_helpers import plots"),
    ],
)
def test_a_planted_upward_import_is_found(tmp_path, file, line):
    copy = shutil.copytree(PACKAGE, tmp_path / "mnist_helpers")
    path = copy / file
    path.write_text(f"{path.read_text(encoding='utf-8')}\n\n{line}\n", encoding="utf-8")
    assert len(upward(copy)) == 1


def test_no_circles():
    links: dict[str, set[str]] = {}
    for a, b in arrows(PACKAGE):
        links.setdefault(a, set()).add(b)
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, f"a circle: {' -> '.join((*way, module))}"
        if module not in done:
            for other in links.get(module, ()):
                visit(other, (*way, module))
            done.add(module)

    for module in links:
        visit(module, ())
