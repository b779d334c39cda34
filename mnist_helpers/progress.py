"""One progress bar for terminals and live notebooks."""

import sys

from tqdm import tqdm


class Progress:
    """A bar of `total` steps: tqdm on a terminal, one line of text in a notebook that has a reader, nothing elsewhere.

    tqdm's own notebook bar leaves widget state in the saved file. Jupyter cannot take one output back, only all that a
    cell shows, so this one's text is empty at the end; where nobody looks (nbclient, nbval) it is not shown at all.
    """

    def __init__(self, total: int, label: str):
        self.total, self.label, self.done = total, label, 0
        self.bar = tqdm(total=total, desc=label, leave=False, disable=not sys.stderr.isatty())
        self.display = _notebook_display()

    def update(self, done: int) -> None:
        """Show that `done` steps of the total are finished."""
        if done != self.done:
            self.bar.update(done - self.done)
            self.done, total = done, max(self.total, done)
            filled = 30 * done // total
            self._show(f"{self.label} [{'#' * filled}{'.' * (30 - filled)}] {done:,} of {total:,}", update=True)

    def _show(self, text: str, **update) -> None:
        if self.display:
            self.display.display({"text/plain": text}, raw=True, **update)

    def __enter__(self) -> "Progress":
        self._show(self.label)
        return self

    def __exit__(self, *error) -> None:
        self.bar.close()
        self._show("", update=True)


def _notebook_display():
    """A display handle where this process is a Jupyter kernel whose notebook could answer a question, else None."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if not getattr(getattr(shell, "kernel", None), "_allow_stdin", False):
        return None
    from IPython.display import DisplayHandle

    return DisplayHandle()
