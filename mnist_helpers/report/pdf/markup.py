"""HTML as a browser shows it, made ready for pandoc: what Typst draws stands in it as Typst, inside of marks."""

import base64
import re
from collections.abc import Callable
from html import escape

from bs4 import BeautifulSoup, Tag

from mnist_helpers.report.pdf.pictures import PAGE
from mnist_helpers.report.pdf.pieces import warn
from mnist_helpers.report.pdf.tables import GROUND, SHADED, bars_of, colour_of, ink_of, read_table

# In Korean a section's word follows its number, and particles follow both without a blank.
REFERENCE = re.compile(
    r"(?<![\w-])(?:(Figure|Table|[Cc]hapter|[Ss]ection|그림|표)\s(\d+(?:\.\d+)*)(?!\.?[0-9A-Za-z_])|(\d+)(절))"
)
CONTROL = re.compile(r"\x1b\[[0-9;]*m|[\x00-\x08\x0e-\x1f\x7f]")  # no letters; a browser shows none of them
UNSEEN = "script, style, link, meta, title, template, noscript, button:has(img)"
EMBEDDED = {  # what paper cannot show: its name, and what to do
    "iframe": ("a page of the web", "Say in words what it shows"),
    "embed": ("an embedded file", "Say in words what it shows"),
    "object": ("an embedded file", "Say in words what it shows"),
    "video": ("a film", "Show a picture of it too"),
    "audio": ("a sound", "Say in words what is heard"),
    "canvas": ("a drawing of a script", "Show a picture of it too"),
}
# pandoc would want a picture, or drop the words
RENAMED = {"figure": "div", "figcaption": "p", "textarea": "span", "kbd": "code"}
HEADING = re.compile("^h[1-6]$")
BLOCKS = ["center", "div", "p", *(f"h{level}" for level in range(1, 7)), "pre", "ul", "ol", "blockquote", "section"]
PLACED = f"center, :is({', '.join(BLOCKS)}):is([align], [style*='text-align' i])"
OTHERS = "table, thead, tbody, tr, td, th, caption, img, hr"  # tables read their own
COLOURED = f"font[color], :is([style*='color' i], [style*='background' i]):not({OTHERS})"


def mend(html: str, add: Callable[[dict], int], where: str, anchor: Callable[[str], str | None] | None = None) -> str:
    """The HTML for pandoc: every tag closed, tables as items, code as attributes too, and references as links.

    add: takes an item and gives its place; where: the cell; anchor: of Markdown, the label for an element's id, if it
    is the first; None for a cell's output.
    """
    html = re.sub(r"</br\s*>", "<br>", CONTROL.sub("", html))  # as browsers read it
    soup = BeautifulSoup(re.sub(r"(?is)<svg\b.*?</svg>", _drawing, html), "html.parser")
    _read_styles(soup)
    _tidy(soup)
    for code in soup.select("code:not(pre *)"):
        code["data-whole"] = code.text  # in the text pandoc takes several blanks as one
    for tag in soup.select(",".join(EMBEDDED)):
        tag.replace_with(_mark(f"#item({add(_embedded(tag, where))});"))
    _link_references(soup)
    _paint(soup)
    for tag in soup.select("[id]:not(aside), a[name]"):
        name = tag.attrs.pop("id", None) or tag.attrs.pop("name", "")  # pandoc would take it for its own
        label = anchor and anchor(name)
        if label:  # in a heading it would be in the outline too
            (tag.find_parent("pre") or tag.find_parent(HEADING) or tag).insert_before(
                _mark(f"#metadata(none)<{label}>")
            )
        if tag.name == "a" and not tag.contents:
            tag.decompose()
    if any(SHADED.search(tag["style"]) and not bars_of(tag["style"]) for tag in soup.select("td[style], th[style]")):
        warn(where, "has cells of a table with a shading or picture, which paper leaves out", "Colour them evenly")
    for table in reversed(soup.select("table")):  # the innermost first
        table.replace_with(*_drawn(table, add))
    return str(soup)


def _tidy(soup: BeautifulSoup) -> None:
    """Names that pandoc knows, and nothing that a reader does not see."""
    for tag in soup.select(UNSEEN):
        tag.decompose()
    for tag in soup.select(",".join(RENAMED)):
        tag.name = RENAMED[tag.name]
    for tag in soup.select("summary"):
        tag.name = tag.wrap(soup.new_tag("p")) and "strong"
    for tag in soup.select("pre br"):
        tag.replace_with("\n")
    for numbered in soup.select("ol"):  # after another one, in this cell or before it, Typst would count on
        before = next((part for part in numbered.previous_siblings if not isinstance(part, str) or part.strip()), None)
        if (before is None and numbered.parent is soup) or getattr(before, "name", "") == "ol":
            numbered.insert_before(_mark("#v(0pt)", "pre"))


def _mark(typst: str, element: str = "code") -> Tag:
    """Typst itself: "code" in a line, "pre" between paragraphs."""
    return BeautifulSoup(f'<{element} data-typst="1">{escape(typst)}</{element}>', "html.parser").contents[0]


