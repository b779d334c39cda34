"""An HTML table, as pandas and others show it, as the rows and columns that template.typ draws."""

import math
import re
import textwrap

from bs4 import Tag
from PIL import ImageColor

COLUMNS = 14  # that fit on a page
WIDTH = 92  # characters of code or output in a line of the page
LETTERS = 48  # of a word in a table's cell
NUMBER = re.compile(r"[-+−±]?[\d,]+(\.\d+)?(e[-+]?\d+)?( ?%)?")
# points of text: how many characters a row of the page holds at that size
SIZES = ((9.4, 100), (8.6, 111), (7.8, 124), (7.0, 140), (6.2, float("inf")))
MISSING = ("", "–", "NaN", "nan", "inf", "None", "NaT", "<NA>")
SHADED = re.compile(r"gradient\(|background(?:-image)?:[^;]*url\(")
GROUND = "background(?:-color)?"
HEADER = 12  # characters that a column's name may ask for, whatever is below it
WIDEST = 158  # characters of a row at the smallest size
ROWS = 16  # lines of a table: a longer one may break over pages


def read_table(table: Tag) -> list[tuple[dict, list[Tag]]]:
    """The items of an HTML table, and of each the cells that hold more than words; one too wide comes in parts."""
    caption, label = table.caption and table.caption.get_text(" ", strip=True), table.get("data-label") or None
    header, rows = [], []
    for row in table.find_all("tr"):
        tags = row.find_all(["th", "td"], recursive=False)
        top = row.find_parent("thead") or not row.find("td")
        (header if top else rows).extend([[_cell(tag) for tag in tags]] if tags else [])
    columns = max((sum(cell.get("colspan", 1) for cell in cells) for cells in (*header, *rows)), default=0)
    if columns > COLUMNS or _room([*header, *rows]) > WIDEST:
        header, rows = _unspanned(header, columns), _unspanned(rows, columns)
        step = min(columns, COLUMNS) - 1
        while step > 1 and any(_room(_part([*header, *rows], i, step)) > WIDEST for i in range(1, columns, step)):
            step -= 1
        step = math.ceil((columns - 1) / math.ceil((columns - 1) / step))  # no part of a column or two
        parts = [(_part(header, i, step), _part(rows, i, step)) for i in range(1, columns, step)]
    else:
        parts = [(header, rows)] if columns else []
    found = []
    for index, part in enumerate(parts):  # each begins with the first column
        rich = [cell for cells in (*part[0], *part[1]) for cell in cells if "tag" in cell]
        tags = [cell["tag"] for cell in rich]
        for place, cell in enumerate(rich):
            cell["rich"] = place
            del cell["tag"]
        found.append((make_table(*part, caption, label if index == 0 else None), tags))
    return found


def _cell(tag: Tag) -> dict:
    spans = {
        key: int(tag[key]) for key in ("colspan", "rowspan") if re.fullmatch("[2-9]|[1-9][0-9]+", tag.get(key, ""))
    }
    text = wrap(" ".join(tag.get_text(" ", strip=True).split()), LETTERS)
    text = re.sub(r"(?<!\S)-(?=\d)", "−", text)  # a minus sign, as in the text
    if tag.find(True):  # as wide as it will look: of LaTeX a command is a letter
        text = re.sub(r"\\[A-Za-z]+|[{}^_$]|#\w+\(.*?\)", "", text)
    style = f"{tag.parent.get('style', '')};{tag.get('style', '')}"
    side = re.search("text-align: *(left|center|right)", style) or re.fullmatch(
        "(left|center|right)", tag.get("align", "")
    )
    more = {"tag": tag if tag.find(True) else None, "side": side and side[1]}
    fill, bars = colour_of(style, GROUND), bars_of(style)
    more |= {"fill": fill, "bars": bars, "ink": ink_of(style, bool(fill and not bars))}
    return {"text": text, **spans, **{key: value for key, value in more.items() if value}}


def colour_of(style: str, key: str) -> str | None:
    """A colour of CSS, such as #ff0000; None where there is none."""
    found = re.findall(rf"(?:^|;)\s*{key}\s*:\s*([^;!]+)", style, re.I)
    for value in reversed(found):  # the last counts
        try:
            return "#{:02x}{:02x}{:02x}".format(*ImageColor.getrgb(value.strip()))
        except ValueError:  # such as var(--pst)
            continue
    return None


def ink_of(style: str, ground: bool) -> str | None:
    """The colour of words; None for a light one that has no ground, and would not be seen on paper."""
    ink = colour_of(style, "color")
    return ink if ink and (ground or min(ink[1::2]) < "c") else None


