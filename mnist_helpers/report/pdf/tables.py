"""An HTML table, as pandas and others show it, as the rows and columns that template.typ draws."""

import re
import textwrap

from bs4 import BeautifulSoup, Tag

COLUMNS = 14  # that fit on a page
WIDTH = 92  # characters of code or output in a line of the page
LETTERS = 48  # of a word in a table's cell
NUMBER = re.compile(r"[-+−±]?[\d,]+(\.\d+)?(e[-+]?\d+)?( ?%)?")
# points of text: how many characters a row of the page holds at that size
SIZES = ((9.4, 100), (8.6, 111), (7.8, 124), (7.0, 140), (6.2, float("inf")))
MISSING = ("", "–", "NaN", "nan", "inf", "None", "NaT", "<NA>")
HEADER = 12  # characters that a column's name may ask for, whatever is below it
ROWS = 16  # lines of a table: a longer one may break over pages


def read_tables(html: str, caption: str | None = None, label: str | None = None) -> list[dict]:
    """The items of the tables in the HTML; without a caption, their own; one that is too wide comes in parts."""
    items = []
    for table in BeautifulSoup(html, "html.parser").select("table:not(table table):has(th, td)"):
        words = table.caption.get_text(" ", strip=True) if caption is None and table.caption else caption
        header, rows = [], []
        for row in table.select("tr:has(th, td)"):
            top = row.find_parent("thead") or not row.find("td")
            (header if top else rows).append([_cell(tag) for tag in row.find_all(["th", "td"])])
        columns = max(map(len, (*header, *rows)))
        plain = all(len(cells) == columns for cells in (*header, *rows))
        step = COLUMNS - 1 if plain and columns > COLUMNS else columns
        for start in range(1, max(columns, 2), step):  # each part begins with the first column
            part = [[cells[:1] + cells[start : start + step] for cells in group] for group in (header, rows)]
            items.append(make_table(*part, words, label if start == 1 else None))
    return items


def _cell(tag: Tag) -> dict:
    spans = [key for key in ("colspan", "rowspan") if re.fullmatch("[2-9]|[1-9][0-9]+", tag.get(key, ""))]
    text = wrap(" ".join(tag.get_text(" ", strip=True).split()), LETTERS)
    text = re.sub(r"(?<!\S)-(?=\d)", "−", text)  # a minus sign, as in the text
    return {"text": text, **{key: int(tag[key]) for key in spans}}


def make_table(header: list, rows: list, caption: str | None = None, label: str | None = None) -> dict:
    """The item of a table that is drawn: {"kind", caption, label, header, rows, align, size, breakable}.

    header, rows: lists of rows of cells, {"text", "colspan", "rowspan"}. A number's cell gets "pad", digits that are
    left blank so that the decimal points of a column stand below one another.
    """
    columns = max(sum(cell.get("colspan", 1) for cell in cells) for cells in (*header, *rows))
    align = ["left"] * columns
    if all(len(cells) == columns for cells in rows):  # with spans, a cell does not tell its column
        align = ["right" if _align_decimals([cells[i] for cells in rows]) else "left" for i in range(columns)]
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
