"""MathJax's MathML as Typst's words for formulas; formula.typ has the functions that Typst itself lacks."""

import re
import unicodedata
from collections.abc import Iterable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from mnist_helpers.report.pdf.mathtables import RULES, lines, matrix, numbered_lines, spread

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
    "^": "hat", "~": "tilde", "¯": "macron", "→": "arrow", "←": "arrow.l", "↔": "arrow.l.r", "˙": "dot", "¨": "dot.double",
    "⃛": "dot.triple", "⃜": "dot.quad", "´": "acute", "`": "grave", "˘": "breve", "ˇ": "caron", "˚": "circle",
    "⇀": "harpoon", "↼": "harpoon.lt",
}  # fmt: skip
SPANS = {"―": "line", "_": "line", "⏞": "brace", "⏟": "brace", "⎴": "bracket", "⎵": "bracket", "⏜": "paren", "⏝": "paren"}
ARROWS = set("→←↔⇒⇐⇔↦↪↩⇀⇁↼↽⇌⇋↠↞⟶⟵⟷⟹⟸⟺")
BARS = set("|‖∥∣")  # with room around, unless their class says that they have none
SIGNS = {"-": "−", "*": "∗", "'": "′", "`": "‵"}  # as formulas have them
INVISIBLE = dict.fromkeys(map(ord, "\u2061\u2062\u2063\u2064\u200b"))
NO_INK = {"annotation", "annotation-xml", "maligngroup", "malignmark", "none", "mprescripts"}
STYLES = {("true", "0"): "display(%s)", ("false", "0"): "inline(%s)", (None, "1"): "script(%s)", (None, "2"): "sscript(%s)"}


class UnknownFormula(ValueError):
    """What cannot be set: MathJax's own complaint, or an element without an equal in Typst."""


def to_typst(mathml: str, display: bool) -> str:
    """A formula in Typst's markup, as a paragraph of its own or in a line."""
    node = ElementTree.fromstring(re.sub(r"\sxmlns(:\w+)?=\"[^\"]*\"", "", mathml))
    if (error := node.find(".//merror")) is not None:
        raise UnknownFormula("".join(error.itertext()).strip())
    if not display:
        return f"${_row(node)}$"
    return _paragraph(node)


def _paragraph(node: Element) -> str:
    """A formula on lines of its own; a table that is all of it is these lines, which may be numbered."""
    inner = _alone(node)
    if inner is None or inner.tag != "mtable" or _drawn(inner):
        return f"$ {_row(node)} $"
    numbers = sum(row.tag == "mlabeledtr" for row in inner)
    if any(cell.get("columnalign") for row in inner for cell in row):
        return f"#scattered({spread(inner, _row)})"
    if numbers and len(inner) == 1:
        (row,) = inner
        number = _row(row[0])
        row.remove(row[0])
        return f"#tagged([${number}$], [{_paragraph(row[0] if len(row) == 1 else node)}])"
    if numbers:
        return f"#numbered-lines({numbered_lines(inner, _row)})"
    return f"$ {lines(inner, _row)} $"


def _alone(node: Element) -> Element | None:
    """What is all that is in a node, but for groups."""
    inner = [child for child in node if child.tag not in NO_INK]
    while len(inner) == 1 and inner[0].tag in ("mrow", "mstyle") and not _style(inner[0]):
        inner = list(inner[0])
    return inner[0] if len(inner) == 1 else None


def _drawn(table: Element) -> bool:
    """True for a matrix, whose columns stand in the middle or have rules."""
    columns = max((len(row) - (row.tag == "mlabeledtr") for row in table), default=0)
    centered = columns > 1 and not {"left", "right"} & set(table.get("columnalign", "").split())
    return columns == 0 or centered or any(re.search("solid|dashed", table.get(key, "")) for key in RULES)


# --- letters ----------------------------------------------------------------------------------------------------


def _escape(text: str) -> str:
    """Signs that mean themselves."""
    signs = [SIGNS.get(sign, sign) for sign in text]
    return "".join(f"\\{sign}" if sign.isascii() and not sign.isalnum() and sign != " " else sign for sign in signs)


def _string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(node: Element) -> str:
    return unicodedata.normalize("NFC", "".join(node.itertext()).translate(INVISIBLE).strip("\n "))


def _letters(node: Element) -> str:
    """A name, a number or words."""
    text, variant = _text(node), node.get(VARIANT) or node.get("mathvariant")
    if node.tag == "mtext":
        text = text.replace("\u00a0", " ")
        variant = None if variant == "normal" else variant
    if not text:
        return ""
    if len(text) == 1 and node.tag == "mi":
        shown, variant = _escape(text), variant if text.isalnum() or variant != "normal" else None
    elif re.fullmatch(r"\d+(\.\d+)?", text):
        shown, variant = text, None if variant == "normal" else variant
    elif node.tag == "mi" and (node.get(TEXCLASS) == "OP" or variant is None):
        return f"op({_wrap(_string(text), variant)})"
    else:
        shown, variant = _string(text), None if variant == "normal" else variant
    return _styled(node, _wrap(shown, variant))


