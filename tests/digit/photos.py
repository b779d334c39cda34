"""Synthetic photos of every kind, and how `classify` answers them: `python tests/digit/photos.py` prints a table.

The table is of test digits, which only measure; what `classify` decides by was chosen on photos of training digits.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import kinds  # noqa: F401, fills KINDS
import numpy as np
import obstacles  # noqa: F401, fills KINDS
import torch
from paint import KINDS
from PIL import Image


def photos(digits, name: str, n: int, seed: int) -> Iterator[tuple[Image.Image, int]]:
    """n pictures of one kind with the digit in each, drawn from Digits; the same for the same seed."""
    rng = np.random.default_rng([seed, *name.encode()])
    for _ in range(n):
        chosen = rng.choice(len(digits), 3, replace=False)
        yield KINDS[name].make(rng, digits.images[chosen].numpy()), int(digits.labels[chosen[0]])


def outcome(picture: Image.Image, label: int, read: bool) -> str:
    """right, wrong or refused: what `classify` makes of a picture; to refuse what is no digit is right."""
    from mnist_helpers import digit

    try:
        found = digit.classify(picture).digit
    except digit.DigitError:
        return "refused" if read else "right"
    return "right" if read and found == label else "wrong"


def table(digits, n: int, seed: int) -> dict[str, Counter]:
    """How many of n photos of every kind are right, wrong and refused."""
    return {
        name: Counter(outcome(*photo, KINDS[name].read) for photo in photos(digits, name, n, seed)) for name in KINDS
    }


def main() -> None:
    from mnist_helpers import data

    torch.set_num_threads(1)
    n = 200
    print("| kind | right | wrong | refused |\n| --- | ---: | ---: | ---: |")
    counts = table(data.load(device="cpu").test, n, seed=1)
    counts["all kinds"] = sum(counts.values(), Counter())
    for name, count in counts.items():
        print(f"| {name} | {count['right']} | {count['wrong']} | {count['refused']} |", flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
