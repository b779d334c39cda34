"""The README's result table, written between its markers from figures/results.json."""

from __future__ import annotations

from pathlib import Path

BEGIN, END = "<!-- results: written by `make report` -->", "<!-- end of results -->"
NETWORKS = {"lenet5": "LeNet-5", "mlp": "MLP 784-256-128-10", "mlp_small": "MLP 784-75-33-10"}


def results_table(results: dict[str, dict]) -> str:
    """Markdown: parameters, multiplications, test accuracy and misses of each network under one protocol."""
    lines = [
        "| network | parameters | MACs an image | test accuracy, % (95 % interval) | misses of 10,000 | seeds |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for key, name in NETWORKS.items():
        if f"{key}_test_accuracy" not in results:
            continue
        accuracy, misses = results[f"{key}_test_accuracy"], results[f"{key}_test_misses"]
        low, high = accuracy["interval"]
        lines.append(
            f"| {name} | {results[f'{key}_parameters']['value']:,.0f} | {results[f'{key}_macs']['value']:,.0f} "
            f"| **{accuracy['value']:.2f}** ({low:.2f} to {high:.2f}) | {misses['value']:.1f} | {accuracy['n']} |"
        )
    return "\n".join(lines)


def readme_with(results: dict[str, dict], path: Path) -> str:
    """The README with its result table replaced."""
    return between_markers(path, BEGIN, results_table(results))


def between_markers(path: Path, begin: str, table: str) -> str:
    """The text of a file with the table put between its markers; ValueError where it lost them."""
    text = path.read_text(encoding="utf-8")
    if begin not in text or END not in text:
        raise ValueError(f"{path.name} has lost its markers {begin} and {END}; put them back around the result table")
    before, rest = text.split(begin, 1)
    return f"{before}{begin}\n{table}\n{END}{rest.split(END, 1)[1]}"
