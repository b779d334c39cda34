"""The Colab notebook alone in an empty folder, run to its end with one seed by the Python that runs this file.

python tests/run_colab.py dist/mnist_report_colab.ipynb: a part of `make check-all`. The notebook installs the package
into that Python's environment, so this is for one made for it. MNIST's files are put beside the notebook, where a
download would put them.
"""

import re
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def run(source: Path, folder: Path) -> Path:
    notebook = nbformat.read(source, 4)
    form = next(cell for cell in notebook.cells if "SEEDS = " in cell.source and "#@param" in cell.source)
    form.source = re.sub(r"^SEEDS = \d+", "SEEDS = 1", form.source, flags=re.M)
    form.source = re.sub(r'^NAME = ".*?"', 'NAME = "김철수"', form.source, flags=re.M)
    shutil.copytree(Path(__file__).parent.parent / "data", folder / "data")

    def note(cell, **_):
        for output in cell.get("outputs", []):
            if cell.metadata.get("cellView") and output.output_type == "stream":  # set-up and the report; pip may warn
                print(output.text, end="", flush=True)
            else:
                assert output.get("name") != "stderr", output.text

    client = NotebookClient(notebook, timeout=None, resources={"metadata": {"path": folder}}, on_cell_executed=note)
    client.execute()
    return next(path for path in (folder / "report.pdf", folder / "build" / "partial" / "report.pdf") if path.is_file())


def main() -> None:
    with suppress(PackageNotFoundError):
        sys.exit(f"mnist_helpers {version('mnist_helpers')} is installed here; take an environment that lacks it")
    names = ("numpy", "pandas", "matplotlib", "torch")
    print("python", sys.version.split()[0], *(f"{name} {version(name)}" for name in names), flush=True)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        pdf = run(Path(sys.argv[1]).resolve(), Path(folder))
        from pypdfium2 import PdfDocument  # came with the package

        document = PdfDocument(pdf)
        text = document[0].get_textpage().get_text_range()
        assert "김철수" in text, text
        print(f"{len(document)} pages in {pdf.stat().st_size / 1e6:.1f} MB, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
