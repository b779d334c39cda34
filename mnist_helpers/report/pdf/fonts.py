"""The fonts of figures and PDF that neither matplotlib nor Typst brings: a sans serif, a Korean face, other scripts."""

from importlib.util import find_spec
from pathlib import Path

FAMILIES = ["Source Sans Pro", "NanumGothic", "DejaVu Sans"]  # each for the letters that those before it lack
# Files that packages hold; NanumGothic in two weights only: with all four, bold picks ExtraBold.
_FILES = {
    "font_source_sans_pro": [f"files/SourceSansPro-{style}.ttf" for style in ("Regular", "It", "Semibold", "Bold")],
    "koreanize_matplotlib": ["fonts/NanumGothic.ttf", "fonts/NanumGothicBold.ttf"],
    "matplotlib": ["mpl-data/fonts/ttf/DejaVuSans.ttf"],
}
# All that is in these is for what the others lack: emoji and the scripts of Asia and Africa; and Chinese and Japanese,
# where that package is installed (it is large).
_FOLDERS = ("manimgx_fonts", "manimgx_fonts_cjk")


def font_folders() -> list[Path]:
    """Those of which Typst takes every font."""
    return [Path(found.origin).parent for found in map(find_spec, _FOLDERS) if found]


def font_files() -> list[Path]:
    """Found without importing the packages: they need modules that newer Pythons lack."""
    homes = {package: Path(find_spec(package).origin).parent for package in _FILES if find_spec(package)}
    return [homes[package] / name for package in homes for name in _FILES[package]]
