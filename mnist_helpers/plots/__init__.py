"""One function a figure: takes results, returns a matplotlib Figure, never trains. Grouped by what they show."""

# Colour-blind safe (Okabe and Ito 2008), different in grey too; one colour a model throughout the report.
# A model of your own: add its colour here; without one it is grey.
COLOURS = {"LeNet-5": "#0072B2", "MLP": "#D55E00", "small MLP": "#009E73", "original": "#000000"}
MARKERS = {"LeNet-5": "o", "MLP": "s", "small MLP": "^"}
LINES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1, 1, 1)))  # the second sign of a network, for grey prints
HATCHES = ("", "//", "..", "xx")


def colour(name: str) -> str:
    return COLOURS.get(name, "0.45")


def marker(name: str) -> str:
    return MARKERS.get(name, "D")
