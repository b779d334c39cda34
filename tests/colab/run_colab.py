"""The Colab notebook as Colab has it: alone in an empty folder, run to its PDF by the Python that runs this file.

python tests/colab/run_colab.py NOTEBOOK [TRY ...]: one seed, one TRY after another, as mirror or Colab behaves in it:
    good     the mirror sends MNIST's files; the only try where none is named
    slow     it takes its time
    broken   one of its files has a wrong byte: the notebook must stop and say so
    gone     it answers nothing: the same
    cut      Colab takes the machine away during a training, and the next try is on a new one with the same Google Drive

There is no repository and no data/. A server on 127.0.0.1 plays the mirror; it is the proxy of everything else too, and
refuses it, but for PyPI. The notebook installs the package into this Python's environment, so take one made for it.
"""

import http.server
import json
import os
import re
import sys
import tempfile
import threading
import time
from contextlib import suppress
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

RAW = Path(__file__).parents[2] / "data" / "MNIST" / "raw"
FIRST_MIRROR, SECOND_MIRROR = "ossci-datasets.s3.amazonaws.com:443", "http://yann.lecun.com/exdb/mnist/"
BROKEN = "t10k-images-idx3-ubyte.gz"
MARK = 1e-7  # added to a loss: no chapter minds, and no training comes to it
# what the notebook takes from Colab: a folder in Google Drive's place, and a download that the browser would get
GOOGLE = """
import pathlib, types
drive = types.SimpleNamespace(mount=lambda place: None)
def download(path):
    print("downloaded", pathlib.Path(path).name, pathlib.Path(path).stat().st_size, "bytes")
files = types.SimpleNamespace(download=download)
"""


class Mirror(http.server.BaseHTTPRequestHandler):
    """MNIST's second mirror, in one of the states above; the first is https, which no stranger can play."""

    state = "good"
    refused: ClassVar[set[str]] = set()  # what was asked for beside MNIST

    def do_GET(self):
        folder, _, name = self.path.rpartition("/")
        if folder + "/" != SECOND_MIRROR:
            self.refused.add(self.path)
        if self.state == "gone" or self.path in self.refused:
            return self.send_error(502)
        content = bytearray((RAW / name).read_bytes())
        if self.state == "broken" and name == BROKEN:
            content[1_000] ^= 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        for start in range(0, len(content), 1 << 16):
            time.sleep(0.05 if self.state == "slow" else 0)
            self.wfile.write(content[start : start + (1 << 16)])

    def do_CONNECT(self):  # https
        if self.path != FIRST_MIRROR:
            self.refused.add(self.path)
        self.send_error(502)

    def log_message(self, *_):
        pass


def new_machine(folder: Path, drive: Path, port: int) -> None:
    """A folder for the notebook with nothing in it, an empty cache, and the world behind a proxy."""
    os.environ |= {
        "TORCH_HOME": str(folder / "cache"),
        "no_proxy": "127.0.0.1,localhost,pypi.org,files.pythonhosted.org",
    }
    os.environ |= {name: f"http://127.0.0.1:{port}" for name in ("http_proxy", "https_proxy")}
    google = folder / "site" / "google" / "colab"
    google.mkdir(parents=True)
    (google / "__init__.py").write_text(GOOGLE)
    os.environ["PYTHONPATH"] = str(folder / "site")
    (folder / "content").mkdir()
    (drive / "MyDrive").mkdir(parents=True, exist_ok=True)


def open_notebook(notebook: Path, folder: Path, drive: Path, on_drive: bool, red: list[str]) -> NotebookClient:
    """A client that has the notebook to execute in folder/content; red: gets what users would see in red (stderr)."""
    nb = nbformat.read(notebook, 4)
    form = next(cell for cell in nb.cells if "SEEDS = " in cell.source and "#@param" in cell.source)
    answers = {"SEEDS": "1", "NAME": '"김철수"', "LONG_REPORT_TOO": "True"}
    for key, value in (answers | {"KEEP_TRAININGS_IN_GOOGLE_DRIVE": str(on_drive)}).items():
        form.source = re.sub(rf"^{key} = .*?( #@param)", rf"{key} = {value}\1", form.source, flags=re.M)
    form.source = form.source.replace("colab.settle(", f"colab.DRIVE = colab.Path({str(drive)!r})\ncolab.settle(")

    def note(cell, **_):
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                red.append(output.text)
            elif cell.metadata.get("cellView") and output.output_type == "stream":
                print(output.text, end="", flush=True)

    where = {"metadata": {"path": folder / "content"}}
    return NotebookClient(nb, timeout=None, resources=where, on_cell_executed=note)


