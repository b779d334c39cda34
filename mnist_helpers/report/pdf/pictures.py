"""Pictures as Typst takes them: opened by what they are, whatever their name says, and no finer than paper shows."""

import io
import re
from os.path import isfile  # a name may be too long, or none
from pathlib import Path
from urllib.request import urlopen
from xml.etree import ElementTree

import pypdfium2
from PIL import Image, ImageOps

from mnist_helpers.report.pdf.pieces import Piece, warn

DPI = 300  # at the printed size
SCREEN = 96  # pixels of an inch, as a browser has them
PAGE = (163 / 25.4, 205 / 25.4)  # inches of a page that a picture may take
SMALL = 100_000  # bytes; JPEG is of no use below
MOVING = ("GIF", "PNG", "WEBP")  # a phone's JPEG has several pictures too, of which one is meant
PLAIN = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")  # others, such as 16 bits, lose by a change
BROKEN = (OSError, ValueError, SyntaxError, EOFError, pypdfium2.PdfiumError)


def put_beside(item: dict, piece: Piece, target: Path) -> dict:
    """The item with the name of its picture, put beside the document; with "lost" where there is none, and a warning.

    item: "file" is a name or an address (data:, http:), "width" and "height" are in inches. target: without its suffix.
    """
    file = item["file"]
    shown = "in the notebook" if file.startswith("data:") else file[:60] or "without a name"
    said = item["alt"] if item["alt"] != Path(file).stem else ""
    names = ", ".join(filter(None, (None if file.startswith("data:") else shown, said)))
    item = item | {"file": None, "lost": f"picture: {names}"}
    if file.startswith(("http:", "https:", "//")):
        warn(piece.where, f"shows {file}, and a report fetches nothing", "Save the picture as a file")
        return item
    if not file.startswith("data:") and not isfile(piece.folder / file):
        warn(piece.where, f"shows a picture that does not exist, {shown}", "Put it there")
        return item
    try:
        # an address with "data:" has the picture in itself: nothing is fetched
        with urlopen(file) if file.startswith("data:") else (piece.folder / file).open("rb") as opened:
            content = opened.read()
        content, suffix, width, moves = prepare(content, item["width"], item.get("height"), item.get("room", PAGE[0]))
    except Image.DecompressionBombError:
        warn(piece.where, f"shows a picture that is too large, {shown}", "Save it with fewer pixels")
        return item
    except BROKEN:
        warn(piece.where, f"shows a picture that is damaged, {shown}", "Save it again as PNG or JPEG")
        return item
    if moves:
        warn(piece.where, f"shows an animation, {shown}: paper has its first picture", "Show the pictures that matter")
    if suffix == ".svg" and b"<foreignObject" in content:
        warn(piece.where, f"shows a drawing whose words are HTML, {shown}: paper lacks them", "Export it as PNG")
    target.with_suffix(suffix).write_bytes(content)
    return item | {"file": target.with_suffix(suffix).name, "width": width}


def prepare(content: bytes, width: float | None, height: float | None, room: float) -> tuple:
    """The picture for Typst, its suffix, its width in inches (None: its own), and whether it moved.

    room: the most that it may be wide. One of BROKEN for what is no picture.
    """
    if content.lstrip().startswith(b"<"):
        drawing = ElementTree.fromstring(content)
        if not drawing.tag.endswith("svg"):
            raise ValueError("XML, but no SVG")
        if any(re.fullmatch(r"0*\.?0+\D*", drawing.get(side, "1")) for side in ("width", "height")):
            raise ValueError("a drawing without a size")
        for part in drawing.iter():
            if part.tag.endswith("}image") and re.match("(?:https?:)?//", _address(part)):
                raise ValueError("a drawing that shows a picture of the web")
        return content, ".svg", width, False
    if content.startswith(b"%PDF"):  # Typst cannot put one into an accessible document
        page = pypdfium2.PdfDocument(content)[0]
        width, picture = width or page.get_width() / 72, page.render(scale=DPI / 72).to_pil()
    else:
        picture = Image.open(io.BytesIO(content))
        picture.load()
    kind, moves = picture.format, picture.format in MOVING and getattr(picture, "n_frames", 1) > 1
    own, turned = picture.info.get("dpi", (SCREEN,))[0], ImageOps.exif_transpose(picture)
    shape = turned.width / turned.height
    width = width or (height and height * shape) or turned.width / (own if 50 <= own <= 1200 else SCREEN)
    width = float(min(width, room, PAGE[1] * shape))
    untouched = kind in ("PNG", "JPEG") and not moves and not picture.getexif().get(0x0112, 1) > 1
    best = (content, f".{kind.lower()}") if untouched else None
    best = _smaller(turned, best, DPI * width / turned.width)
    return *best, width, moves


def _address(part: ElementTree.Element) -> str:
    return next((value for key, value in part.items() if key.endswith("href")), "")


def _smaller(picture: Image.Image, best: tuple[bytes, str] | None, scale: float) -> tuple[bytes, str]:
    """The picture with no more pixels than needed, as PNG or, where that is far smaller, as JPEG; best: as it came."""
    if best and (picture.mode not in PLAIN or len(best[0]) < SMALL):
        return best
    clear = "A" in picture.getbands() or "transparency" in picture.info
    clear = clear and picture.convert("RGBA").getchannel("A").getextrema()[0] < 255
    picture = picture.convert("RGBA" if clear else "L" if picture.mode in ("1", "L") else "RGB")
    if scale < 0.9:
        size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    found = [best] if best else []
    found.append((_saved(picture, "PNG"), ".png"))
    best = min(found, key=lambda one: len(one[0]))
    if not clear and len(best[0]) > SMALL:
        jpeg = _saved(picture, "JPEG", quality=90)
        best = (jpeg, ".jpeg") if len(jpeg) < len(best[0]) / 2 else best
    return best


def _saved(picture: Image.Image, kind: str, **settings) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **settings)
    return content.getvalue()
