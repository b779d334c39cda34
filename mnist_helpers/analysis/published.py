"""Published numbers as data, each with its source. Nothing here is computed, and nothing elsewhere is typed.

The original report is MNIST_Classification, assignment 2 of "Artificial neural networks and deep learning" (in
Korean). Its "validation" is the MNIST test set. Its claims are kept as printed, its errors included.
"""

ORIGINAL_LENET5_TOTAL = 61_806  # as printed; its own five layer counts sum to 61,706
ORIGINAL_MLP_TOTAL = 234_146  # as printed; its own three layer counts sum to 235,146
ORIGINAL_LENET5_LAYERS = (156, 2_416, 48_120, 10_164, 850)
ORIGINAL_MLP_LAYERS = (200_960, 32_896, 1_290)
ORIGINAL_BEST_LENET5 = 0.9056  # as printed, the labels swapped: this is the MLP's epoch 5
ORIGINAL_BEST_MLP = 0.9889  # as printed: this is LeNet-5's epoch 14

# epoch, train loss, test loss, train accuracy, test accuracy; digits as printed
ORIGINAL_LENET5_LOG = """\
0 0.2290 0.1020 96.84 96.81
1 0.0762 0.0619 98.39 98.19
2 0.0550 0.0542 98.59 98.45
3 0.0438 0.0486 99.07 98.41
4 0.0343 0.0416 99.25 98.75
5 0.0299 0.0422 99.41 98.66
6 0.0241 0.0409 99.47 98.70
7 0.0228 0.0418 99.57 98.69
8 0.0186 0.0447 99.53 98.70
9 0.0161 0.0468 99.64 98.70
10 0.0148 0.0492 99.55 98.54
11 0.0146 0.0486 99.65 98.67
12 0.0115 0.0459 99.73 98.68
13 0.0126 0.0486 99.71 98.65
14 0.0119 0.0458 99.70 98.89"""
ORIGINAL_MLP_LOG = """\
0 7263.5355 631.9550 28.34 29.04
1 146.9752 17.9391 81.90 82.26
2 13.1279 10.6673 86.77 87.07
3 9.5315 8.1971 88.15 88.30
4 7.8150 7.0593 88.40 88.62
5 6.4080 5.2889 90.27 90.56
6 5.50391 4.8505 90.29 90.40
7 6.2339 5.5985 88.45 88.81
8 7.29561 7.5304 85.69 85.95
9 6.9749 6.1490 88.10 88.23
10 7.1213 4.4467 91.25 91.11
11 4.8533 6.3063 87.49 87.52
12 7.5181 8.9381 85.64 85.16
13 7.8848 6.8449 87.83 87.89
14 6.5561 5.5719 89.77 89.56"""

# LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, 1998, section III:
# errors of 0.95 % and 3.05 % without distortions, and of 0.80 % with them, as fractions right
LECUN_LENET5, LECUN_LENET5_DISTORTED = 0.9905, 0.9920
LECUN_MLP = ("784-300-100-10 network", 266_610, 0.9695)  # name, parameters, accuracy

# Test errors in %: (network, parameters, error, where it is printed). Parameters are counted from the description.
SIMARD_2003 = "https://doi.org/10.1109/ICDAR.2003.1227801"
LITERATURE = (
    ("784-300-100-10, LeCun 1998", 266_610, 3.05, "https://doi.org/10.1109/5.726791"),
    ("784-300-100-10, distortions, LeCun 1998", 266_610, 2.50, "https://doi.org/10.1109/5.726791"),
    ("784-800-10, Simard 2003", 636_010, 1.60, SIMARD_2003),
    ("784-800-10, affine, Simard 2003", 636_010, 1.10, SIMARD_2003),
    ("784-800-10, elastic, Simard 2003", 636_010, 0.70, SIMARD_2003),
    ("LeNet-5, LeCun 1998", 60_000, 0.95, "https://doi.org/10.1109/5.726791"),
    ("LeNet-5, distortions, LeCun 1998", 60_000, 0.80, "https://doi.org/10.1109/5.726791"),
    ("LeNet-5 in NumPy, Wacker", 61_706, 0.64, "https://github.com/mikewacker/mnist"),  # the best of its 5 seeds
    ("convolutional, elastic, Simard 2003", 132_540, 0.40, SIMARD_2003),
)

# Test images whose label at most 2 of 5 people confirmed (Northcutt et al. 2021, https://arxiv.org/abs/2103.14749;
# their 100 most suspicious test images): {index: (label, how many of 5 confirmed it)}.
LABEL_DOUBTS = {
    947: (8, 0), 1621: (0, 2), 1901: (9, 2), 2130: (4, 2), 2462: (2, 0), 2597: (5, 0), 2654: (6, 0), 3520: (6, 2),
    3558: (5, 1), 5937: (5, 1), 6651: (0, 0), 6783: (1, 2), 8527: (4, 2), 9679: (6, 2), 9729: (5, 2),
}  # fmt: skip


def original_history(log: str) -> list[dict]:
    """A printed log as a history with the keys of Run.history; accuracies as fractions."""
    rows = []
    for line in log.splitlines():
        epoch, train_loss, test_loss, train, test = map(float, line.split())
        row = {"epoch": int(epoch), "train_loss": train_loss, "test_loss": test_loss}
        row |= {"train_accuracy": round(train / 100, 4), "test_accuracy": round(test / 100, 4)}
        rows.append(row | {"valid_loss": None, "valid_accuracy": None})
    return rows
