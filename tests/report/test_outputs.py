"""Outputs of every kind, as JupyterLab shows them, or a box and a warning: each is a notebook of its own.

outputs.json holds what plotly 7.1, bokeh 3.9, altair 6.3, matplotlib 3.11, ipywidgets 8.1 and tqdm 4.70 really gave.
"""

import base64
import io
import json
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from alone import Paper, export, export_all, ran, shown
from IPython import display
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure
from nbformat.v4 import new_markdown_cell, new_notebook, new_output, new_raw_cell
from PIL import Image
from pypdf import PdfReader
from tqdm import tqdm

from mnist_helpers.report.exporter import build_pdf
from mnist_helpers.report.pdf.cells import notebook_pieces
from mnist_helpers.report.pdf.pieces import PdfError

GIVEN = json.loads(Path(__file__).with_name("outputs.json").read_text(encoding="utf-8"))
FORMATTER = DisplayFormatter()
FRAME = pd.DataFrame({"a": [1.5, 2], "b": ["x", "y"]})
MANY = pd.DataFrame(
    [[1, 2], [3, 4]],
    pd.MultiIndex.from_tuples([("p", "q"), ("p", "r")], names=["i", "j"]),
    pd.MultiIndex.from_tuples([("A", "x"), ("A", "y")]),
)
# as Colab saves a table: with buttons, hidden ones among them, and a script
COLAB = f"""<div id="df-1" class="colab-df-container">{FRAME.to_html()}<div class="colab-df-buttons">
<button class="colab-df-convert" onclick="convert('df-1')" style="display:none;"><svg viewBox="0 0 2 2"></svg></button>
<button class="colab-df-quickchart"><svg xmlns="http://www.w3.org/2000/svg"></svg></button>
<style>.colab-df-convert {{display:none;}}</style><script>const x = 1</script></div></div>"""


def given(name: str) -> list[dict]:
    return [nbformat.from_dict(output) for output in GIVEN[name]]


def displayed(thing: object) -> dict:
    """What display(thing) puts into a notebook."""
    data, metadata = FORMATTER.format(thing)
    return new_output("display_data", data, metadata=metadata)


def printed(text: str, name: str = "stdout") -> dict:
    return new_output("stream", name=name, text=text)


def bar() -> str:
    written = io.StringIO()
    for _ in tqdm(range(3), file=written):
        pass
    return written.getvalue()


