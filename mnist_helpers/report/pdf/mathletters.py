"""The letters, signs, blanks and sizes of MathJax's MathML in Typst's words."""

import re
import unicodedata
from xml.etree.ElementTree import Element

TEXCLASS, VARIANT = "data-mjx-texclass", "data-mjx-variant"
CLASSES = {
    "OP": "large", "BIN": "binary", "REL": "relation", "OPEN": "opening", "CLOSE": "closing", "PUNCT": "punctuation",
}  # fmt: skip
VARIANTS = {
    "normal": "upright(%s)", "bold": "bold(upright(%s))", "italic": "italic(%s)", "bold-italic": "bold(italic(%s))",
    "double-struck": "bb(%s)", "script": "scr(%s)", "bold-script": "bold(scr(%s))", "fraktur": "frak(%s)",
    "bold-fraktur": "bold(frak(%s))", "sans-serif": "sans(upright(%s))", "bold-sans-serif": "bold(sans(upright(%s)))",
    "sans-serif-italic": "sans(italic(%s))", "sans-serif-bold-italic": "bold(sans(italic(%s)))",
    "monospace": "mono(%s)", "-tex-calligraphic": "cal(%s)", "-tex-bold-calligraphic": "bold(cal(%s))",
    "-tex-mathit": "italic(%s)",
}  # fmt: skip
# What stands over and under something, by its sign.
OVER = {
    "^": "hat", "~": "tilde", "¯": "macron", "→": "arrow", "←": "arrow.l", "↔": "arrow.l.r", "˙": "dot",
    "¨": "dot.double", "⃛": "dot.triple", "⃜": "dot.quad", "´": "acute", "`": "grave", "˘": "breve",
    "ˇ": "caron", "˚": "circle", "˜": "tilde", "ˆ": "hat", "ˉ": "macron",
    "⇀": "harpoon", "↼": "harpoon.lt",
}  # fmt: skip
SPANS = {
    "―": "line", "_": "line", "⏞": "brace", "⏟": "brace", "⎴": "bracket", "⎵": "bracket", "⏜": "paren", "⏝": "paren",
}  # fmt: skip
ARROWS = set("→←↔⇒⇐⇔↦↪↩⇀⇁↼↽⇌⇋↠↞⟶⟵⟷⟹⟸⟺")
LARGE = set("∑∏∐⋀⋁⋂⋃⨀⨁⨂⨄⨅⨆")
SLANTED = set("ΓΔΘΛΞΠΣΥΦΨΩ")  # where nothing is said, Typst has these upright
SIGNS = {"-": "−", "*": "∗", "'": "′", "`": "‵"}  # as formulas have them
BARS = set("|‖∥∣")  # with room around, unless their class says that they have none
INVISIBLE = dict.fromkeys(map(ord, "\u2061\u2062\u2063\u2064\u200b"))
STYLES = {
    ("true", "0"): "display(%s)",
    ("false", "0"): "inline(%s)",
    (None, "1"): "script(%s)",
    (None, "2"): "sscript(%s)",
}
LEVEL = "level"  # an attribute: 0, or 1 and more for what stands in scripts
SCRIPTED = {"msub", "msup", "msubsup", "mmultiscripts", "munder", "mover", "munderover"}


class UnknownFormula(ValueError):
    """What cannot be set: MathJax's own complaint, or an element without an equal in Typst."""


def escape(text: str) -> str:
    """Signs that mean themselves: Typst would take others for its own words, or for parentheses that grow."""
    signs = [SIGNS.get(sign, sign) for sign in text]
    return "".join(sign if sign.isalnum() or sign.isspace() else rf"\{sign}" for sign in signs)


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def text_of(node: Element) -> str:
    return unicodedata.normalize("NFC", "".join(node.itertext()).translate(INVISIBLE).strip("\n "))


