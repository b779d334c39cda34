"""Signs that no font has: emoji of next year, Chinese without its font. They are shown by name."""

import re
import unicodedata
from dataclasses import replace

from mnist_helpers.report.pdf.pieces import Piece, warn

REFUSED = re.compile(r"the text `\"(.+?)\"` could not be displayed")
ADVICE = "They are shown by name; Chinese and Japanese need `pip install manimgx-fonts-cjk`"
HALVES = set(map(chr, range(0xD800, 0xE000)))  # halves of signs, which a cut-off text may end with
KEYCAP = re.compile("([0-9#*])\ufe0f?\u20e3")  # a digit on a key: its sign for the key is in no font with digits


def refused_signs(diagnostic: str) -> set[str]:
    """What Typst found in no font."""
    words = "".join(REFUSED.findall(diagnostic))
    return set(re.sub(r"\\u\{(\w+)\}", lambda code: chr(int(code[1], 16)), words))


def name_signs(pieces: list[Piece], about: dict, signs: set[str]) -> tuple[list[Piece], dict]:
    """The pieces, and what report.toml says, with names in the place of signs, and a warning for each cell."""
    found: set[str] = set()
    about = _spell(about, signs, found)
    if found:
        warn("report.toml", f"has signs that are in no font: {' '.join(sorted(found))}", ADVICE)
    return [_named(piece, signs) for piece in pieces], about


def _named(piece: Piece, signs: set[str]) -> Piece:
    found: set[str] = set()
    parts = {key: _spell(getattr(piece, key), signs, found) for key in ("markdown", "html", "item")}
    if found:
        warn(piece.where, f"has signs that are in no font: {' '.join(sorted(found))}", ADVICE)
    return replace(piece, **parts)


def _spell(value, signs: set[str], found: set[str]):
    """Texts with names in the place of signs, in lists and dictionaries too; found gets the signs that were there."""
    if isinstance(value, dict):
        return {key: part if key in ("file", "kind") else _spell(part, signs, found) for key, part in value.items()}
    if isinstance(value, list):
        return [_spell(part, signs, found) for part in value]
    if not isinstance(value, str):
        return value
    keys = KEYCAP.findall(value) if "\u20e3" in signs else []
    found.update(f"{key}\u20e3" for key in keys)
    value = KEYCAP.sub(r"[\1]", value) if keys else value
    there = {sign for sign in signs & set(value) if not sign.isascii()}
    found.update(sign for sign in there if unicodedata.category(sign)[0] not in "CM")
    found.update(sign.encode("ascii", "backslashreplace").decode() for sign in there & HALVES)
    return value.translate({ord(sign): _name(sign) for sign in there})


def _name(sign: str) -> str:
    kind = unicodedata.category(sign)
    if kind == "Cf" or sign == "\ufe0f":  # what joins others, or says which of two forms is meant
        return ""
    point = f"U+{ord(sign):04X}"
    return f"⟨{point}⟩" if kind[0] == "L" else f"⟨{point} {unicodedata.name(sign, '').lower()}".rstrip() + "⟩"
