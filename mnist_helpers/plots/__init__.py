"""One function a figure: takes results, returns a matplotlib Figure, never trains. Grouped by what they show."""

# Colour-blind safe (Okabe and Ito 2008), different in grey too; one colour a model throughout the report.
# A model of your own: add its colour here; without one it has one of FURTHER. "" is what others published: grey.
COLOURS = {"LeNet-5": "#0072B2", "MLP": "#D55E00", "small MLP": "#009E73", "original": "#000000", "": "0.45"}
MARKERS = {"LeNet-5": "o", "MLP": "s", "small MLP": "^", "": "D"}
# Safe beside those, and darker or lighter than each other; as many markers as no multiple of them, for more pairs.
FURTHER = ("#CC79A7", "#332288", "#56B4E9", "#7A3B00", "#AA3377")
FURTHER_MARKERS = ("v", "P", "X", "<", ">", "p", "*")
LINES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1, 1, 1)))  # the second sign of a network, for grey prints
HATCHES = ("", "//", "..", "xx")
REGULARIZED = ", regularized"  # ends the name of a network trained by its best recipe

_turns: dict[str, int] = {}  # names without a colour or marker of their own, in order of first use in this process


def colour(name: str) -> str:
    """The network's colour: its own of COLOURS, else one of FURTHER, the same throughout the process."""
    return COLOURS.get(name) or FURTHER[_turn(name) % len(FURTHER)]


def marker(name: str) -> str:
    """The network's marker: its own of MARKERS, else one of FURTHER_MARKERS, the same throughout the process."""
    return MARKERS.get(name) or FURTHER_MARKERS[_turn(name) % len(FURTHER_MARKERS)]


def _turn(name: str) -> int:
    return _turns.setdefault(name, len(_turns))