def bars_of(style: str) -> list[tuple[str, float]] | None:
    """The bar of pandas in a cell, as colours and the percents of the width where they begin or end, from the left."""
    found = re.findall(r"linear-gradient\(90deg,((?:[^()]|\([^()]*\))*)\)", style)
    stops = re.split(r",(?![^()]*\))", found[-1]) if found else []
    bars = []
    for stop in stops:
        parts = re.fullmatch(r"\s*(.+?)\s+([\d.]+)%\s*", stop)
        colour = parts and ("#ffffff00" if parts[1] == "transparent" else colour_of(f"color: {parts[1]}", "color"))
        if not colour:
            return None
        bars.append((colour, max(bars[-1][1] if bars else 0, min(float(parts[2]), 100))))
    # Typst wants the ends to be told
    return [(bars[0][0], 0), *bars, (bars[-1][0], 100)] if bars else None


def _unspanned(rows: list[list[dict]], columns: int) -> list[list[dict]]:
    """Rows whose cells stand in each column and row that they spanned."""
    grid = [[None] * columns for _ in rows]
    for y, cells in enumerate(rows):
        for cell in cells:
            x = next((x for x in range(columns) if grid[y][x] is None), columns)
            single = {key: value for key, value in cell.items() if key not in ("colspan", "rowspan")}
            for line in grid[y : y + cell.get("rowspan", 1)]:
                line[x : x + cell.get("colspan", 1)] = [single] * len(line[x : x + cell.get("colspan", 1)])
    return [[cell or {"text": ""} for cell in line] for line in grid]


def _part(rows: list[list[dict]], start: int, step: int) -> list[list[dict]]:
    return [[dict(cell) for cell in (*cells[:1], *cells[start : start + step])] for cells in rows]


def _room(rows: list[list[dict]]) -> float:
    """Characters that a row needs where no word is broken."""
    columns = max(map(len, rows), default=0)
    words = [[word for cells in rows if i < len(cells) for word in cells[i]["text"].split()] for i in range(columns)]
    return sum(max(map(len, column), default=0) for column in words) + 2.2 * columns


def make_table(header: list, rows: list, caption: str | None = None, label: str | None = None) -> dict:
    """The item of a table that is drawn: {"kind", caption, label, header, rows, align, size, breakable}.

    header, rows: lists of rows of cells, {"text", "colspan", "rowspan"}, and "rich", the place of one that holds more
    than words among such cells. A number's cell gets "pad", digits that are left blank so that the decimal points of a
    column stand below one another.
    """
    columns = max(sum(cell.get("colspan", 1) for cell in cells) for cells in (*header, *rows))
    align = ["left"] * columns
    if all(len(cells) == columns for cells in rows):  # with spans, a cell does not tell its column
        align = ["right" if _align_decimals([cells[i] for cells in rows]) else "left" for i in range(columns)]
        for i in range(columns if rows else 0):  # as Markdown says with :--:
            sides = {cells[i].get("side") for cells in rows}
            align[i] = sides.pop() or align[i] if len(sides) == 1 else align[i]
    texts = [[cells[i]["text"] for cells in rows if i < len(cells)] for i in range(columns)]
    # words can be put below one another, a number cannot
    widest = [max((min(len(t), max([24, *map(len, t.split())])) for t in column), default=0) for column in texts]
    for cells in header:  # its words stand below one another, so that a column is no wider than its numbers
        if len(cells) == columns:
            for i, cell in enumerate(cells):
                widest[i] = max(widest[i], *map(len, cell["text"].split()), min(len(cell["text"]), HEADER), 1)
                cell["text"] = textwrap.fill(cell["text"], widest[i], break_long_words=False, break_on_hyphens=False)
    size = next(size for size, room in SIZES if sum(widest) + 2.2 * columns <= room)
    return {
        "kind": "table", "caption": caption, "label": label, "header": header, "rows": rows, "align": align,
        "size": size, "breakable": sum(max(len(cell["text"]) // 30 + 1 for cell in cells) for cells in rows) > ROWS,
    }  # fmt: skip


def wrap(text: str, width: int = WIDTH) -> str:
    """Break what has no blank for a whole line; Typst breaks lines at blanks only, and would cut it."""
    return re.sub(rf"(\S{{{width}}})(?=\S)", r"\1\n", text)


def _align_decimals(cells: list[dict]) -> bool:
    """True for a column of numbers, whose cells get the pad that puts the decimal points below one another."""
    texts = [cell["text"] for cell in cells]
    if not any(map(str.strip, texts)) or not all(NUMBER.fullmatch(text) or text in MISSING for text in texts):
        return False
    tails = [re.search(r"(\.\d+)?[^.\d]*$", text)[1] or "" if "e" not in text else "" for text in texts]
    longest = max(tails, key=len)
    for cell, tail in zip(cells, tails, strict=True):
        if cell["text"] not in MISSING and len(tail) < len(longest):
            cell["pad"] = longest[len(tail) :]
    return True
