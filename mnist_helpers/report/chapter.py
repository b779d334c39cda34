"""Chapter: what a notebook shows and writes, its figures, tables, sentences and headline numbers."""

import hashlib
import io
import json
import os
from importlib.resources import files
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from filelock import FileLock
from IPython.display import display
from matplotlib import font_manager
from matplotlib.figure import Figure
from PIL import Image

from mnist_helpers.files import project_path, write_atomically, write_together
from mnist_helpers.report.pdf.fonts import FAMILIES, font_files
from mnist_helpers.report.settings import FIRST_SEED, OUT, SEEDS, STRICT, language_of, read_settings

WORDS = {"en": {"figure": "Figure", "table": "Table"}, "ko": {"figure": "그림", "table": "표"}}
BROKEN = {"en": "With these values it does not hold that", "ko": "이 값으로는 다음이 성립하지 않는다:"}


class Chapter:
    """One notebook of the report, such as Chapter("03_lenet5").

    figures, tables: their keys in the order of their numbers, with blanks between. A number belongs to its key, so a
    cell that is run again or moved keeps it; a key that is not among them gets the next free number.
    seeds: 42, 43, ..., as many as report.toml says. is_live: somebody runs the notebook by hand, so that a widget is
    of use, which can be neither saved nor printed. What it then shows is written under build/live; only `report`
    replaces what is committed.
    """

    def __init__(self, name: str, *, figures: str = "", tables: str = ""):
        self.name, self.number = name, int(name[:2])
        self.language = language_of(name)
        self.settings = read_settings().in_language(self.language)
        self.seeds = list(range(FIRST_SEED, FIRST_SEED + int(os.environ.get(SEEDS) or self.settings.seeds)))
        self.is_live = not os.environ.get(OUT)
        self.folder = Path(os.environ.get(OUT) or project_path("build/live")) / "figures"
        self.results: dict[str, dict] = {}
        self._keys = {"figure": figures.split(), "table": tables.split()}
        plt.style.use(str(files("mnist_helpers.plots") / "style.mplstyle"))
        for path in font_files():  # the PDF's own, formulas among them
            if "Semibold" not in path.name:  # bold would be this or that
                font_manager.fontManager.addfont(path)
        plt.rcParams["font.family"] = FAMILIES

    def title(self) -> None:
        """Show the title, with course and name, of report.toml; the PDF sets its own."""
        about = (self.settings.course, self.settings.name, self.settings.student_id)
        self._note(f"# {self.settings.title}\n\n{' · '.join(filter(None, about))}", "title")

    def say(self, markdown: str) -> None:
        """Show a sentence whose numbers were computed."""
        display({"text/markdown": markdown, "text/plain": markdown}, raw=True)

    def check(self, holds: bool, claim: str) -> None:
        """A claim of the text. Where other values break it, the notebook says so and goes on.

        In the tests, which guard what is committed, it is an AssertionError.
        """
        if not holds and os.environ.get(STRICT):
            raise AssertionError(claim)
        if not holds:
            self._note(f"**{BROKEN[self.language]}** {claim}.", "broken claim")

    def figure(self, figure: Figure, key: str, caption: str) -> None:
        """Show a figure under its number and caption, and write it to figures/<chapter>_<key>.png and .svg."""
        # in Korean the same figure, and one file of it
        label, stem = self._label("figure", key), self.folder / f"{self.name.removesuffix('_ko')}_{key}"
        svg, png = io.BytesIO(), io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
        figure.savefig(png, format="png")
        width, picture = round(figure.get_figwidth() * 96), _few_colours(png)
        write_together({stem.with_suffix(".svg"): svg.getvalue(), stem.with_suffix(".png"): picture})
        about = {"role": "figure", "file": stem.name, "label": label, "caption": caption}
        about["svg"] = hashlib.sha256(svg.getvalue()).hexdigest()  # the PDF takes this one and no other
        metadata = {"image/png": {"width": width, "alt": caption}, "report": about}
        display({"image/png": picture, "text/plain": f"{label}. {caption}"}, metadata=metadata, raw=True)
        plt.close(figure)
        self._note(f"**{label}.** {caption}", "caption")

    def table(self, frame: pd.DataFrame, key: str, caption: str) -> None:
        """Show a table, without its index, under its number and caption."""
        label = self._label("table", key)
        self._note(f"**{label}.** {caption}", "caption")
        about = {"role": "table", "label": label, "caption": caption}
        html, text = frame.to_html(index=False, border=0, na_rep="–"), frame.to_string(index=False, na_rep="–")
        display({"text/html": html, "text/plain": text}, metadata={"report": about}, raw=True)

    def record(self, key: str, value: float, *, interval=None, n: int = 1, unit: str = "") -> None:
        """Note a headline number of the report and write it to figures/results.json.

        interval: (low, high) of 95 % confidence in the same unit, or None; n: runs or images behind it.
        """
        interval = None if interval is None else [float(bound) for bound in interval]
        self.results[key] = {"value": float(value), "interval": interval, "n": n, "unit": unit, "chapter": self.name}
        path = self.folder / "results.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.parent.with_suffix(".lock")):  # another chapter may be writing its own
            results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
            results = {k: v for k, v in results.items() if v["chapter"] != self.name} | self.results
            text = json.dumps(dict(sorted(results.items())), indent=1, ensure_ascii=False)
            write_atomically(path, (text + "\n").encode())

    def _label(self, kind: str, key: str) -> str:
        keys = self._keys[kind]
        if key not in keys:
            keys.append(key)
        number = keys.index(key) + 1  # the hand-in, chapter 0, has no chapters
        return f"{WORDS[self.language][kind]} {f'{self.number}.{number}' if self.number else number}"

    def _note(self, markdown: str, role: str) -> None:
        metadata = {"report": {"role": role}}
        display({"text/markdown": markdown, "text/plain": markdown}, metadata=metadata, raw=True)


def _few_colours(png: io.BytesIO) -> bytes:
    """The picture with a palette of 256 colours: a third of the bytes, and notebooks hold many."""
    picture, content = Image.open(png), io.BytesIO()
    few = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(content, "png", optimize=True, dpi=picture.info["dpi"])
    return content.getvalue()