def _wrap(shown: str, variant: str | None) -> str:
    if variant and variant not in VARIANTS:
        raise UnknownFormula(f"letters in {variant}")
    return VARIANTS[variant] % shown if variant else shown


def _operator(node: Element) -> str:
    """A sign; parentheses do not grow by themselves."""
    text = _text(node)
    if not text:
        return ""
    if text.isalpha() and text.isascii():
        return f"op({_string(text)})"
    size, kind, variant = node.get("minsize"), CLASSES.get(node.get(TEXCLASS, "")), node.get("mathvariant")
    shown = _wrap(_escape(text), None if variant == "normal" else variant)
    if size and node.get("maxsize") == size and size.endswith("em"):
        return _styled(node, f"lr({shown}, size: #{size})")
    if len(text) > 1 or text in BARS:
        shown = f'class("{kind or ("normal" if text in BARS else "relation")}", {shown})'
    elif kind in ("binary", "relation", "punctuation"):
        shown = f'class("{kind}", {shown})'
    return _styled(node, shown)


def _space(node: Element) -> str:
    width = node.get("width", "0")
    if node.get("linebreak") == "newline":
        return "\\ "
    found = re.fullmatch(r"(-?[\d.]+)(em|ex|pt|px|mu|cm|mm|in)?", width)
    if not found:
        raise UnknownFormula(f"a blank of {width}")
    number, unit = float(found[1]), found[2] or "em"
    ems = number * {"em": 1, "ex": 0.43, "mu": 1 / 18}.get(unit, 0)
    length = f"{ems:g}em" if ems or not number else f"{number * 0.75:g}pt" if unit == "px" else width
    return f"#h({length})" if number else ""


# --- structure --------------------------------------------------------------------------------------------------


def _join(parts: Iterable[str]) -> str:
    """With blanks between, but none at words: Typst would show it."""
    joined = ""
    for part in filter(None, parts):
        words = re.search(r'"\)*$', joined) or re.match(r'(\w+\()*"', part)
        joined += ("" if words or not joined else " ") + part
    return joined


def _row(node: Element) -> str:
    return _join(map(_set, node))


def _group(node: Element) -> str:
    """An mrow: what \\left and \\right stand around grows with it."""
    children, kind = list(node), node.get(TEXCLASS, "")
    edges = [child.get(TEXCLASS) for child in children if child.tag == "mo"]
    if kind == "INNER" and "OPEN" in edges and "CLOSE" in edges and len(children) > 1:
        return _styled(node, _fenced(children))
    single = children[0] if len(children) == 1 and children[0].tag == "mo" else None
    if single is not None and single.get("minsize"):
        shown = _set(single)
        return f'class("{CLASSES.get(kind, "normal")}", {shown})'
    if kind == "ORD" and single is not None and not _text(single).isalpha():
        shown = _escape(_text(single))
        return _styled(node, f'class("normal", {shown})' if shown else "")
    shown = _row(node)
    return _styled(node, f'class("{CLASSES[kind]}", {shown})' if shown and kind in CLASSES else shown)


def _fenced(children: list[Element]) -> str:
    fraction = children[1:-1]
    ends = _text(children[0]) + _text(children[-1])
    if len(fraction) == 1 and fraction[0].tag == "mfrac" and fraction[0].get("linethickness") == "0" and ends == "()":
        return f"binom({_arguments(*fraction[0])})"
    shown = []
    for before, child in zip([None, *children], children, strict=False):
        middle = child.tag == "mo" and before is not None and before.tag == "mrow" and before.get(TEXCLASS) == "CLOSE"
        edge = child is children[0] or child is children[-1]
        sign = _escape(_text(child)) if child.tag == "mo" else ""
        shown.append(f"mid({sign})" if middle else sign if edge and sign else _set(child))
    return f"lr({_join(shown) or _EMPTY})"


_EMPTY = '""'


def _arguments(*nodes: Element) -> str:
    return ", ".join(_set(node) or _EMPTY for node in nodes)


def _scripts(node: Element) -> str:
    places = {"msub": ("br",), "msup": ("tr",), "msubsup": ("br", "tr")}[node.tag]
    base, *scripts = node
    return _attach(_set(base), dict(zip(places, scripts, strict=True)))


def _attach(base: str, scripts: dict[str, Element]) -> str:
    shown = {place: _set(script) for place, script in scripts.items() if script.tag != "none"}
    return f"attach({base or _EMPTY}, {', '.join(f'{place}: {text}' for place, text in shown.items() if text)})"