KERAS = (  # as Keras 3 shows a model
    '<pre style="white-space:pre">│ conv2d (<span style="color: #0087ff">Conv2D</span>) │'
    ' <span style="color: #00af00">320</span> │</pre>'
)
PLAIN_HTML = "<p>Before.</p><table><tr><th>a</th></tr><tr><td>1</td></tr></table><p>After, $\\alpha$.</p>"
# name: (outputs, what paper has, what it has not, words of the warning)
CASES = {
    "text around a table": ([shown(text_html=PLAIN_HTML)], "Before. a 1 After, .", "$", ""),
    "a frame": ([displayed(FRAME)], "a b 0 1.5 x 1 2.0 y", "<", ""),
    "a frame cut short": ([displayed(pd.DataFrame({"a": range(100)}))], "99 99 100 rows × 1 columns", "<", ""),
    "a frame of Colab": ([shown(text_html=COLAB, text_plain="     a  b")], "a b 0 1.5 x 1 2.0 y", "convert", ""),
    "a frame with two indices": ([displayed(MANY)], "A x y i j p q 1 2 r 3 4", "<", ""),
    "a frame of 40 columns": ([displayed(pd.DataFrame(np.full((1, 40), 0.123456789)).T.T)], "0 0.123457", "<", ""),
    "a styled frame": ([displayed(FRAME.style.format(precision=1).set_caption("Cap"))], "Cap a b 0 1.5 x", "T_", ""),
    "a series": ([displayed(pd.Series([7], name="s"))], "0 7 Name: s, dtype: int64", "<", ""),
    "cells with links": (
        [shown(text_html='<table><tr><td><a href="https://x.org">go</a></td></tr></table>')],
        "go",
        "<",
        "",
    ),
    "HTML": ([displayed(display.HTML("<h4>Title</h4><b>bold</b> words"))], "Title bold words", "<", ""),
    "HTML that only styles": ([displayed(display.HTML("<style>p {color: red}</style>"))], "", "red", ""),
    "code": ([displayed(display.Code('x = 1\ny = "two"', language="python"))], 'x = 1 y = "two"', "<", ""),
    "Markdown": ([displayed(display.Markdown("**bold** and $x$\n\n| a |\n|---|\n| 1 |"))], "bold and a 1", "*", ""),
    "LaTeX": ([displayed(display.Math(r"\alpha")), displayed(display.Latex("with $b$"))], "with", "$", ""),
    "JSON": ([displayed(display.JSON({"a": [1, "한"]}))], '{ "a": [ 1, "한" ] }', "<", ""),
    "objects": ([shown(text_plain="<__main__.Net at 0x7f>")], "<__main__.Net at 0x7f>", "\\", ""),
    "a link to a file": ([shown(text_html='<a href="homework.ipynb">this file</a>')], "this file", "<", ""),
    "a long output": (
        [printed("".join(f"{i} 한국어 {'/path' * 15}\n" for i in range(500)))],
        "499 한국어 /path",
        "<",
        "",
    ),
    "tabs": ([printed("a\tb\n\tc")], "a b c", "\t", ""),
    "colours": (
        [printed("\x1b[1;31mred\x1b[0m \x1b[38;5;9mtext\x1b[39m"), shown(text_plain="x\x1b[0m")],
        "red text",
        "[",
        "",
    ),
    "control signs": ([printed("a\x00b\x07 c\x0cd\x08")], "ab c d", "\x07", ""),
    "a carriage return": ([printed("10 %\r100 %\n")], "100 %", "10 % 100", ""),
    "backspaces": (
        [printed("1/2 [>..]" + "\x08" * 9 + "2/2 [===] loss 0.5\nnew\x08\x08\n")],
        "2/2 [===] loss 0.5 new",
        "1/2",
        "",
    ),
    "errors printed": ([printed("careful\nWARNING:root:logged", "stderr")], "careful WARNING:root:logged", "<", ""),
    "a bar": ([printed(bar() + "\ndone", "stderr"), printed("| 95%| 3 | 4 |")], "done | 95%| 3 | 4 |", "it/s", ""),
    "a bar of widgets": (given("bar"), "", "it/s", ""),
    "bars that tell more": (
        [
            printed(
                "Epoch 1: 100%|█████| 938/938 [00:12<00:00, 75.20it/s, loss=0.034]\n"
                "Epoch 2: 100%|█████| 938/938 [00:12<00:00, 75.20it/s]acc 0.98\n"
                "loss 0.125: 100%|█████| 9/9 [00:12<00:00,  1.5s/it]\n"
                "over: 100%|█████| 9.91M/9.91M [00:00<00:00, 16.3MB/s]\n"
                " 37%|███▋      | 350/938 [00:04<00:07, 75it/s]"
            )
        ],
        "loss=0.034] Epoch 2: 100%|█████| 938/938 [00:12<00:00, 75.20it/s]acc 0.98 loss 0.125: 100%|█████| 9/9 "
        "[00:12<00:00, 1.5s/it] 37%|███▋ | 350/938 [00:04<00:07, 75it/s]",
        "over",
        "",
    ),
    "colours in pre": (
        [shown(text_html=KERAS, text_plain="Model")],
        "│ conv2d (Conv2D) │ 320 │",
        "#",
        "",
    ),
    "bars of pandas": ([displayed(FRAME.style.bar(subset="a", align="mid"))], "a b 0 1.500000 x", "#", ""),
    "shaded cells": (
        [shown(text_html='<table><tr><td style="background: radial-gradient(red, blue)">7</td></tr></table>')],
        "7",
        "gradient",
        "has cells of a table with a shading or picture, which paper leaves out",
    ),
    "an error": (given("traceback"), "ZeroDivisionError Traceback (most recent call last)", "[31m", ""),
    "plotly": (
        given("plotly"),
        "a Plotly chart, interactive in the notebook",
        "{",
        'Plotly chart that lives in a browser only; paper has a box that says so. Show its picture: fig.show("png")',
    ),
    "plotly in HTML": (given("plotly in HTML"), "a Plotly chart, interactive", "window", "a Plotly chart"),
    "bokeh": (given("bokeh"), "a Bokeh chart, interactive in the notebook", "Loading", "a Bokeh chart"),
    "altair": (given("altair"), "an Altair chart, interactive in the notebook", "alt.Chart", "an Altair chart"),
    "a slider": (given("slider"), "a widget, interactive in the notebook", "IntSlider", "a widget"),
    "interact": (given("interact"), "a widget, interactive in the notebook", "lambda", "a widget"),
    "an animation": (
        given("animation"),
        "",
        "Once",
        "an animation that lives in a browser only; paper has its first picture",
    ),
    "a script": ([displayed(display.Javascript("alert(1)"))], "a script's output, interactive", "alert", "a script's"),
    "an unknown kind": (
        [new_output("display_data", {"application/x-thing": "z"})],
        "an output of the kind application/x-thing",
        "zz",
        "an output of the kind application/x-thing",
    ),
    "a sound": ([displayed(display.Audio(np.ones(9), rate=8000))], "a sound, in the notebook", "element", "a sound"),
    "a film": (
        [displayed(display.Video(url="film.mp4"))],
        "a film: film.mp4",
        "element",
        "a film, which paper cannot show: film.mp4",
    ),
    "a page": (
        [displayed(display.IFrame("https://x.org/p", 300, 200))],
        "a page of the web: https://x.org/p",
        "<",
        "a page of the web",
    ),
    "YouTube": (
        [displayed(display.YouTubeVideo("yTgAPCY7cEc"))],
        "https://www.youtube.com/embed/yTgAPCY7cEc",
        "<",
        "embed/yTgAPCY7cEc",
    ),
    "a picture of the web": (
        [displayed(display.Image(url="https://x.org/a.png"))],
        "picture: https://x.org/a.png",
        "<",
        "fetches nothing",
    ),
    "a damaged picture": (
        [new_output("display_data", {"image/png": "AAAA"})],
        "picture: a figure without a caption",
        "<",
        "shows a picture that is damaged, in the notebook",
    ),
}


