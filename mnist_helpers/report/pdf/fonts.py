"""The fonts of figures and PDF that neither matplotlib nor Typst brings: a sans serif, a Korean face, other scripts."""

import io
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from fontTools.ttLib import TTFont

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


@lru_cache
def small_hangul() -> dict[str, bytes]:
    """Of the Korean face a copy whose letters are smaller, by file name: Hangul fills its square, and looks larger.

    Typst could change the size of each word instead, but gives up where a paragraph has more than 500.
    """
    found = {}
    for path in font_files():
        if path.name.startswith("NanumGothic"):
            font, content = TTFont(path, lazy=True), io.BytesIO()
            font["head"].unitsPerEm = round(font["head"].unitsPerEm / 0.91)
            for name in font["name"].names:
                if name.nameID in (1, 16):  # pictures have the other one, by its name
                    name.string = "Hangul"
            font.save(content, reorderTables=None)
            found[f"Hangul-{path.name}"] = content.getvalue()
    return found
