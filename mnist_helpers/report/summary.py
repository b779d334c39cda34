"""What a reader sees first and last, computed from results.json: the result table, the abstract, how it was made."""

from __future__ import annotations

from pathlib import Path

from mnist_helpers.analysis import published
from mnist_helpers.report.pdf.pieces import Piece
from mnist_helpers.report.pdf.tables import make_table

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
    """The text of a file with the table put between its markers; ValueError where it lost them."""
    text = path.read_text(encoding="utf-8")
    if begin not in text or END not in text:
        raise ValueError(f"{path.name} has lost its markers {begin} and {END}; put them back around the result table")
    before, rest = text.split(begin, 1)
    return f"{before}{begin}\n{table}\n{END}{rest.split(END, 1)[1]}"


def abstract(results: dict[str, dict]) -> list[Piece]:
    """The report's one-page abstract; nothing where a part of the report leaves its numbers open."""
    try:
        opening, findings = _opening(results), _findings(results)
    except KeyError:
        return []
    cells = [[{"text": text} for text in row] for row in (COLUMNS, *result_rows(results))]
    table = make_table(cells[:1], cells[1:])
    return [Piece(f"# Abstract\n\n{opening}"), Piece(item=table), Piece("\n\n".join(findings))]


def _opening(results: dict[str, dict]) -> str:
    value = {key: entry["value"] for key, entry in results.items()}
    return (
        f"This report compares **LeNet-5**, a convolutional network of {value['lenet5_parameters']:,.0f} parameters, "
        f"with a **multilayer perceptron** (MLP) of {value['mlp_parameters']:,.0f}, on MNIST: "
        f"{value['train_images']:,.0f} training and {value['test_images']:,.0f} test images of handwritten digits. "
        f"Both parameter counts are derived by hand. A second MLP has as many parameters as LeNet-5. All three "
        f"are trained by one protocol, {results['lenet5_test_accuracy']['n']} times each with different seeds. "
        f"The epoch is chosen on {value['validation_images']:,.0f} held-out training images, never on the test images. "
        f"The table gives the mean over the seeds with its 95 % interval (Student's t). A *miss* is a test image that "
        f"is answered wrong, and a *MAC* one multiplication with its addition." + _about_the_record(results)
    )


def _about_the_record(results: dict[str, dict]) -> str:
    if "best_lenet5_test_accuracy" not in results:
        return ""
    return (
        f" The *regularized* networks are those of chapter 6: the same parameters, trained on all "
        f"{results['train_images']['value']:,.0f} training images by recipes that cross-validation over these images "
        f"chose, {results['best_lenet5_test_accuracy']['n']} seeds each."
    )


def _findings(results: dict[str, dict]) -> list[str]:
    value = {key: entry["value"] for key, entry in results.items()}
    share = value["lenet5_parameters"] / value["mlp_parameters"]
    replayed, (low, high) = results["replayed_lines_equal"], results["mlp_repaired"]["interval"]
    return [
        "**Findings**",
        f"1. **How parameters are used matters more than how many there are.** LeNet-5 leads the MLP by "
        f"{_gap(results['lenet5_minus_mlp'])}, with {share:.0%} of its parameters, and the MLP of equal size by "
        f"{_gap(results['lenet5_minus_mlp_small'])}. The intervals are over the test images, as in finding 2.",
        f"2. **The original's MLP fails at its initial weights.** All of them are positive, so the sums grow from "
        f"layer to layer, the logits have a mean size of {value['uniform01_logit_size']:,.0f}, and the first epoch's "
        f"loss is {value['original_mlp_first_loss']:,.0f} on average. Other initial weights alone gain "
        f"{_gap(results['mlp_kaiming_gain'])}; with four more changes the same network reaches "
        f"{value['mlp_repaired']:.2f} % ({low:.2f} to {high:.2f} over {results['mlp_repaired']['n']} seeds).",
        f"3. **The original can be replayed, and corrected.** {replayed['value']:.0f} of the {replayed['n']} lines of "
        f"its LeNet-5 training come out equal to the last digit, and no accuracy is further away than "
        f"{value['replay_largest_accuracy_gap']:.2f} points. Its parameter totals, "
        f"{published.ORIGINAL_LENET5_TOTAL:,} and {published.ORIGINAL_MLP_TOTAL:,}, each have one wrong digit, and its "
        f"two best accuracies are swapped.",
        *_finding_on_the_record(results),
        *_finding_on_the_neighbourhood(results),
    ]


def _finding_on_the_record(results: dict[str, dict]) -> list[str]:
    if "best_lenet5_test_misses" not in results:
        return []
    before, after = (
        {name: results[f"{kind}{name}_test_misses"]["value"] for name in ("lenet5", "mlp")} for kind in ("", "best_")
    )
    return [
        "4. **Regularization does more than parameters.** "
        f"Augmentation alone gains LeNet-5 {_gap(results['gain_augmentation'])} (paired seeds). With the best recipes "
        f"its misses fall from {before['lenet5']:.0f} to {after['lenet5']:.0f} of 10,000, and the MLP's from "
        f"{before['mlp']:.0f} to {after['mlp']:.0f}, without another parameter."
    ]


def _finding_on_the_neighbourhood(results: dict[str, dict]) -> list[str]:
    if "mlp_change_permuted" not in results:
        return []
    before, after = (results[f"lead_over_small_mlp_{order}"] for order in ("in_order", "permuted"))
    return [
        "5. **LeNet-5 lives on neighbourhood.** With all pixels put into one other random order, its lead over the MLP "
        f"of equal size turns from {_gap(before)} into {_gap(after)}; the larger MLP changes by "
        f"{_gap(results['mlp_change_permuted'])} ({before['n']} paired seeds)."
    ]


def _gap(entry: dict) -> str:
    low, high = entry["interval"]
    return f"**{entry['value']:.2f} points** ({low:.2f} to {high:.2f})"


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