def _drawing(svg: re.Match) -> str:
    """An SVG in the text as a picture: among HTML its names would lose their capitals."""
    text = svg[0] if "xmlns=" in svg[0] else svg[0].replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return f'<img alt="a drawing" src="data:image/svg+xml;base64,{base64.b64encode(text.encode()).decode()}">'


def _read_styles(soup: BeautifulSoup) -> None:
    """What is styled by its id, as pandas' cells are, has the style itself."""
    tags = {tag["id"]: tag for tag in soup.select("[id]")}
    for style in soup.select("style"):
        for names, rule in re.findall(r"([^{}]+)\{([^{}]*)\}", style.text):
            for name in tags.keys() & set(re.findall(r"#([\w-]+)(?=\s*(?:,|$))", names)):
                tags[name]["style"] = f"{tags[name].get('style', '')};{' '.join(rule.split())}"


def _embedded(tag: Tag, where: str) -> dict:
    """A box in place of a film and the like, with its address."""
    what, advice = EMBEDDED[tag.name]
    inside = tag.find("source")
    address = tag.get("src") or tag.get("data") or (inside and inside.get("src")) or ""
    address = "" if address.startswith("data:") else address
    warn(where, f"has {what}, which paper cannot show{f': {address[:100]}' if address else ''}", advice)
    url = address if address.startswith(("http:", "https:")) else None
    return {"kind": "box", "text": f"{what}{f': {address}' if address else ', in the notebook'}", "url": url}


def _link_references(soup: BeautifulSoup) -> None:
    """ "Figure 3.1" and the like as links; where a table's cell names a section and nothing else, Typst does it."""
    for text in soup.find_all(string=REFERENCE):
        alone = text.parent.name == "td" and REFERENCE.fullmatch(text.strip())
        if text.parent.name in ("p", "li", "td", "th") and not (alone and ("ection" in text or "절" in text)):
            linked = REFERENCE.sub(r'<a href="\g<0>">\g<0></a>', escape(text))
            text.replace_with(BeautifulSoup(linked, "html.parser"))


def _paint(soup: BeautifulSoup) -> None:
    """Words in colour, what stands in the middle or right, and boxes such as <div class="alert alert-info">.

    Code stays letter by letter: Typst would show the marks.
    """
    for tag in soup.select(f":is({COLOURED}):not(pre *, code, code *)"):
        given = tag.get("style", "")
        grounds = [colour_of(above.get("style", ""), GROUND) for above in (tag, *tag.parents)]
        if colour := ink_of(f"color: {tag.get('color', '')}; {given}", any(grounds)):
            _surround(tag, f'#text(fill: rgb("{colour}"))')
        if grounds[0]:
            _surround(tag, f'#ground("{grounds[0]}", {str(tag.name in BLOCKS).lower()})')
    for tag in soup.select(f":is({PLACED}):not(table *, pre *, code *)"):
        side = re.search(r"text-align:\s*(\w+)", tag.get("style", ""), re.I)
        side = side[1] if side else tag.get("align", "center" if tag.name == "center" else "")
        if side.lower() in ("left", "center", "right"):
            _surround(tag, f"#align({side.lower()})")
    for tag in soup.select("div.alert"):
        kind = next((name[6:] for name in tag["class"] if name.startswith("alert-") and name != "alert-block"), "info")
        tag.insert(0, _mark(f'#alert("{kind}")[', "pre"))
        tag.append(_mark("]", "pre"))


def _surround(tag: Tag, typst: str) -> None:
    """Typst's function around a tag, and around the heading that is nothing else: the outline has no marks then."""
    heading = tag.find_parent(HEADING)
    if heading and (tag.name in BLOCKS or heading.get_text(strip=True) == tag.get_text(strip=True)):
        tag.name = "span" if tag.name in BLOCKS else tag.name  # a heading holds no paragraphs
        tag = heading
    if tag.name in BLOCKS:
        tag.insert_before(_mark(f"{typst}[", "pre"))
        tag.insert_after(_mark("]", "pre"))
    else:
        element = "pre" if tag.find(BLOCKS) or tag.name == "li" else "code"
        tag.insert(0, _mark(f"{typst}[", element))
        tag.append(_mark("]" if element == "pre" else "];", element))


def _drawn(table: Tag, add: Callable[[dict], int]) -> list[Tag]:
    """An HTML table as Typst's items, with the cells that hold more than words between brackets."""
    for heading in table.select("h1, h2, h3, h4, h5, h6"):
        heading.name = "strong"
    parts = []
    for item, cells in read_table(table):
        item["nested"] = bool(table.find_parent(["td", "th"]))
        parts.append(_mark(f"#item({add(item)}){'[' if cells else ''}", "pre"))
        for index, cell in enumerate(cells):
            inside = BeautifulSoup(cell.decode_contents(), "html.parser")
            for picture in inside.select("img"):
                picture["data-room"] = PAGE[0] / len(item["align"]) - 10 / 72  # without the cell's margins
            parts += [*inside.contents, _mark("][" if index < len(cells) - 1 else "]", "pre")]
    return parts