def letters(node: Element) -> str:
    """A name, a number or words."""
    text, variant = text_of(node), node.get(VARIANT) or node.get("mathvariant")
    if node.tag == "mtext":
        text = text.replace("\u00a0", " ")
        variant = None if variant == "normal" else variant
    if not text:
        return ""
    if len(text) == 1 and node.tag == "mi":
        variant = variant or ("italic" if text in SLANTED else None)
        shown, variant = escape(text), variant if text.isalnum() or variant != "normal" else None
    elif re.fullmatch(r"\d+(\.\d+)?", text):
        shown, variant = text, None if variant == "normal" else variant
    elif node.tag == "mi" and node.get("data-mjx-auto-op") != "false" and (node.get(TEXCLASS) == "OP" or not variant):
        return f"op({_wrap(quote(text), variant)})"
    else:
        shown, variant = quote(text), None if variant == "normal" else variant
    return styled(node, _wrap(shown, variant))


def _wrap(shown: str, variant: str | None) -> str:
    if variant and variant not in VARIANTS:
        raise UnknownFormula(f"letters in {variant}")
    return VARIANTS[variant] % shown if variant else shown


def operator(node: Element) -> str:
    """A sign; parentheses do not grow by themselves."""
    text = text_of(node)
    if not text:
        return ""
    if re.fullmatch(r"[A-Za-z][A-Za-z\s]*", text):
        return f"op({quote(text)})"
    if "\u0338" in text[1:]:
        return styled(node, f"negated({escape(text.replace(chr(0x338), ''))})")
    size, kind, variant = node.get("minsize"), node.get(TEXCLASS, ""), node.get("mathvariant")
    shown = _wrap(escape(text), None if variant == "normal" else variant)
    if size and node.get("maxsize") == size and size.endswith("em"):
        return styled(node, f"lr({shown}, size: #{size})")
    if node.get("largeop") == "false":
        shown = f"inline({shown})"
    if kind in ("BIN", "REL", "PUNCT") or (text in BARS and kind):
        shown = f'class("{CLASSES.get(kind, "normal")}", {shown})'
    elif len(text) > 1:
        shown = f'class("relation", {shown})'
    return styled(node, shown)


def space(node: Element) -> str:
    """A blank, the end of a line, or a bar."""
    if node.get("linebreak") == "newline":
        return "\\ "
    width = length(node.get("width", "0"))
    if node.get("mathbackground"):
        return f"#rect-of({width}, {length(node.get('height', '0'))}, {length(node.get('depth', '0'))})"
    return f"#h({width})" if float(re.match(r"-?[\d.]+", width)[0]) else ""


def length(words: str) -> str:
    """MathML's length as Typst's."""
    found = re.fullmatch(r"([-+]?\d*\.?\d+)(em|ex|pt|px|mu|cm|mm|in|pc)?", words)
    if not found:
        raise UnknownFormula(f"the length {words}")
    number, unit = float(found[1]), found[2] or "em"
    factor, unit = {"ex": (0.43, "em"), "mu": (1 / 18, "em"), "px": (0.75, "pt"), "pc": (12, "pt")}.get(unit, (1, unit))
    return f"{number * factor:.4g}{unit}"


def style_of(node: Element) -> str:
    """The call that a node's own attributes ask for, with %s for what it holds; empty where there are none."""
    shown = "%s"
    level, display = node.get("scriptlevel"), node.get("displaystyle")
    shown = STYLES.get((display if level == "0" else None, level), shown)
    if color := node.get("mathcolor"):
        shown = f"colored({quote(color)}, {shown})"
    if (size := node.get("mathsize")) and size != "1em":
        shown = f"sized({quote(size)}, {shown})"
    if ground := node.get("mathbackground"):
        shown = f"grounded({quote(ground)}, {shown})"
    return "" if shown == "%s" else shown


def styled(node: Element, shown: str) -> str:
    style = style_of(node)
    return style.replace("%s", shown) if shown and style else shown


def note_levels(node: Element, level: int) -> None:
    """Tables and boxes learn how small they stand; Typst would set the former smaller in a line, and the latter not."""
    if (own := node.get("scriptlevel", "")).isdigit():
        level = int(own)
    if node.get("data-mjx-smallmatrix") == "true":
        level = max(level, 1)
    if node.tag in ("mtable", "mpadded", "menclose"):
        node.set(LEVEL, str(level))
    for i, child in enumerate(node):
        note_levels(child, level + (i > 0 and node.tag in SCRIPTED))


def small(node: Element, shown: str) -> str:
    """As small as it stands: a box would show it in the size of a line."""
    level = int(node.get(LEVEL, 0))
    return f"{'script' if level == 1 else 'sscript'}({shown})" if level else shown
