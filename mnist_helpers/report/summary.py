"""What a reader sees first and last, computed from results.json: the result table, the abstract, how it was made."""

from __future__ import annotations

import re
from pathlib import Path

from mnist_helpers.analysis import published
from mnist_helpers.report.pdf.pieces import Piece
from mnist_helpers.report.pdf.tables import make_table
from mnist_helpers.report.settings import SettingsError

BEGIN, END = "<!-- results: written by `make report` -->", "<!-- end of results -->"
NETWORKS = {
    "lenet5": "LeNet-5", "mlp": "MLP 784-256-128-10", "mlp_small": "MLP 784-75-33-10",
    "best_lenet5": "LeNet-5, regularized", "best_mlp": "MLP 784-256-128-10, regularized",
}  # fmt: skip
COLUMNS = (
    "network", "parameters", "MACs an image", "test accuracy, %", "95 % interval", "misses of 10,000", "seeds",
)  # fmt: skip


def result_rows(results: dict[str, dict]) -> list[list[str]]:
    """Each network, by COLUMNS; those of which nothing is recorded are left out."""
    rows = []
    for key, name in NETWORKS.items():
        if f"{key}_test_accuracy" in results:
            accuracy, misses = results[f"{key}_test_accuracy"], results[f"{key}_test_misses"]
            low, high = accuracy["interval"]
            counts = [f"{results[f'{key}_{what}']['value']:,.0f}" for what in ("parameters", "macs")]
            scores = [f"{accuracy['value']:.2f}", f"{low:.2f} to {high:.2f}", f"{misses['value']:.1f}"]
            rows.append([name, *counts, *scores, str(accuracy["n"])])
    return rows


def results_table(results: dict[str, dict]) -> str:
    """The result table as Markdown, for the README."""
    lines = [list(COLUMNS), ["---", *["---:"] * (len(COLUMNS) - 1)]]
    lines += [[*row[:3], f"**{row[3]}**", *row[4:]] for row in result_rows(results)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def readme_with(results: dict[str, dict], path: Path) -> str:
    """The README with its result table replaced."""
    return between_markers(path, BEGIN, results_table(results))


def between_markers(path: Path, begin: str, table: str) -> str:
    """The text of a file with the table put between its markers; SettingsError where it lost them."""
    text = path.read_text(encoding="utf-8")
    if begin not in text or END not in text:
        raise SettingsError(f"{path.name} has lost its markers {begin} and {END}; put them around the result table")
    before, rest = text.split(begin, 1)
    return f"{before}{begin}\n{table}\n{END}{rest.split(END, 1)[1]}"


def abstract(results: dict[str, dict]) -> list[Piece]:
    """The report's one-page abstract, abstract.md with its numbers; nothing where some of them are missing.

    What stands there between <!-- if NAME --> and <!-- end --> is left out where results have no such number.
    """
    template = Path(__file__).with_name("abstract.md").read_text(encoding="utf-8")
    optional = re.compile(r"<!-- if (\w+) -->\n(.*?)<!-- end -->\n", re.S)
    text = optional.sub(lambda part: part[2] if part[1] in results else "", template)
    try:
        opening, findings = text.format_map(_numbers(results)).split("<!-- table -->")
    except KeyError:
        return []
    cells = [[{"text": text} for text in row] for row in (COLUMNS, *result_rows(results))]
    return [Piece(opening), Piece(item=make_table(cells[:1], cells[1:])), Piece(findings)]


def _numbers(results: dict[str, dict]) -> dict:
    """What abstract.md may name: results by key, those with an interval also as [points], and the original's totals."""
    share = results["lenet5_parameters"]["value"] / results["mlp_parameters"]["value"]
    totals = {"lenet5": published.ORIGINAL_LENET5_TOTAL, "mlp": published.ORIGINAL_MLP_TOTAL}
    points = "**{value:.2f} points** ({interval[0]:.2f} to {interval[1]:.2f})"
    gaps = {key: entry | {"points": points.format_map(entry)} for key, entry in results.items() if entry["interval"]}
    return results | gaps | {"share": share, "original_total": totals}


def how_it_was_made(facts: dict) -> list[Piece]:
    """The last page. A notebook that was run by hand knows nothing of seeds and trainings; they are left out then."""
    rows = [("source", facts["source"]), ("date", facts["date"])]
    if "trainings" in facts:
        hours, minutes = divmod(round(facts["seconds"] / 60), 60)
        rows += [(f"made on ({index})", words) for index, words in enumerate(facts["environments"], 1)]
        rows += [("seeds", ", ".join(map(str, facts["seeds"])))]
        rows += [("trainings", f"{facts['trainings']}, together {hours} h {minutes} min of training time")]
    cells = [[{"text": text} for text in row] for row in rows]
    words = (
        "# How this was made\n\nEvery number and figure in this report was computed by its notebooks, and this "
        "document was made from them by one command. In the project's folder, with Python and make:\n\n"
        "```\nmake report    # trains, runs the chapters, writes this report\nmake test      # checks all of it\n```\n"
    )
    return [Piece(words), Piece(item=make_table([], cells))]
