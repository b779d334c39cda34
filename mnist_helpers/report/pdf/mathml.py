"""MathJax's MathML as Typst's words for formulas; formula.typ has the functions that Typst itself lacks."""

import re
from collections.abc import Iterable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from mnist_helpers.report.pdf.mathletters import (
    ARROWS,
    CLASSES,
    LARGE,
    LEVEL,
    OVER,
    SPANS,
    TEXCLASS,
    UnknownFormula,
    escape,
    length,
    letters,
    note_levels,
    operator,
    quote,
    small,
    space,
    style_of,
    styled,
    text_of,
)
from mnist_helpers.report.pdf.mathtables import RULES, lines, matrix, numbered_lines, spread

ENCLOSED = {
    "box", "roundedbox", "circle", "left", "right", "top", "bottom", "updiagonalstrike", "downdiagonalstrike",
    "horizontalstrike", "verticalstrike",
}  # fmt: skip
NO_INK = {"annotation", "annotation-xml", "maligngroup", "malignmark", "none", "mprescripts"}


def to_typst(mathml: str, display: bool) -> str:
    """A formula in Typst's markup, as a paragraph of its own or in a line."""
    try:
        node = ElementTree.fromstring(re.sub(r"\sxmlns(:\w+)?=\"[^\"]*\"", "", mathml))
    except ElementTree.ParseError as error:  # a sign that no text may have
        raise UnknownFormula("it has a sign that cannot be printed") from error
    if (error := node.find(".//merror")) is not None:
        raise UnknownFormula("".join(error.itertext()).strip())
    if any(part.get("class") == "MathJax_ref" and "???" in text_of(part) for part in node.iter()):
        raise UnknownFormula(r"no formula has this \label and a \tag")
    note_levels(node, 0)
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
    while len(inner) == 1 and inner[0].tag in ("mrow", "mstyle") and not style_of(inner[0]):
        inner = list(inner[0])
    return inner[0] if len(inner) == 1 else None


def _drawn(table: Element) -> bool:
    """True for a matrix, whose columns stand in the middle or have rules."""
    columns = max((len(row) - (row.tag == "mlabeledtr") for row in table), default=0)
    centered = columns > 1 and not {"left", "right"} & set(table.get("columnalign", "").split())
    return columns == 0 or centered or any(re.search("solid|dashed", table.get(key, "")) for key in RULES)


# --- structure --------------------------------------------------------------------------------------------------


def _join(parts: Iterable[str]) -> str:
    """One after the other, parted by empty comments: blanks at words would be shown."""
    return "/**/".join(filter(None, parts))


def _row(node: Element) -> str:
    return _join(map(_set, node))


def _group(node: Element) -> str:
    """An mrow: what \\left and \\right stand around grows with it."""
    children, kind = list(node), node.get(TEXCLASS, "")
    edges = [child.get(TEXCLASS) for child in children if child.tag == "mo"]
    if kind == "INNER" and "OPEN" in edges and "CLOSE" in edges and len(children) > 1:
        return styled(node, _fenced(children))
    single = children[0] if len(children) == 1 and children[0].tag == "mo" else None
    if single is not None and single.get("minsize"):
        shown = _set(single)
        return f'class("{CLASSES.get(kind, "normal")}", {shown})'
    if kind == "ORD" and single is not None and not text_of(single).isalpha():
        shown = escape(text_of(single))
        return styled(node, f'class("normal", {shown})' if shown else "")
    shown = _row(node)
    return styled(node, f'class("{CLASSES[kind]}", {shown})' if shown and kind in CLASSES else shown)


def _fenced(children: list[Element]) -> str:
    fraction = children[1:-1]
    ends = text_of(children[0]) + text_of(children[-1])
    if len(fraction) == 1 and fraction[0].tag == "mfrac" and fraction[0].get("linethickness") == "0" and ends == "()":
        return f"binom({_arguments(*fraction[0])})"
    shown = []
    for before, child in zip([None, *children], children, strict=False):
        middle = child.tag == "mo" and before is not None and before.tag == "mrow" and before.get(TEXCLASS) == "CLOSE"
        edge = child is children[0] or child is children[-1]
        sign = escape(text_of(child)) if child.tag == "mo" else ""
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
    if len(marks) == 1 and "border" in marks[0].get("style", ""):
        return f"{'under' if places[0] == 'b' else 'over'}bracket({_set(base) or _EMPTY})"
    core = _bare(base)
    if core.tag == "mo" and text_of(core) in LARGE and core.get("movablelimits") != "false":
        shown = _set(base)  # Typst knows how: beside them in a line
    elif core.tag == "mo" and text_of(core) in ARROWS and core.get("stretchy") != "false":
        shown = f"limits(stretch({escape(text_of(core))}))"
    else:
        inline = ", inline: #false" if core.get("movablelimits") == "true" else ""
        shown = f"limits({_set(base) or _EMPTY}{inline})"
    return _attach(shown, dict(zip(places, marks, strict=True)))


def _accent(base: Element, mark: Element, place: str) -> str:
    sign, below = text_of(mark), place == "b"
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


def _enclosed(node: Element) -> str:
    if unknown := set(node.get("notation", "longdiv").split()) - ENCLOSED:
        raise UnknownFormula(f"the frame {min(unknown)}")
    return f"enclosed({quote(node.get('notation', ''))}, {small(node, _row(node) or _EMPTY)})"


def _padded(node: Element) -> str:
    """What stands higher or lower, or takes no room."""
    shown, height = _row(node), node.get("voffset", "0")
    if not shown or (node.get("width") == "0" and _bare(node).tag == "mphantom"):
        return _EMPTY if shown else ""
    shown = small(node, shown)
    if float(re.match(r"[-+]?[\d.]*", height)[0] or 0):
        shown = f"raised(#({length(height)}), {shown})"
    if "border" in node.get("style", ""):
        shown = f'enclosed("box", {shown})'
    share = re.fullmatch(r"-([\d.]+)width", node.get("lspace", ""))  # how much of it stands at the left of its place
    return f"lapped(#{share[1] if share else 0}, {shown})" if node.get("width") == "0" else styled(node, shown)


def _table(table: Element) -> str:
    """Rows and columns inside of a formula."""
    if any(row.tag == "mlabeledtr" for row in table):  # of a formula in a line
        tag, cells = table[0][0], table[0][1:]
        return _join([*map(_row, cells), "#h(1em)", _row(tag)])
    style = ("display", "inline", "script")[min(int(table.get(LEVEL, 0)), 2)]  # one more than its cells have
    return f"{style}({styled(table, matrix(table, _row))})"


_SETTERS = {
    "mi": letters, "mn": letters, "mtext": letters, "ms": letters, "mo": operator, "mspace": space,
    "mrow": _group, "mstyle": lambda node: styled(node, _row(node)), "math": _row,
    "semantics": lambda node: _set(node[0]), "maction": lambda node: _set(node[0]),
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
