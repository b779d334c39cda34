"""The fonts of figures and PDF that neither matplotlib nor Typst brings: a sans serif and a Korean face."""

from importlib.util import find_spec
from pathlib import Path

FAMILIES = ["Source Sans Pro", "NanumGothic", "DejaVu Sans"]  # each for the letters that those before it lack
# Files that packages hold; NanumGothic in two weights only: with all four, bold picks ExtraBold.
_FILES = {
    "font_source_sans_pro": [f"files/SourceSansPro-{style}.ttf" for style in ("Regular", "It", "Semibold", "Bold")],
    "koreanize_matplotlib": ["fonts/NanumGothic.ttf", "fonts/NanumGothicBold.ttf"],
    "matplotlib": ["mpl-data/fonts/ttf/DejaVuSans.ttf"],
}


def font_files() -> list[Path]:
    """Found without importing the packages: they need modules that newer Pythons lack."""
    homes = {package: Path(find_spec(package).origin).parent for package in _FILES if find_spec(package)}
    return [homes[package] / name for package in homes for name in _FILES[package]]
