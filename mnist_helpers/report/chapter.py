"""Chapter: what a notebook shows and writes, its figures, tables, sentences and headline numbers."""

from __future__ import annotations

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

from mnist_helpers.files import project_path, write_atomically
from mnist_helpers.report.pdf.fonts import FAMILIES, font_files
from mnist_helpers.report.settings import FIRST_SEED, OUT, SEEDS, STRICT, language_of, read_settings

WORDS = {"en": {"figure": "Figure", "table": "Table"}, "ko": {"figure": "그림", "table": "표"}}
BROKEN = {"en": "With these values it does not hold that", "ko": "이 값으로는 다음이 성립하지 않는다:"}


class Chapter:
    """One notebook of the report, such as Chapter("03_lenet5").

    figures, tables: their keys in the order of their numbers, with blanks between. A number belongs to its key, so a
    cell that is run again or moved keeps it; a key that is not among them gets the next free number.
    A notebook opened by hand writes under build/live; only `report` replaces what is committed.
    """

    def __init__(self, name: str, *, figures: str = "", tables: str = ""):
        self.name, self.number = name, int(name[:2])
        self.language = language_of(name)
        self.settings = read_settings().in_language(self.language)
        self.folder = Path(os.environ.get(OUT) or project_path("build/live")) / "figures"
        self.results: dict[str, dict] = {}
        self._keys = {"figure": figures.split(), "table": tables.split()}
        plt.style.use(str(files("mnist_helpers.plots") / "style.mplstyle"))
        _add_fonts()

    @property
    def seeds(self) -> list[int]:
        """42, 43, ... : as many as report.toml says."""
        n = int(os.environ.get(SEEDS) or self.settings.seeds)
        return list(range(FIRST_SEED, FIRST_SEED + n))

    @property
    def is_live(self) -> bool:
        """Somebody runs the notebook by hand, so that a widget is of use; it can be neither saved nor printed."""
        return not os.environ.get(OUT)

    def title(self) -> None:
        """Show the title with course and name, as report.toml has them; the PDF has a title of its own."""
        about = (self.settings.course, self.settings.name, self.settings.student_id)
        text = f"# {self.settings.title}\n\n{' · '.join(filter(None, about))}"
        display({"text/markdown": text, "text/plain": text}, metadata={"report": {"role": "title"}}, raw=True)

    def say(self, markdown: str) -> None:
        """Show a sentence whose numbers were computed."""
        display({"text/markdown": markdown, "text/plain": markdown}, raw=True)

    def check(self, holds: bool, claim: str) -> None:
        """A claim of the text. Where other values break it, the notebook says so and goes on.

        In the tests, which guard what is committed, it is an AssertionError.
        """
        if holds:
            return
        if os.environ.get(STRICT):
            raise AssertionError(claim)
        text = f"**{BROKEN[self.language]}** {claim}."
        display({"text/markdown": text, "text/plain": text}, metadata={"report": {"role": "broken claim"}}, raw=True)

    def figure(self, figure: Figure, key: str, caption: str) -> None:
        """Show a figure under its number and caption, and write it to figures/<chapter>_<key>.png and .svg."""
        label, drawn = self._label("figure", key), {}
        stem = self.folder / f"{self.name}_{key}"
        for kind, metadata in (("svg", {"Date": None}), ("png", {})):
            content = io.BytesIO()
            figure.savefig(content, format=kind, metadata=metadata)
            drawn[kind] = content.getvalue() if kind == "svg" else _few_colours(content)
            write_atomically(stem.with_suffix(f".{kind}"), drawn[kind])
        about = {"role": "figure", "file": stem.name, "label": label, "caption": caption}
        about["svg"] = hashlib.sha256(drawn["svg"]).hexdigest()  # the PDF takes this one and no other
        width = round(figure.get_figwidth() * 96)
        display(
            {"image/png": drawn["png"], "text/plain": f"{label}. {caption}"},
            metadata={"image/png": {"width": width, "alt": caption}, "report": about},
            raw=True,
        )
        plt.close(figure)
        self._caption(label, caption)

    def table(self, frame: pd.DataFrame, key: str, caption: str, **about) -> None:
        """Show a table, without its index, under its number and caption; about: more for the output's metadata."""
        label = self._label("table", key)
        self._caption(label, caption)
        about = {"role": "table", "label": label, "caption": caption} | about
        html, text = frame.to_html(index=False, border=0, na_rep="–"), frame.to_string(index=False, na_rep="–")
        display({"text/html": html, "text/plain": text}, metadata={"report": about}, raw=True)

    def record(self, key: str, value: float, *, interval=None, n: int = 1, unit: str = "") -> None:
        """Note a headline number of the report and write it to figures/results.json.

        interval: (low, high) of 95 % confidence in the same unit, or None; n: runs or images behind it.
        """
        interval = None if interval is None else [float(bound) for bound in interval]
        entry = {"value": float(value), "interval": interval, "n": n, "unit": unit, "chapter": self.name}
        self.results[key] = entry
        path = self.folder / "results.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.parent.with_suffix(".lock")):  # another chapter may be writing its own
            results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
            results = {k: v for k, v in results.items() if v["chapter"] != self.name} | self.results
            text = json.dumps(dict(sorted(results.items())), indent=1, ensure_ascii=False)
            write_atomically(path, (text + "\n").encode())

    def show_results(self) -> None:
        """The chapter's headline numbers as a table, the same that stand in results.json."""
        rows = [
            {"number": key, "value": f"{e['value']:,.6g}", "95 % interval": format_interval(e["interval"]),
             "n": f"{e['n']:,}", "unit": e["unit"]}
            for key, e in self.results.items()
        ]  # fmt: skip
        self.say(f"{self._label('table', 'results')} lists the numbers that this chapter stands for.")
        caption = f"Headline numbers of chapter {self.number}, as in figures/results.json."
        self.table(pd.DataFrame(rows), "results", caption, results=self.results)

    def _label(self, kind: str, key: str) -> str:
        keys = self._keys[kind]
        if key not in keys:
            keys.append(key)
        number = keys.index(key) + 1
        return f"{WORDS[self.language][kind]} {f'{self.number}.{number}' if self.number else number}"

    def _caption(self, label: str, caption: str) -> None:
        text = f"**{label}.** {caption}"
        display({"text/markdown": text, "text/plain": text}, metadata={"report": {"role": "caption"}}, raw=True)


def _few_colours(png: io.BytesIO) -> bytes:
    """The picture with a palette of 256 colours: a third of the bytes, and notebooks hold many."""
    picture, content = Image.open(png), io.BytesIO()
    few = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(content, "png", optimize=True, dpi=picture.info["dpi"])
    return content.getvalue()


def _add_fonts() -> None:
    """Let figures have the PDF's own fonts, formulas among them."""
    for path in font_files():
        if "Semibold" not in path.name:  # bold would be this or that
            font_manager.fontManager.addfont(path)
    plt.rcParams["font.family"] = FAMILIES


def format_interval(interval) -> str:
    return "–" if interval is None else f"{interval[0]:,.6g} to {interval[1]:,.6g}"
