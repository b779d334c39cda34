"""One progress bar for terminals and live notebooks that leaves nothing behind in either."""

from __future__ import annotations

import sys

from tqdm import tqdm


class Progress:
    """A bar of `total` steps: tqdm on a terminal, one line of text in a notebook, nothing elsewhere.

    tqdm's own notebook bar leaves widget state in the saved file; this one clears its output at the end.
    """

    def __init__(self, total: int, label: str):
        self.total, self.label, self.done = total, label, 0
        self.bar = tqdm(total=total, desc=label, leave=False, disable=not sys.stderr.isatty())
        self.display = _notebook_display()

    def update(self, done: int) -> None:
        """Show that `done` steps of the total are finished."""
        if done == self.done:
            return
        self.bar.update(done - self.done)
        self.done = done
        if self.display:
            total = max(self.total, done)
            filled = 30 * done // total
            text = f"{self.label} [{'#' * filled}{'.' * (30 - filled)}] {done:,} of {total:,}"
            self.display.update({"text/plain": text}, raw=True)

    def __enter__(self) -> Progress:
        if self.display:
            self.display.display({"text/plain": self.label}, raw=True)
        return self

    def __exit__(self, *error) -> None:
        self.bar.close()
        if self.display:
            from IPython.display import clear_output

            clear_output()


def _notebook_display():
    """A display handle where this process is a Jupyter kernel, else None."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import DisplayHandle

    return DisplayHandle()
