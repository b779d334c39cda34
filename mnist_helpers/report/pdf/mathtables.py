"""MathML's tables, which are matrices, cases and lines of formulas below one another, in Typst's words."""

import re
from collections.abc import Callable
from xml.etree.ElementTree import Element

RULES = ("columnlines", "rowlines", "frame")
Row = Callable[[Element], str]  # what a cell holds


def matrix(table: Element, show: Row) -> str:
    """Typst's mat, whose columns stand as MathML has them."""
    rows = [list(row) for row in table]
    columns = max(map(len, rows), default=0)
    if not columns:
        return '""'
    aligns, gaps = _each(table, "columnalign", columns, "center"), _gaps(table, columns)
    gap, display = min(gaps, default=0), table.get("displaystyle") == "true"
    shown = []
    for cells in rows:
        texts = []
        for i in range(columns):
            text = _cell(cells[i], show) if i < len(cells) else ""
            text = f"display({text})" if display and text else text
            extra = f"#h({gaps[i - 1] - gap:g}em) " if i and gaps[i - 1] > gap else ""
            texts.append(extra + {"right": f"{text} &", "left": f"& {text}"}.get(aligns[i], text or '""'))
        shown.append(", ".join(texts))
    height = re.match(r"([\d.]+)em", table.get("rowspacing", ""))
    options = [f"row-gap: #{height[1]}em"] if height else ["row-gap: #0.5em"] if display else []
    options += [f"column-gap: #{gap:g}em", *_rules(table, len(rows), columns)]
    drawn = f"mat(delim: #none, {', '.join(options)}, {'; '.join(shown)})"
    return f'enclosed("box", display({drawn}))' if table.get("frame") in ("solid", "dashed") else drawn


def lines(table: Element, show: Row) -> str:
    """Lines that stand below one another at their signs of equality, or each in the middle."""
    return " \\ ".join(_line(table, list(row), show) for row in table)


def numbered_lines(table: Element, show: Row) -> str:
    """The arguments of formula.typ's function for lines of which some have a number: columns, then (number, cells)."""
    rows = [(row[0], list(row)[1:]) if row.tag == "mlabeledtr" else (None, list(row)) for row in table]
    columns = max(len(cells) for _, cells in rows)
    aligns, gaps = _each(table, "columnalign", columns, "center"), [0, *_gaps(table, columns)]
    shown = []
    for tag, cells in rows:
        texts = [f"[$display({_cell(cell, show)})$]" if len(cell) else "[]" for cell in cells]
        shown.append(f"([{f'${show(tag)}$' if tag is not None else ''}], {', '.join(texts)})")
    return f"({', '.join(aligns)},), ({', '.join(f'{gap:g}em' for gap in gaps)},), {', '.join(shown)}"


def spread(table: Element, show: Row) -> str:
    """The arguments of formula.typ's function for lines at the left, in the middle and at the right, as of multline."""
    cells = [row[-1] for row in table]
    tags = [show(row[0]) for row in table if row.tag == "mlabeledtr"]
    shown = [f"({cell.get('columnalign', 'center')}, [$display({_cell(cell, show)})$])" for cell in cells]
    return f"[{f'${tags[0]}$' if tags else ''}], {', '.join(shown)}"


def _cell(cell: Element, show: Row) -> str:
    """After nothing, a sign of equality would stand without room; MathJax puts an empty word there."""
    text = show(cell)
    empty = len(cell) > 1 and cell[0].tag == "mi" and not cell[0].text
    text = f'class("normal", ""){text}' if empty and text else text or '""'
    ground = cell.get("mathbackground")
    return f'grounded("{ground}", {text})' if ground else text


def _line(table: Element, cells: list[Element], show: Row) -> str:
    aligns, gaps = _each(table, "columnalign", len(cells), "center"), _gaps(table, len(cells))
    if aligns == ["center"]:
        return show(cells[0])
    shown, right = "", True  # Typst sets what is between its signs at the right and at the left in turn
    for i, (cell, align) in enumerate(zip(cells, aligns, strict=True)):
        wanted = align == "right"
        shown += "" if i == 0 else "& "
        if wanted != right:
            shown, right = shown + "& ", not right
        shown += f"#h({gaps[i - 1]:g}em) " if i and gaps[i - 1] else ""
        shown, right = f"{shown}{show(cell)} ", not right
    return shown.strip()


def _each(table: Element, key: str, count: int, default: str) -> list[str]:
    """One word for each column, or each gap between two: the last one goes on."""
    words = table.get(key, default).split() or [default]
    return (words + [words[-1]] * count)[:count]


def _gaps(table: Element, columns: int) -> list[float]:
    """Between columns, in em."""
    words = _each(table, "columnspacing", columns - 1, "1em")
    return [float(word[:-2]) if word.endswith("em") else 0.2 for word in words]


def _rules(table: Element, rows: int, columns: int) -> list[str]:
    ruled = {
        name: [i + 1 for i, kind in enumerate(_each(table, key, count - 1, "none")) if kind != "none"]
        for name, key, count in (("vline", "columnlines", columns), ("hline", "rowlines", rows))
    }
    drawn = [f"{name}: ({', '.join(map(str, places))},)" for name, places in ruled.items() if places]
    dash = ', dash: "dashed"' if "dashed" in table.get("columnlines", "") + table.get("rowlines", "") else ""
    stroke = f"stroke: (thickness: 0.05em{dash})"
    return [f"augment: #({', '.join([*drawn, stroke])})"] if drawn else []