def cut_off(client: NotebookClient, kept: Path) -> None:
    """Kill the kernel once a training in `kept` has gone on from its first checkpoint to a second."""

    def watch():
        seen = {}
        while True:
            for path in kept.glob(".unfinished/*.checkpoint"):
                with suppress(FileNotFoundError):
                    seen.setdefault(path, set()).add(path.stat().st_mtime_ns)
            if any(len(times) > 1 for times in seen.values()):
                return client.km.provisioner.process.kill()
            time.sleep(0.02)

    threading.Thread(target=watch, daemon=True).start()


def attempt(how: str, client: NotebookClient, kept: Path) -> None:
    """Execute the notebook; an AssertionError where it does not end as it should in a try of that kind."""
    Mirror.state = how
    if how == "cut":
        cut_off(client, kept)
    try:
        client.execute()
        assert how in ("good", "slow"), f"the notebook ran to its end although the try was {how!r}"
    except CellExecutionError as error:
        print(f"{how}: {error.ename}: {error.evalue}", flush=True)
        if how not in ("gone", "broken"):
            raise
        named = BROKEN if how == "broken" else "train-images-idx3-ubyte.gz"
        assert error.ename == "DataError" and f"{named} is neither in" in error.evalue
        assert "Check the network and try again" in error.evalue and "\n" not in error.evalue
    except DeadKernelError:
        assert how == "cut", "the kernel died"


def mark(kept: Path) -> dict[Path, float]:
    """Change the first loss in every checkpoint on Drive; {run: the loss that it must show once it is done}."""
    from mnist_helpers.training import runs  # came with the notebook

    marked = {}
    for folder in [kept / path.stem for path in kept.glob(".unfinished/*.checkpoint")]:
        state = runs.load_checkpoint(folder)
        state["history"][0]["train_loss"] += MARK
        marked[folder] = state["history"][0]["train_loss"]
        runs.save_checkpoint(folder, state)
    return marked


def packages() -> dict[str, str]:
    """{name: version} of what is installed, but for our own."""
    found = {dist.name: dist.version for dist in distributions()}
    return {name: version for name, version in found.items() if not name.startswith("mnist")}


def main(notebook: Path, *tries: str) -> None:
    if find_spec("mnist_helpers"):
        sys.exit("mnist_helpers is installed here; take an environment that lacks it")
    before, start, red = packages(), time.perf_counter(), []
    names = ("numpy", "pandas", "matplotlib", "ipykernel", "torch")
    print("python", sys.version.split()[0], *(f"{name} {before[name]}" for name in names), flush=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as place:
        drive, begun = Path(place, "drive"), {}
        kept = drive / "MyDrive" / "mnist_report_runs"
        for number, how in enumerate(tries):
            if number == 0 or tries[number - 1] == "cut":
                folder = Path(place, f"machine{number}")
                new_machine(folder, drive, server.server_port)
            client = open_notebook(notebook, folder, drive, "cut" in tries, red)
            attempt(how, client, kept)
            begun |= mark(kept) if how == "cut" else {}
        for run, loss in begun.items():
            history = json.loads((run / "run.json").read_text(encoding="utf-8"))["history"]
            assert history[0]["train_loss"] == loss, f"{run.name} did not go on from Drive"
        print(f"{len(begun)} trainings went on from Drive, {len(before)} packages as before", flush=True)
        assert before.items() <= packages().items(), "a package that was there has another version now"
        assert not Mirror.refused, f"asked for beside MNIST: {Mirror.refused}"
        assert not (folder / "content" / "data").exists(), "MNIST was written where nobody keeps it"
        pdfs = sorted((folder / "content").glob("**/report*.pdf"))
        assert pdfs or "make_report" not in client.nb.cells[-1].source, "no PDF"
        for pdf in pdfs[-1:]:
            describe(pdf, time.perf_counter() - start)
        assert not red, f"red in the notebook: {red}"


def describe(pdf: Path, seconds: float) -> None:
    from pypdfium2 import PdfDocument  # came with the package

    document = PdfDocument(pdf)
    text = document[0].get_textpage().get_text_range()
    assert "김철수" in text, text
    print(f"{len(document)} pages in {pdf.stat().st_size / 1e6:.1f} MB, {seconds:.0f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), *(sys.argv[2:] or ["good"]))
