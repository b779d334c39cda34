"""LeNet-5 and an MLP on MNIST: what the report's notebooks do their work with."""


def __getattr__(name: str):
    """`classify` and `DrawDigit`, imported only when asked for: the PDF is made without torch."""
    from importlib import import_module

    homes = {"classify": "digit.photo", "DrawDigit": "digit.draw"}
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{homes[name]}"), name)