def _multiscripts(node: Element) -> str:
    base, *rest = node
    cut = next((i for i, child in enumerate(rest) if child.tag == "mprescripts"), len(rest))
    after, before = rest[:cut], rest[cut + 1 :]
    if len(after) > 2 or len(before) > 2:
        raise UnknownFormula("several scripts on one side")
    places = [*zip(("br", "tr"), after, strict=False), *zip(("bl", "tl"), before, strict=False)]
    return _attach(_set(base), dict(places))


def _limits(node: Element) -> str:
    """What stands over and under: an accent, a brace, the words of an arrow, or limits."""
    base, *marks = node
    places = {"munder": ("b",), "mover": ("t",), "munderover": ("b", "t")}[node.tag]
    if len(marks) == 1 and _bare(marks[0]).tag == "mo" and (shown := _accent(base, _bare(marks[0]), places[0])):
        return shown
    core = _bare(base)
    if core.tag == "mo" and _text(core) in ARROWS and core.get("stretchy") != "false":
        shown = f"limits(stretch({_escape(_text(core))}))"
    else:
        inline = ", inline: #false" if core.get("movablelimits") == "true" else ""
        shown = f"limits({_set(base) or _EMPTY}{inline})"
    return _attach(shown, dict(zip(places, marks, strict=True)))


def _accent(base: Element, mark: Element, place: str) -> str:
    sign, below = _text(mark), place == "b"
    if sign in OVER and not below:
        size = ", size: #100%" if mark.get("stretchy") == "false" else ""
        return f"accent({_set(base) or _EMPTY}, {OVER[sign]}{size if sign in '→←' else ''})"
    if sign in SPANS:
        return f"{'under' if below else 'over'}{SPANS[sign]}({_set(base) or _EMPTY})"
    return ""


def _bare(node: Element) -> Element:
    """What groups around one thing hold."""
    while node.tag in ("mrow", "mstyle", "mpadded") and len(node) == 1:
        node = node[0]
    return node


def _fraction(node: Element) -> str:
    if node.get("linethickness") == "0":
        above, below = map(_set, node)
        return f"stacked({above or _EMPTY}, {below or _EMPTY})"
    return f"frac({_arguments(*node)})"


def _style(node: Element) -> str:
    """The call that a node's own attributes ask for, with %s for what it holds; empty where there are none."""
    shown = "%s"
    level, display = node.get("scriptlevel"), node.get("displaystyle")
    shown = STYLES.get((display if level == "0" else None, level), shown)
    if color := node.get("mathcolor"):
        shown = f"colored({_string(color)}, {shown})"
    if (size := node.get("mathsize")) and size != "1em":
        shown = f"sized({_string(size)}, {shown})"
    if ground := node.get("mathbackground"):
        shown = f"grounded({_string(ground)}, {shown})"
    return "" if shown == "%s" else shown


def _styled(node: Element, shown: str) -> str:
    style = _style(node)
    return style.replace("%s", shown) if shown and style else shown


def _enclosed(node: Element) -> str:
    return f"enclosed({_string(node.get('notation', 'longdiv'))}, {_row(node) or _EMPTY})"


def _padded(node: Element) -> str:
    shown = _row(node)
    return f"lapped({shown})" if shown and node.get("width") == "0" else _styled(node, shown)


def _table(table: Element) -> str:
    """Rows and columns inside of a formula."""
    if any(row.tag == "mlabeledtr" for row in table):  # of a formula in a line
        tag, cells = table[0][0], table[0][1:]
        return _join([*map(_row, cells), "#h(1em)", _row(tag)])
    return _styled(table, matrix(table, _row))


_SETTERS = {
    "mi": _letters, "mn": _letters, "mtext": _letters, "ms": _letters, "mo": _operator, "mspace": _space,
    "mrow": _group, "mstyle": lambda node: _styled(node, _row(node)), "math": _row, "semantics": lambda node: _set(node[0]),
    "mpadded": _padded, "mphantom": lambda node: f"unseen({_row(node) or _EMPTY})", "menclose": _enclosed,
    "mfrac": _fraction, "msqrt": lambda node: f"sqrt({_row(node) or _EMPTY})",
    "mroot": lambda node: f"root({_arguments(node[1], node[0])})",
    "msub": _scripts, "msup": _scripts, "msubsup": _scripts, "mmultiscripts": _multiscripts,
    "munder": _limits, "mover": _limits, "munderover": _limits, "mtable": _table,
}  # fmt: skip


def _set(node: Element) -> str:
    if node.tag in NO_INK:
        return ""
    if node.tag not in _SETTERS:
        raise UnknownFormula(f"the element {node.tag}")
    return _SETTERS[node.tag](node)
