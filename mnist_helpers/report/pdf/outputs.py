"""What a cell's outputs give to the document: what JupyterLab shows of each, or a box that says what it was.

Warnings and logs, printed to stderr, are shown, as there. Left out without a word is what says nothing: a progress bar
that is over, and tells no more than that; the value of a call that plots, or of interact(), which is seen itself; a
script that loads a library.
"""

import ast
import hashlib
import json
import re
from pathlib import Path
from urllib.parse import quote

from bs4 import BeautifulSoup
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode

from mnist_helpers.files import project_path
from mnist_helpers.report.pdf.markup import CONTROL, EMBEDDED
from mnist_helpers.report.pdf.pieces import held, warn
from mnist_helpers.report.pdf.tables import WIDTH, wrap

LINES = 22  # of output: more may break over pages
# in JupyterLab's order; a notebook's figures may be PDF files
PICTURES = tuple(f"image/{kind}" for kind in ("svg+xml", "png", "jpeg", "gif", "webp", "bmp", "tiff"))
PICTURES += ("application/pdf",)
HIDDEN = "[hidden], [style*='display:none'], [style*='display: none']"
# What only a browser draws: how it is recognized (its kind, or words of its HTML), its name, and what to do.
INTERACTIVE = (
    (r"plotly", "a Plotly chart", 'Show its picture: fig.show("png")'),
    (r"vega", "an Altair chart", 'Show its picture: alt.renderers.enable("png")'),
    (r"bokehjs_exec|bk-root", "a Bokeh chart", "Show its picture: bokeh.io.export_png"),
    (r"leaflet|folium", "a map", "Show a picture of it"),
    (r"widget-view", "a widget", "Print the value that matters"),
    (r"animation", "an animation", "Show the pictures that matter"),
    (r"", "a script's output", "Show a picture of it, or print it"),
)
SCRIPTED = "|".join(sign for sign, *_ in INTERACTIVE[:-1]) + r"|holoviews_exec|javascript|geo\+json"
LOADERS = r"bk-notebook-logo|bokehjs_load"  # they load a library, and show nothing that matters
# a line with a bar of tqdm that is over: all of it done, and no number before or after it but times
OVER = re.compile(
    r"^(?![^|\n]*(?:\d\.\d|=))[^|\n]*\b100%\|[█#]*\| *(\S+)/\1"
    r"(?: \[[\d:]+(?:<[\d:]+)?(?:, *[\d.]+ ?[^\s,=\]]+/[^\s,=\]]+)?\])?[ \t]*(?:\n|\Z)",
    re.M,
)
BAR = re.compile(r"\|[^|\n]*\| *\S+/\S+ \[|\d+it \[\d+:\d+")
# a bar's widget as a cell first showed it: the notebook does not say what became of it
BEGUN = re.compile(r"\b0%\|[^|\n]*\| *0\S*/\S+ \[00:00<\?|\b0it \[00:00|(?:Int|Float)Progress\(")
STRING = r"""'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*\""""
# objects that plotting and displaying give, which have their pictures; those of others are results
NAMES = r"matplotlib|seaborn|mpl_toolkits|IPython|Axes|Figure|\w*Container|a list of|function"
OBJECT = re.compile(rf"<(?={NAMES})(?:{STRING}|<[^<>\n]*>|[^<>'\"\n])*>|\b(?:Text|Axes)\((?:{STRING}|[^()'\"\n])*\)")
# calls that give the limits or counts of what they draw
DRAWING = re.compile(
    r"(?:plt|axe?s?|axs)(?:\[.*\])?\.(?:axis|[xyz]lim|[xyz]ticks|set_\w+|hist|hist2d|bar|barh|boxplot|pie)"
)
# what lists of objects, and plt.hist, put around
AROUND = re.compile(r"array\([^()]*\)|None|'\w+':|\.\.\.|[\[\](){},\s]")


def output_parts(output: NotebookNode, source: str, folder: Path, where: str) -> list[dict]:
    """The arguments of the Pieces that an output gives: none for a caption, a bar, or what plotting returns."""
    if output.output_type == "stream":
        return printed(OVER.sub("", output.text), output.name)
    if output.output_type == "error":  # of a cell that was to fail
        return printed("\n".join(output.traceback) or f"{output.ename}: {output.evalue}", "stderr")
    data, about, text = output.data, held(output.metadata, "report"), output.data.get("text/plain", "")
    kinds, html = " ".join(data), data.get("text/html", "")
    if about.get("role") in ("caption", "title") or re.search(LOADERS, kinds + html):
        return []
    if "widget-view" in kinds and (BAR.search(text) or BEGUN.search(text)):
        return [] if BEGUN.search(text) else printed(OVER.sub("", text))
    soup = BeautifulSoup(html, "html.parser")
    moving = bool([tag.extract() for tag in soup.select("script")])
    hides = [tag.extract() for tag in soup.select(HIDDEN)]
    still = next((kind for kind in PICTURES if kind in data), None)
    if name := _interactive(kinds, html if moving else "", soup):
        return _box(data, *name, where) if still is None else [{"item": _figure(output, about, still, folder)}]
    nameless = OBJECT.search(text) and not AROUND.sub("", OBJECT.sub("", text))  # nothing but names of objects
    # HTML that hides a part is for a browser; the text says it to all others
    if soup.contents and (not hides or nameless or not text or soup.table):
        return [{"html": _labelled(soup, about)}] if _seen(soup) else []
    words = data.get("text/markdown") or data.get("text/latex")
    if words:  # a computed formula stays on the page of the words before it
        short = "$$" in words and words.count("\n") < 20 and not re.search("^ *#", words, re.M)
        return [{"raw": "#kept["}, {"markdown": words}, {"raw": "]"}] if short else [{"markdown": words}]
    if still:
        return [{"item": _figure(output, about, still, folder)}]
    if "application/json" in data:
        return printed(json.dumps(data["application/json"], indent=2, ensure_ascii=False))
    if data and not {"text/plain", "text/html"} & data.keys():
        return _box(data, f"an output of the kind {kinds}", "Print it, or show a picture of it", where)
    drawn = output.output_type == "execute_result" and _ends_with_plotting(source)
    return [] if nameless or drawn else printed(text)