@pytest.fixture(scope="module")
def papers(tmp_path_factory) -> dict[str, Paper]:
    cases = {name: [ran(*case[0])] for name, case in CASES.items()}
    for name in ("an error", "a frame"):
        cases[name][0].metadata["tags"] = ["raises-exception"]
    return export_all(tmp_path_factory.mktemp("alone"), cases)


@pytest.mark.parametrize("name", CASES)
def test_outputs_are_shown_as_in_jupyterlab(papers, name):
    _, wanted, unwanted, warning = CASES[name]
    paper = papers[name]
    assert wanted in paper.text and unwanted not in paper.text and (wanted or not paper.text)
    assert len(paper.warnings) == bool(warning)
    assert all(warning in found and found.startswith("notebook homework, cell ") for found in paper.warnings)


BAR = "application/vnd.jupyter.widget-view+json"


@pytest.mark.parametrize(
    ("value", "after", "wanted"),
    [
        (10, "10/10 [00:01&lt;00:00,\xa0 9.99it/s, loss=0.25]", "Epoch: 100%|██████████| 10/10 [00:01<00:00,"),
        (5, "5/10 [00:01&lt;00:01, 9.99it/s]", "Epoch: 50%|█████ | 5/10 [00:01<00:01, 9.99it/s]"),
        (10, "10/10 [00:01&lt;00:00, 9.99it/s]", ""),
    ],
)
def test_a_bar_of_widgets_shows_its_last_state(tmp_path, value, after, wanted):
    states = {
        "box": ("HBoxModel", {"children": ["IPY_MODEL_a", "IPY_MODEL_b", "IPY_MODEL_c"]}),
        "a": ("HTMLModel", {"value": f"Epoch: {value * 10}%"}),
        "b": ("FloatProgressModel", {"value": value, "max": 10}),
        "c": ("HTMLModel", {"value": after}),
    }
    state = {key: {"model_name": name, "state": about} for key, (name, about) in states.items()}
    data = {"text/plain": "Epoch:   0%|          | 0/10 [00:00<?, ?it/s]", BAR: {"model_id": "box"}}
    notebook = new_notebook(cells=[ran(new_output("display_data", data))])
    notebook.metadata.widgets = {"application/vnd.jupyter.widget-state+json": {"state": state}}
    found = [piece.item["text"] for piece in notebook_pieces(notebook, {"name": "x"})[1:]]
    assert " ".join(" ".join(found).split()).startswith(wanted) and bool(found) == bool(wanted)


