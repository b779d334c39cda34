"""A drawn or photographed digit -> MNIST's form -> an answer."""

from mnist_helpers.digit.photo import Answer, DigitError, classify, to_mnist

__all__ = ["Answer", "DigitError", "classify", "to_mnist"]
