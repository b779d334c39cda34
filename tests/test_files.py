"""mnist_helpers.files: a file is written whole or not at all, whoever else writes it."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mnist_helpers import files


def test_two_threads_that_write_one_file_at_once_take_nothing_from_each_other(tmp_path, monkeypatch):
    target, replace, both = tmp_path / "file", os.replace, threading.Barrier(2, timeout=10)

    def once_both_are_written(part, path):
        both.wait()
        replace(part, path)

    monkeypatch.setattr(files.os, "replace", once_both_are_written)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda content: files.write_atomically(target, content), (b"one", b"two")))
    assert target.read_bytes() in (b"one", b"two") and list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    files.write_atomically(tmp_path / "file", b"")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "usual").stat().st_mode
