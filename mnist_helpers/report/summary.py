"""What a reader sees first and last: the README's result table, computed from results.json, and how it was made."""

import hashlib
import json
from pathlib import Path

from nbformat import NotebookNode

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


def fingerprint(notebook: NotebookNode) -> str:
    """Of the code and what it showed: another one, and the notebook was run again by hand since `report` ran it."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [[cell.source, [output.get("data") or output.get("text") for output in cell.outputs]] for cell in code]
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


# What the last page says: its heading and the names of its facts, and of the devices.
HOW = {
    "en": ("How this was made", "source", "date", "versions", "seeds", "trainings", "{} ({} min in all)"),
    "ko": ("문서 생성 정보", "소스", "날짜", "버전", "시드", "학습", "{}번(모두 {}분)"),
}
WHERE = {
    "en": {"training": "trained on", "evaluation": "evaluated on", "others": "t-SNE, figures", "studies": "studies"},
    "ko": {"training": "학습 장치", "evaluation": "평가 장치", "others": "t-SNE, 그림", "studies": "실험(studies/)"},
}  # fmt: skip


def how_it_was_made(facts: dict, language: str) -> list[Piece]:
    """The end. A notebook that was run by hand knows nothing of trainings and devices; they are left out then."""
    heading, source, date, versions, seeds, trainings, count = HOW[language]
    rows = [(source, facts["source"]), (date, facts["date"])]
    if "trainings" in facts:
        rows += [(versions, words) for words in facts["versions"]]
        rows += [(seeds, ", ".join(map(str, facts["seeds"])))]
        rows += [(trainings, count.format(facts["trainings"], round(facts["seconds"] / 60)))]
        rows += [(name, device) for key, name in WHERE[language].items() for device in facts["devices"][key]]
    cells = [[{"text": text} for text in row] for row in rows]
    return [Piece(f"# {heading}"), Piece(item=make_table([], cells))]
