"""LaTeX as pictures, by MathJax itself, which JupyterLab shows formulas with, in a JavaScript engine."""

import json
import re
from html import unescape
from importlib.util import find_spec
from pathlib import Path

from py_mini_racer import MiniRacer

PARTS = ("loader.js", "core.js", "adaptors/liteDOM.js", "input/tex-full.js", "output/svg.js", "output/svg/fonts/tex.js")
EM = 16.0  # pixels
EDGE = 0.5  # em
SIZES = {"em": EM, "ex": 0.442 * EM, "containerWidth": 44 * EM}  # its letters are then as large as the text's
SIZE = re.compile(
    r'<svg style="(?:vertical-align: (-?[\d.]+)ex;)?(?: ?min-width: ([\d.]+)ex;)?[^"]*"'
    r'(.*?) width="([\d.]+)(ex|%)" height="([\d.]+)ex"'
)
VIEW = re.compile(r'viewBox="(\S+) (\S+) (\S+) (\S+)"')

Formula = tuple[str, str, bool]  # notebook, LaTeX, and whether it is a paragraph of its own


def to_pictures(formulas: list[Formula]) -> list[dict]:
    """Of each formula {"svg", "width", "height", "depth", "edge"}, in em, depth below the line, {"problem"} of one that
    cannot be read, or nothing of one that shows nothing.

    What a formula defines, such as \\newcommand, holds for those of its notebook that follow; labels for all of them.
    """
    if not formulas:
        return []
    # without importing it: it is made for Django
    home = Path(find_spec("mathjax").origin).parent / "static/mathjax/es5"
    with MiniRacer() as engine:  # one that is left open keeps Python from ending
        engine.eval("globalThis.MathJax = {loader: {load: []}, startup: {typeset: false}}; 0")
        engine.eval(f"globalThis.SIZES = {json.dumps(SIZES)}; 0")
        for path in (*(home / part for part in PARTS), Path(__file__).with_suffix(".js")):
            engine.eval(path.read_text(encoding="utf-8") + "\n;0")
        return [_picture(svg) for svg in json.loads(engine.eval(f"convert({json.dumps(formulas)})"))]


def _picture(svg: str) -> dict:
    """With its size in pixels, since what an ex is depends on who reads it."""
    if problem := re.search(r'data-mjx-error="(.*?)"', svg):
        return {"problem": unescape(problem[1])}
    if "MathJax_ref" in svg and svg.count('data-c="3F"') >= 3:  # three question marks
        return {"problem": "It refers to no formula's label"}
    if not re.search("<(?:path|text|line|rect)", svg):  # it only defines something
        return {}
    down, least, between, wide, unit, high = SIZE.match(svg).groups()
    # one with a number has the whole line; around the others is room, since parts may reach out
    line = max(SIZES["containerWidth"], float(least or 0) * SIZES["ex"])
    width, edge = (line, 0.0) if unit == "%" else (float(wide) * SIZES["ex"], EDGE)
    height = float(high) * SIZES["ex"]
    size = f'width="{width + 2 * edge * EM:.2f}" height="{height + 2 * edge * EM:.2f}"'
    svg = SIZE.sub(lambda _: f"<svg{between} {size}", svg, count=1)
    if edge:
        x, y, w, h = map(float, VIEW.search(svg).groups())
        units = 1000 * edge
        box = f"{x - units:.1f} {y - units:.1f} {w + 2 * units:.1f} {h + 2 * units:.1f}"
        svg = VIEW.sub(f'viewBox="{box}"', svg, count=1)
    depth = -float(down or 0) * SIZES["ex"]
    return {"svg": svg, "width": width / EM, "height": height / EM, "depth": depth / EM, "edge": edge}
