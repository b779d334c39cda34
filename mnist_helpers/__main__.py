"""python -m mnist_helpers report | pdf | colab | train | study. Imports on demand: the PDF needs no torch."""

import argparse
import sys
from pathlib import Path

from mnist_helpers.report.settings import CODE, FIRST_SEED, MOST_SEEDS


def main(arguments: list[str] | None = None) -> int:
    """0: done; 1: a chapter or a training failed; 2: bad input; 130: Ctrl-C. Errors are one sentence on stderr."""
    options = _parser().parse_args(arguments)
    try:
        globals()[f"_{options.command}"](options)
    except Exception as error:
        if not hasattr(error, "exit_code"):  # not one of ours: a fault, whose traceback helps
            raise
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nstopped; trainings are kept in runs/ up to their last epoch, and go on there", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("mnist_helpers", description="LeNet-5 and an MLP on MNIST, as a course report")
    commands = parser.add_subparsers(dest="command", required=True)
    report = commands.add_parser("report", help="run the chapters and write the report")
    report.add_argument("--seeds", type=_count, help="seeds a network, instead of report.toml's (writes to build/)")
    report.add_argument(
        "--chapters", type=_numbers, help="only these, such as 3,4; 0 is the hand-in (writes to build/)"
    )
    pdf = commands.add_parser("pdf", help="write the PDFs of the executed notebooks in notebooks/")
    pdf.add_argument(
        "chapters", nargs="?", type=_numbers, help="only these, such as 3,4; 0 is the hand-in (writes to build/)"
    )
    pdf.add_argument("-o", "--output", type=Path, help="another folder than the project's")
    pdf.add_argument("--code", choices=CODE, default="", help="where the code is shown, instead of report.toml's")
    for command in (report, pdf):
        command.add_argument("--strict", action="store_true", help="what paper cannot show as JupyterLab is an error")
    colab = commands.add_parser("colab", help="write dist/mnist_report_colab.ipynb, one notebook with all in it")
    colab.add_argument("--chapters", type=_numbers, help="only these, such as 3,4; 0 is the hand-in")
    train = commands.add_parser("train", help="train a named recipe")
    train.add_argument("recipe", help="such as LENET5 or ORIGINAL_MLP; a wrong name lists them all")
    seeds = f"how many, from {FIRST_SEED} on, or the first and the last, such as 0-63 (default 1)"
    train.add_argument("--seeds", type=_seeds, default=_seeds("1"), help=seeds)
    study = commands.add_parser("study", help="train what is missing of the many-seed studies (hours; goes on)")
    study.add_argument("name", nargs="?", help="one of them; a wrong name lists them all")
    return parser


def _report(options) -> None:
    from mnist_helpers.report.run import run_report

    run_report(options.seeds, options.chapters, options.strict)


def _pdf(options) -> None:
    from mnist_helpers.files import project_path
    from mnist_helpers.report.exporter import build_pdfs, chosen_chapters

    folder = options.output or project_path("build" if options.chapters else ".")
    build_pdfs(chosen_chapters(options.chapters), folder, options.code, options.strict)


def _colab(options) -> None:
    from mnist_helpers.colab.notebook import build_notebook

    target = build_notebook(options.chapters)
    print(f"wrote {target} ({target.stat().st_size / 1e6:.1f} MB); open it in Colab with File > Upload notebook")


def _train(options) -> None:
    from mnist_helpers.training import recipes, torchrun, train_many

    def show(trained) -> None:
        for rank, run in trained:
            seconds, by = f"{run.environment['seconds']:.0f} s", "" if rank is None else f", rank {rank}"
            print(f"{recipe.name}, seed {run.seed}, {seconds}, epoch {run.epoch} kept, {run.test_accuracy:.2%}{by}")
            print(run.log(), flush=True)

    recipe = recipes.get(options.recipe)
    if torchrun.is_launched():
        torchrun.train_share([(recipe, seed) for seed in options.seeds], show)
    else:
        show((None, run) for run in train_many(recipe, options.seeds))


def _study(options) -> None:
    from mnist_helpers import studies

    studies.run(studies.get(options.name))


def _seeds(text: str) -> range:
    first, dash, last = text.partition("-")
    if not dash:
        return range(FIRST_SEED, FIRST_SEED + _count(text))
    if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise argparse.ArgumentTypeError(f"expected a number of seeds or a range such as 0-63, not {text!r}")
    if int(last) >= 2**64 or int(last) - int(first) >= MOST_SEEDS:
        raise argparse.ArgumentTypeError(f"expected at most {MOST_SEEDS:,} seeds, each below 2**64, not {text!r}")
    return range(int(first), int(last) + 1)


def _count(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= MOST_SEEDS):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {MOST_SEEDS:,}, not {text!r}")
    return int(text)


def _numbers(text: str) -> list[int]:
    """Of chapters; 0 is the hand-in."""
    return [0 if part.strip() == "0" else _count(part.strip()) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
