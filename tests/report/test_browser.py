"""The chapters in JupyterLab in a real browser, and digits drawn there with the mouse."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Page, expect, sync_playwright
from pypdf import PdfReader

ROOT = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine (on Debian: apt install chromium)"
)
MINUTE = 60_000  # milliseconds
expect.set_options(timeout=MINUTE)

# Each digit as one or two strokes through points on a field of 100 x 100, y downwards.
STROKES = {
    0: [[(50, 12), (30, 25), (24, 50), (30, 76), (50, 88), (70, 76), (76, 50), (70, 25), (50, 12)]],
    1: [[(52, 12), (50, 50), (48, 88)]],
    2: [[(28, 30), (36, 16), (54, 12), (70, 24), (68, 42), (48, 64), (28, 84), (50, 84), (76, 84)]],
    3: [[(30, 18), (52, 12), (70, 22), (66, 40), (46, 48), (68, 56), (74, 72), (56, 88), (28, 82)]],
    4: [[(34, 12), (28, 52), (74, 52)], [(66, 14), (62, 50), (60, 90)]],
    5: [[(70, 14), (34, 14), (32, 44), (54, 42), (72, 56), (70, 78), (50, 88), (28, 80)]],
    6: [[(62, 10), (42, 28), (30, 56), (34, 80), (52, 90), (68, 78), (66, 60), (50, 54), (34, 66)]],
    7: [[(26, 16), (74, 14), (60, 44), (46, 88)]],
    8: [[(66, 24), (50, 12), (34, 24), (40, 40), (62, 58), (68, 76), (50, 90), (32, 76), (40, 58), (60, 40), (66, 24)]],
    9: [[(68, 30), (54, 14), (36, 22), (34, 42), (50, 50), (66, 38), (68, 30), (66, 60), (60, 90)]],
}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project, its notebooks without outputs."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "notebooks").mkdir()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, 4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, folder / "notebooks" / path.name)
    shutil.copy(ROOT / "report.toml", folder)
    for name in ("data", "runs", "studies"):
        shutil.copytree(ROOT / name, folder / name)
    draw = new_code_cell("from mnist_helpers import DrawDigit\n\nDrawDigit()")
    python = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=[draw], metadata=python), folder / "notebooks" / "draw.ipynb")
    return folder


@pytest.fixture(scope="module")
def jupyter(project):
    """JupyterLab's address, with its own empty settings; stopped with its kernels at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {name: str(project / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_SETTINGS_DIR", "HOME")}
    own |= {"JUPYTERLAB_WORKSPACES_DIR": str(project / "workspaces"), "MNIST_REPORT_SEEDS": "1"}
    environment = {key: value for key, value in os.environ.items() if key != "MNIST_REPORT_OUT"} | own
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--ServerApp.port_retries=0"]
    command += ["--IdentityProvider.token=", "--allow-root"]
    command += re.search(r"jupyter lab (.*)", (ROOT / "Makefile").read_text())[1].split()  # as `make lab` starts it
    with (project / "jupyter.log").open("w") as log:
        server = subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/api", server, project / "jupyter.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)  # asks back on a terminal only
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(240):
        try:
            return urllib.request.urlopen(address).close()
        except OSError:
            assert server.poll() is None, log.read_text()
            time.sleep(0.25)
    raise AssertionError(f"JupyterLab did not start in a minute: {log.read_text()}")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1400, "height": 1000}, accept_downloads=True)
    page.set_default_timeout(MINUTE)
    yield page
    page.close()


def run_all(page: Page, address: str, path: Path, minutes: int = 3) -> None:
    """Open a notebook without outputs, click Run > Run All Cells, and save until every cell has run; none may fail."""
    # a workspace of its own: in one that holds the last notebook too, that one may be in front when the menu is clicked
    page.goto(f"{address}/lab/workspaces/{path.stem}/tree/notebooks/{path.name}")
    page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
    page.get_by_text("| Idle").wait_for()
    menu(page, "Run", "Run All Cells")
    deadline = time.monotonic() + 60 * minutes
    while True:
        page.wait_for_timeout(500)
        page.keyboard.press("Control+s")
        code = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
        counts = [cell.execution_count for cell in code]
        failed = [output for cell in code for output in cell.outputs if output.output_type == "error"]
        assert not failed and time.monotonic() < deadline, (counts, failed)
        if counts == list(range(1, len(counts) + 1)):
            return page.get_by_text("| Idle").wait_for()


def menu(page: Page, *names: str) -> None:
    """Click through the menu bar."""
    page.locator(".lm-MenuBar-item").get_by_text(names[0], exact=True).click()
    for name in names[1:]:
        label = re.compile(rf"^{name}…?$")  # older JupyterLabs have an ellipsis
        page.locator(".lm-Menu-item").filter(has=page.get_by_text(label)).last.click()


def test_make_lab_opens_the_hand_in_and_a_click_away_what_a_student_edits(jupyter, page):
    page.goto(jupyter)
    expect(page.locator(".jp-NotebookPanel:visible")).to_contain_text("Asked for:")
    files = page.locator(".jp-DirListing-itemText")
    expect(files.get_by_text("01_data.ipynb", exact=True)).to_be_visible()
    expect(files.get_by_text("07_inside_the_networks.ipynb", exact=True)).to_be_visible()
    page.locator(".jp-BreadCrumbs-home").click()
    files.get_by_text("report.toml", exact=True).dblclick()
    expect(page.locator(".jp-FileEditor .cm-content")).to_contain_text("What a student edits")


def test_chapter_2_runs_in_jupyterlab_and_derives_the_right_totals(page, jupyter, project):
    run_all(page, jupyter, project / "notebooks" / "02_parameters.ipynb")
    expect(page.get_by_text("61,706").first).to_be_attached()
    expect(page.get_by_text("235,146").first).to_be_attached()


def test_the_hand_in_runs_in_jupyterlab_and_the_menu_makes_its_pdf(page, jupyter, project):
    run_all(page, jupyter, project / "notebooks" / "00_report.ipynb", minutes=20)
    with page.expect_download() as download:
        menu(page, "File", "Save and Export Notebook As", "Report")
    pages = [part.extract_text() for part in PdfReader(download.value.path()).pages]
    assert "61,706" in pages[0] and 10 <= len(pages) <= 16


def test_each_digit_drawn_with_the_mouse_is_read_right(page, jupyter, project):
    run_all(page, jupyter, project / "notebooks" / "draw.ipynb")
    paper = page.get_by_label("Draw a digit here")
    paper.scroll_into_view_if_needed()
    box = paper.bounding_box()
    for digit, strokes in STROKES.items():
        for points in strokes:
            places = [(box["x"] + x * box["width"] / 100, box["y"] + y * box["height"] / 100) for x, y in points]
            page.mouse.move(*places[0])
            page.mouse.down()
            for place in places[1:]:
                page.mouse.move(*place, steps=4)
            page.mouse.up()
        answer = page.locator("[data-view=prepared] [data-network=LeNet-5] .answer")
        expect(answer).to_have_text(f"LeNet-5: {digit}")
        page.get_by_role("button", name="Clear").click()
        expect(answer).to_have_text("LeNet-5: –")
