"""mnist_helpers.progress in a real kernel: what a cell shows besides the bar stays."""

from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

CELL = """from mnist_helpers.progress import Progress

print("a")
with Progress(2, "training, epochs") as progress:
    progress.update(1)
print("b")"""


class Shown(NotebookClient):
    """A client that keeps every text that a display had, in `texts`; with `reader`, one that can answer questions."""

    def __init__(self, *, reader: bool):
        super().__init__(new_notebook(cells=[new_code_cell(CELL)]), kernel_name="python3")
        self.texts, self.reader = [], reader

    async def async_start_new_kernel_client(self):
        client = await super().async_start_new_kernel_client()
        client.allow_stdin = self.reader
        return client

    def process_message(self, msg, cell, cell_index):
        if "display_data" in msg["msg_type"]:
            self.texts.append(msg["content"]["data"]["text/plain"])
        return super().process_message(msg, cell, cell_index)

    def outputs(self) -> list:
        return self.execute().cells[0].outputs


def test_a_bar_keeps_the_prints_around_it_and_leaves_no_trace_in_an_executed_notebook():
    client = Shown(reader=False)
    outputs = client.outputs()
    assert {output.get("name") for output in outputs} == {"stdout"}
    assert "".join(output.text for output in outputs) == "a\nb\n" and not client.texts


def test_a_bar_that_somebody_sees_keeps_the_prints_around_it_and_has_no_text_at_its_end():
    client = Shown(reader=True)
    first, bar, last = client.outputs()
    assert (first.text, last.text) == ("a\n", "b\n") and bar.data == {"text/plain": ""}
    assert client.texts == ["training, epochs", f"training, epochs [{'#' * 15}{'.' * 15}] 1 of 2", ""]
