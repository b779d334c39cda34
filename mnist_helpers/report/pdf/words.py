"""Words of pandoc's tree, as they are written."""

import re

from pandocfilters import Para, RawInline, Str, stringify, walk

PARTICLE = re.compile(r"([−0-9A-Za-z.,%-]{0,30}[0-9A-Za-z%][가-힣]{1,2})")  # 99.02%의, CNN은


def words_of(inlines: list[dict], drawn: bool = True) -> str:
    """The text of a heading; drawn: with that of formulas and pictures."""

    def unread(key, value, _format, _meta) -> list | None:
        about = dict(value[0][2]) if key in ("Code", "Image", "Span") else {}
        return [] if "typst" in about or (not drawn and (key == "Image" or "element" in about)) else None

    return stringify(Para(walk(inlines, unread, "typst", {}))).strip()


def as_written(word: str) -> list[dict] | None:
    """What Typst would make other signs of: --epochs and ... stay, as do 3's and -5, which is a minus sign."""
    found = []
    for part in re.split(r"(-{2,}|\.{3,}|-\?)", word):
        part = re.sub(r"(?<=\w)'|^'(?=s\b(?!'))", "’", part)  # after a digit Typst would make a prime of it
        part = re.sub(r"^(\(?)-(?=\d)", r"\1−", part)  # Typst sees this only after a blank
        signs = re.fullmatch(r"[-.?]{2,}", part)
        parts = PARTICLE.split(part)  # no line begins with a particle
        boxes = [RawInline("typst", f'#box("{words}");') if i % 2 else Str(words) for i, words in enumerate(parts)]
        found += [RawInline("typst", re.sub(".", r"\\\g<0>", part))] if signs else boxes
    return found if found != [Str(word)] else None
