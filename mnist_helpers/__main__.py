"""python -m mnist_helpers report | train | runs: the command line."""

from __future__ import annotations

import argparse
import sys

import torch

from mnist_helpers import cluster, inventory, recipes, training
from mnist_helpers.data import DataError
from mnist_helpers.report import SettingsError
from mnist_helpers.report.chapters import ReportError, run_report
from mnist_helpers.report.settings import FIRST_SEED


def main(arguments: list[str] | None = None) -> int:
    """0: done; 1: a chapter or a training failed; 2: bad input; 130: Ctrl-C. Errors are one sentence on stderr."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (DataError, SettingsError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (ReportError, training.TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; trainings are kept in runs/ up to their last epoch, and go on there", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("mnist_helpers", description="LeNet-5 and an MLP on MNIST, as a course report")
    commands = parser.add_subparsers(required=True)
    report = commands.add_parser("report", help="run the chapters and write the report")
    report.add_argument("--seeds", type=_count, help="seeds a network, instead of report.toml's (writes to build/)")
    report.add_argument("--chapters", type=_numbers, help="only these, such as 3,4 (writes to build/)")
    report.set_defaults(run=lambda options: run_report(options.seeds, options.chapters))
    train = commands.add_parser("train", help="train a named recipe")
    train.add_argument("recipe", help=f"one of {', '.join(recipes.RECIPES)}")
    seeds = f"how many, from {FIRST_SEED} on, or the first and the last, such as 0-63 (default 1)"
    train.add_argument("--seeds", type=_seeds, default=_seeds("1"), help=seeds)
    train.set_defaults(run=_train)
    runs = commands.add_parser("runs", help="list the finished trainings")
    runs.add_argument("--prune", action="store_true", help="remove those that no recipe of today makes")
    runs.set_defaults(run=_runs)
    return parser


def _train(options) -> None:
    recipe = recipes.get(options.recipe)
    if torch.distributed.is_available() and torch.distributed.is_torchelastic_launched():
        return cluster.train_share(recipe, options.seeds)
    for run in training.train_many(recipe, options.seeds):
        print(f"{recipe.name}, seed {run.seed}, {run.environment['seconds']:.0f} s, epoch {run.epoch} kept")
        print(run.log())


def _runs(options) -> None:
    if options.prune:
        removed = inventory.prune([*recipes.LIVE, *recipes.RECIPES.values()])
        print(f"removed {len(removed)} that no recipe of today makes, or that were left behind")
        return
    table, unfinished = inventory.table(), inventory.unfinished()
    print("no finished runs" if table.empty else table.to_string(index=False))
    if unfinished:
        print(f"and {unfinished} unfinished, which go on from their last epoch when they are trained again")


def _seeds(text: str) -> range:
    first, dash, last = text.partition("-")
    if not dash:
        return range(FIRST_SEED, FIRST_SEED + _count(text))
    if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise argparse.ArgumentTypeError(f"expected a number of seeds or a range such as 0-63, not {text!r}")
    return range(int(first), int(last) + 1)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, not {text!r}")
    return int(text)


def _numbers(text: str) -> list[int]:
    return [_count(part.strip()) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
