"""LaTeX as MathML by MathJax itself, the one that JupyterLab shows formulas with, in a JavaScript engine."""

import json
from importlib.util import find_spec
from pathlib import Path

from py_mini_racer import MiniRacer

PARTS = ("loader.js", "core.js", "adaptors/liteDOM.js", "input/tex-full.js")


def to_mathml(formulas: list[tuple[str, str, bool]]) -> list[str]:
    """MathML for each (notebook, LaTeX, display), with an merror in what MathJax does not know.

    What a formula defines, such as \\newcommand, holds for those of its notebook that follow; labels for all of them.
    """
    if not formulas:
        return []
    # without importing it: it is made for Django
    home = Path(find_spec("mathjax").origin).parent / "static/mathjax/es5"
    with MiniRacer() as engine:  # one that is left open keeps Python from ending
        engine.eval("globalThis.MathJax = {loader: {load: []}, startup: {typeset: false}}; 0")
        for path in (*(home / part for part in PARTS), Path(__file__).with_suffix(".js")):
            engine.eval(path.read_text(encoding="utf-8") + "\n;0")
        return json.loads(engine.eval(f"convert({json.dumps(formulas)})"))