def printed(text: str, stream: str = "stdout") -> list[dict]:
    """Printed text: without colour codes, as wide as the page."""
    text = re.sub(r"\x08+(?=\n|\Z)", "", strip_ansi(text))
    while (shorter := re.sub(r"[^\n\x08]\x08", "", text)) != text:  # a backspace, as Keras 2 writes for its bars
        text = shorter
    text = wrap(CONTROL.sub("", text).expandtabs().strip("\n"))
    long = sum(len(line) // WIDTH + 1 for line in text.splitlines()) > LINES
    return [{"item": {"kind": "output", "text": text, "long": long, "stream": stream}}] if text.strip() else []


def bar_text(model: str, models: dict) -> str | None:
    """The last state of a bar of widgets, as it would be printed; None for any other widget, or without its state.

    models: those that the notebook has kept, with their states.
    """
    names = models.get(model, {}).get("state", {}).get("children", [])
    parts = [models.get(name.removeprefix("IPY_MODEL_"), {}) for name in names]
    bar = next((part["state"] for part in parts if part.get("model_name", "").endswith("ProgressModel")), None)
    if bar is None:
        return None
    words = [BeautifulSoup(str(part.get("state", {}).get("value", "")), "html.parser").get_text() for part in parts]
    place = [part.get("state") for part in parts].index(bar)
    done = round(10 * float(bar.get("value", 0)) / (float(bar.get("max", 100)) or 1))
    before, after = "".join(words[:place]) + bar.get("description", ""), "".join(words[place + 1 :])
    return " ".join(f"{before.strip()}|{'█' * done:10}| {after.strip()}".split("\xa0"))


def _interactive(kinds: str, html: str, soup: BeautifulSoup) -> tuple[str, str] | None:
    """Name and advice of INTERACTIVE for what shows nothing without a browser's scripts; None for all else.

    html: empty where it has no scripts; soup: the rest of it.
    """
    shown = soup.select("img:not([src])") or (soup.select("*:not(style, link, meta)") and not _seen(soup))
    found = f"{kinds} {html}" if html and shown else kinds
    if not ((html and shown) or re.search(SCRIPTED, kinds)):
        return None
    return next((name, advice) for sign, name, advice in INTERACTIVE if re.search(sign, found))


def _seen(soup: BeautifulSoup) -> bool:
    """True for HTML of which a reader sees something; bars are none."""
    return bool(soup.get_text(strip=True) or soup.select(f"img, table, svg, hr, input, {','.join(EMBEDDED)}"))


def _box(data: dict, name: str, advice: str, where: str) -> list[dict]:
    """A box in place of what only a browser shows; the first picture of an animation is written out in its script."""
    still = re.search(r"data:image/(?:png|jpeg);base64,[\w+/=\\\s]+", data.get("text/html", ""))
    instead = "paper has its first picture" if still else "paper has a box that says so"
    warn(where, f"shows {name} that lives in a browser only; {instead}", advice)
    if still and name == "an animation":
        file = re.sub(r"[\\\s]", "", still[0])
        return [{"item": {"kind": "picture", "file": file, "alt": name, "width": None}}]
    return [{"item": {"kind": "box", "text": f"{name}, interactive in the notebook"}}]


def _labelled(soup: BeautifulSoup, about: dict) -> str:
    """HTML whose first table has the report's number and caption."""
    if about.get("caption") and (table := soup.table):
        for old in table.find_all("caption"):
            old.decompose()
        table["data-label"] = about.get("label") or ""
        table.insert(0, soup.new_tag("caption"))
        table.caption.string = about["caption"]
    return str(soup)


def _ends_with_plotting(source: str) -> bool:
    """True where the cell's value is that of a call such as plt.axis("off"), which is no result; plt.xlim() asks."""
    try:
        call = ast.parse(re.sub("^[%!].*", "", source, flags=re.M)).body[-1].value
        return bool(DRAWING.fullmatch(ast.unparse(call.func)) and (call.args or call.keywords))
    except (SyntaxError, IndexError, AttributeError):
        return False


def _figure(output: NotebookNode, about: dict, kind: str, folder: Path) -> dict:
    """A figure: the SVG that was written with it, if it is there and the same one; else the notebook's own picture."""
    data, shown, caption = output.data[kind], held(output.metadata, kind), about.get("caption")
    file = f"data:{kind},{quote(data)}" if kind == "image/svg+xml" else f"data:{kind};base64,{''.join(data.split())}"
    # beside the notebooks, or where a notebook run by hand has put it
    for place in (folder.parent / "figures", project_path("build/live/figures", folder)) if "svg" in about else ():
        path = place / f"{about['file']}.svg"
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == about["svg"]:
            file = str(path)
    pixels = shown.get("width")
    sized = isinstance(pixels, int | float) and pixels > 0
    return {
        "kind": "figure", "label": about.get("label"), "caption": caption, "file": file,
        "alt": caption or shown.get("alt") or "a figure without a caption",
        "width": pixels / 96 if sized else None,  # inches, as a browser has them
    }  # fmt: skip
