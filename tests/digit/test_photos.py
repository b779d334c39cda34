"""Photos as people take them are answered right or refused: the generator's kinds, a few of each; see `photos`."""

from collections import Counter

import numpy as np
import photos
import pytest
import torch
from PIL import Image, ImageOps
from sklearn.datasets import load_digits

from mnist_helpers import data, digit, training
from mnist_helpers.digit.pairs import make_pairs
from mnist_helpers.training import models

N = 12  # of every kind; `python tests/digit/photos.py` takes 200


@pytest.fixture(scope="module")
def counts(mnist):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # for single images more threads only wait for one another
    yield photos.table(mnist.test, N, seed=1)
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", photos.KINDS)
def test_hardly_a_photo_of_any_kind_is_answered_wrong(name, counts):
    assert counts[name]["wrong"] <= 1  # of 12; of 200 at most 5 %


def test_most_photos_are_right(counts):
    total = sum(counts.values(), Counter())
    assert len(counts) >= 25 and total["right"] >= 0.9 * total.total() and total["wrong"] <= 0.02 * total.total()


def test_the_same_seed_gives_the_same_photos(mnist):
    first, again = (list(photos.photos(mnist.test, "dust", 2, seed=3)) for _ in range(2))
    assert [label for _, label in first] == [label for _, label in again]
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, again, strict=True))


def answers(mnist, name: str):
    for picture, _ in photos.photos(mnist.test, name, 5, seed=2):
        try:
            yield digit.classify(picture)
        except digit.DigitError as error:
            yield error


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("thin box around", "a frame around the digit"),
        ("sheet on a dark desk", "what lies around the paper"),
        ("pen on strong lines", "lines from edge to edge"),
        ("paper clip", "what touches the edge of the picture"),
    ],
)
def test_what_was_cut_away_is_said(mnist, name, warning):
    found = [answer for answer in answers(mnist, name) if isinstance(answer, digit.Answer)]
    assert len(found) >= 3 and all(warning in answer.warnings for answer in found)


def test_nothing_is_said_of_a_plain_photo(mnist):
    assert all(answer.warnings == () for answer in answers(mnist, "plain paper") if isinstance(answer, digit.Answer))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("two touching digits", "two digits that touch"),
        ("two digits side by side", "2 separate signs"),
        ("empty paper", "empty"),
        ("empty ruled paper", "only (straight )?lines"),
    ],
)
def test_a_refusal_says_what_is_seen(mnist, name, words):
    refused = [answer for answer in answers(mnist, name) if isinstance(answer, digit.DigitError)]
    assert len(refused) >= 4
    for error in refused:
        with pytest.raises(digit.DigitError, match=words):
            raise error


def test_digits_of_another_collection_are_read_as_before(mnist):
    """Every fourth of scikit-learn's 1,797, prepared as chapter 7 does; it reads 95.0 % of all of them."""
    strangers = load_digits()
    pictures = [Image.fromarray((255 / 16 * pixels).astype("uint8")) for pixels in strangers.images[::4]]
    pictures = [ImageOps.expand(picture.resize((80, 80), Image.Resampling.BICUBIC), 20) for picture in pictures]
    network, recipe = training.pretrained("best-lenet5")
    images = torch.stack([digit.to_mnist(picture) for picture in pictures])
    found = models.predict(network, data.prepare(images, recipe)).argmax(1)
    assert (found.numpy() == strangers.target[::4]).mean() >= 0.95


def test_one_digit_is_told_from_two_that_touch(mnist):
    pairs = make_pairs(mnist.test, 1_000, seed=3)
    network, recipe = training.pretrained("one-or-two")
    answers = models.predict(network, data.prepare(pairs.images, recipe))[:, :2].argmax(1)
    assert (answers == pairs.labels).double().mean() > 0.98  # 99.3 % of digits that it has not seen