def test_results_are_shown_and_what_plotting_gives_is_not(tmp_path):
    values = {"ax.sum(0)": "array([3, 4])", "plt.axis('off')": "(0.0, 1.0)", "ax.set_xlim(0, 5)": "(0.0, 5.0)"}
    values |= {"plt.xlim()": "(1.5, 2.5)", "axes.mean(1)": "2.75", "ax.legend()": "<matplotlib.legend.Legend at 0x7f>"}
    given = [new_output("execute_result", {"text/plain": value}, execution_count=1) for value in values.values()]
    cells = [ran(output, source=source) for source, output in zip(values, given, strict=True)]
    assert export(tmp_path, *cells, strict=True).text.endswith("array([3, 4]) (1.5, 2.5) 2.75")


def test_cells_without_counts_have_been_run_where_they_have_outputs(tmp_path):
    cells = [ran(printed("one")), ran(source="import x"), ran(printed("two"))]
    for cell in cells:
        cell.execution_count = None
    assert export(tmp_path, *cells, strict=True).text.endswith("one two")
    cells[0].execution_count = 1
    with pytest.raises(PdfError, match=r"notebook homework, cell 2 \('import x'\) has not been run. Run all cells and"):
        export(tmp_path, *cells)
    with pytest.raises(PdfError, match=r"cell 1 .* has not been run"):
        export(tmp_path, cells[1])


def test_a_tag_of_a_student_drops_nothing(tmp_path):
    cell = ran(printed("here"))
    cell.metadata.tags = ["colab"]
    assert export(tmp_path, cell, strict=True).text.endswith("here")


def test_raw_cells_are_text(tmp_path):
    assert export(tmp_path, new_raw_cell("raw *text* $x$\n---"), strict=True).text.endswith("raw *text* $x$ ---")


# --- pictures -------------------------------------------------------------------------------------------------


def encoded(picture: Image.Image, kind: str, **settings) -> str:
    content = io.BytesIO()
    picture.save(content, kind, **settings)
    return base64.b64encode(content.getvalue()).decode()


RED = Image.new("RGB", (60, 40), "red")


def colour(paper: Paper) -> tuple[int, ...]:
    """The colour in the middle of the only picture."""
    (picture,) = [image for page in PdfReader(io.BytesIO(paper.pdf)).pages for image in page.images]
    return picture.image.convert("RGB").getpixel((picture.image.width // 2, picture.image.height // 2))


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp", "bmp", "tiff"])
def test_pictures_of_each_kind_are_shown(tmp_path, kind):
    paper = export(tmp_path, ran(new_output("display_data", {f"image/{kind}": encoded(RED, kind)})), strict=True)
    assert colour(paper) == pytest.approx((255, 0, 0), abs=3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("kind", ["tiff", "png"])
def test_pictures_of_each_mode_are_shown(tmp_path, mode, kind):
    picture = Image.new(mode, (400, 300)) if mode != "CMYK" or kind == "tiff" else Image.new("RGB", (400, 300))
    picture.save(tmp_path / "a.png", kind)
    assert len(export(tmp_path, new_markdown_cell('<img src="a.png" width="40">'), strict=True).pictures) == 1


def test_an_animated_picture_has_its_first_on_paper(tmp_path):
    moving = encoded(RED, "GIF", save_all=True, append_images=[Image.new("RGB", (60, 40), "blue")])
    paper = export(tmp_path, ran(new_output("display_data", {"image/gif": moving})))
    assert colour(paper) == (255, 0, 0)
    assert "shows an animation, in the notebook: paper has its first picture" in paper.warnings[0]


def test_a_still_picture_is_preferred_to_what_moves(tmp_path):
    (chart,) = given("plotly")
    chart.data["image/png"] = encoded(RED, "PNG")
    assert len(export(tmp_path, ran(chart), strict=True).pictures) == 1
    paper = export(tmp_path, ran(*given("animation")))
    assert len(paper.pictures) == 1 and len(paper.warnings) == 1


def test_a_figure_as_pdf_is_shown(tmp_path):
    figure, content = Figure(figsize=(2, 1)), io.BytesIO()
    figure.subplots().plot([1, 2])
    figure.savefig(content, format="pdf")
    data = {"application/pdf": base64.b64encode(content.getvalue()).decode(), "text/plain": "<Figure size 200x100>"}
    ((left, _, right, _),) = export(tmp_path, ran(new_output("display_data", data)), strict=True).pictures
    assert right - left == pytest.approx(144, abs=1)


def test_pictures_in_a_table(tmp_path):
    source = f"data:image/png;base64,{encoded(Image.new('RGB', (900, 600), 'green'), 'PNG')}"
    html = f"<table><tr><th>one</th><th>two</th></tr><tr>{f'<td><img src={source!r}></td>' * 4}</tr></table>"
    paper = export(tmp_path, ran(shown(text_html=html)), strict=True)
    assert len(paper.pictures) == 4 and "one two" in paper.text


def test_a_picture_is_what_it_is_whatever_its_name(tmp_path):
    RED.save(tmp_path / "photo.png", "JPEG")
    RED.save(tmp_path / "a.bmp")
    RED.save(tmp_path / "word.jpg", "TIFF")
    cells = [new_markdown_cell(f"![]({name})") for name in ("photo.png", "a.bmp", "word.jpg")]
    assert len(export(tmp_path, *cells, strict=True).pictures) == 3


ODD = ("x", None, [], {}, 3)


@pytest.mark.parametrize("odd", ODD)
def test_metadata_of_any_form_is_read(tmp_path, odd):
    """A valid notebook may hold anything there: what is not understood is as if it were not there."""
    about = {"report": odd, "image/png": odd}
    picture = new_output("display_data", {"image/png": encoded(Image.new("RGB", (9, 9)), "PNG")}, metadata=about)
    widget = new_output("display_data", {"text/plain": "a bar", BAR: odd if odd != [] else {"model_id": "box"}})
    notebook = new_notebook(cells=[ran(picture), ran(widget), ran(printed("here")), new_markdown_cell("words")])
    notebook.metadata |= {"report": odd, "widgets": {"application/vnd.jupyter.widget-state+json": {"state": odd}}}
    notebook.cells[-1].attachments = {"a.png": {}}
    path = tmp_path / "homework.ipynb"
    nbformat.write(notebook, path)
    build_pdf([path], tmp_path / "homework.pdf")
    assert "here" in PdfReader(tmp_path / "homework.pdf").pages[0].extract_text()


@pytest.mark.parametrize("state", [{}, {"children": "x"}, {"children": ["IPY_MODEL_b"], "value": None}])
def test_a_bar_with_an_odd_state_stays_as_it_was(state):
    models = {"box": {"model_name": "HBoxModel", "state": state}}
    models["b"] = {"model_name": "FloatProgressModel", "state": {"value": None, "max": "x"}}
    output = new_output("display_data", {"text/plain": "a bar", BAR: {"model_id": "box"}})
    notebook = new_notebook(cells=[ran(output)])
    notebook.metadata.widgets = {"application/vnd.jupyter.widget-state+json": {"state": models}}
    notebook_pieces(notebook, {"name": "x"})
    assert output.data["text/plain"] == "a bar"


@pytest.mark.parametrize("width", [-5, 0, "x"])
def test_a_picture_of_no_width_has_its_own(tmp_path, width):
    picture = {"image_png": encoded(Image.new("RGB", (96, 96)), "PNG"), "metadata": {"image/png": {"width": width}}}
    ((left, _, right, _),) = export(tmp_path, ran(shown(**picture)), strict=True).pictures
    assert right - left == pytest.approx(72, abs=0.5)


@pytest.mark.parametrize(
    "inside", ["width='0' height='9'>", "><image xlink:href='http://x/y.png' width='9' height='9'/>"]
)
def test_a_drawing_that_cannot_be_drawn_is_named(tmp_path, inside):
    drawing = f"<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' {inside}</svg>"
    paper = export(tmp_path, ran(shown(**{"image_svg+xml": drawing}), printed("here")))
    assert paper.text.endswith("here") and "a picture that is damaged" in paper.warnings[0]


@pytest.mark.parametrize("name", ["cut.png", "empty.png", "text.jpg", "torn.svg"])
def test_a_damaged_picture_is_named_with_cell_and_file(tmp_path, name):
    whole = base64.b64decode(encoded(Image.effect_noise((90, 90), 99), "PNG"))
    contents = {
        "cut.png": whole[: len(whole) // 2],
        "empty.png": b"",
        "text.jpg": b"words",
        "torn.svg": b"<svg><g></svg>",
    }
    (tmp_path / name).write_bytes(contents[name])
    paper = export(tmp_path, new_markdown_cell(f"![]({name})"))
    assert f"picture: {name}" in paper.text
    assert paper.warnings == [
        f"notebook homework, cell 1 shows a picture that is damaged, {name}. Save it again as PNG or JPEG."
    ]


def test_a_picture_with_too_many_pixels_is_not_called_damaged(tmp_path):
    Image.new("1", (14_000, 14_000)).save(tmp_path / "huge.png")
    (warning,) = export(tmp_path, new_markdown_cell("![](huge.png)")).warnings
    assert "shows a picture that is too large, huge.png. Save it with fewer pixels" in warning


def test_a_turned_photo_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    RED.save(tmp_path / "a.jpg", exif=exif)
    ((left, bottom, right, top),) = export(tmp_path, new_markdown_cell("![](a.jpg)"), strict=True).pictures
    assert right - left < top - bottom


# --- size -----------------------------------------------------------------------------------------------------


def test_a_figure_of_noise_is_small_on_paper(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (1500, 2000, 3), dtype=np.uint8))
    output = new_output("display_data", {"image/png": encoded(noise, "PNG", dpi=(300, 300))})
    paper = export(tmp_path, ran(output), strict=True)
    assert len(paper.pdf) < 3_000_000 < 9_000_000 < len(output.data["image/png"])


def test_pictures_have_300_dots_an_inch_where_they_are_printed(tmp_path):
    noise = Image.effect_noise((3000, 2000), 99)
    noise.save(tmp_path / "a.png")
    paper = export(tmp_path, new_markdown_cell('<img src="a.png" width="192">'), strict=True)
    (picture,) = [image for page in PdfReader(io.BytesIO(paper.pdf)).pages for image in page.images]
    assert picture.image.size == (600, 400)


def test_drawings_stay_as_they_are(tmp_path):
    figure, content = Figure(figsize=(6, 4), dpi=200), io.BytesIO()
    figure.subplots().plot([1, 2])
    figure.savefig(content, format="png")
    drawn = Image.open(content).convert("RGB")
    (tmp_path / "a.png").write_bytes(content.getvalue())
    paper = export(tmp_path, new_markdown_cell("![](a.png)"), strict=True)
    (picture,) = [image for page in PdfReader(io.BytesIO(paper.pdf)).pages for image in page.images]
    assert np.array_equal(np.asarray(picture.image.convert("RGB")), np.asarray(drawn))


def test_what_is_clear_stays_clear(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (900, 900, 4), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    paper = export(tmp_path, new_markdown_cell('<img src="a.png" width="96">'), strict=True)
    (picture,) = [image for page in PdfReader(io.BytesIO(paper.pdf)).pages for image in page.images]
    assert picture.image.mode == "RGBA" and picture.image.size == (300, 300)


# --- warnings and errors --------------------------------------------------------------------------------------


def test_the_command_counts_warnings_and_strict_makes_errors_of_them(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    export(tmp_path, new_markdown_cell("![](gone.png) [a](gone.md)"))
    build_pdf([tmp_path / "homework.ipynb"], tmp_path / "out.pdf")
    written = capsys.readouterr()
    assert ", 2 warnings)" in written.out and written.err.count("warning: notebook homework, cell 1 ") == 2
    (tmp_path / "out.pdf").write_bytes(b"the one before")
    with pytest.raises(
        PdfError, match=r"gone\.png\. Put it there\.\n.*gone\.md, which does not exist\. Mend the link\."
    ):
        build_pdf([tmp_path / "homework.ipynb"], tmp_path / "out.pdf", strict=True)
    assert (tmp_path / "out.pdf").read_bytes() == b"the one before"
