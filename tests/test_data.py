"""mnist_helpers.data: the files and what happens to damaged ones, preprocessing, splits, and the order of batches."""

from __future__ import annotations

import functools
import gzip
import http.server
import io
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset
from torchvision import datasets, transforms

from mnist_helpers import data, download
from mnist_helpers.training import recipes

REPO = Path(__file__).resolve().parent.parent
RAW = REPO / "data" / "MNIST" / "raw"
TEST_LABELS = "t10k-labels-idx1-ubyte.gz"  # the smallest of the four files


@pytest.fixture(scope="module")
def mnist() -> data.Mnist:
    return data.load(REPO / "data", device="cpu")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A data folder of its own, holding copies of the four files."""
    shutil.copytree(RAW, tmp_path / "data" / "MNIST" / "raw")
    return tmp_path / "data"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty torch cache, so that no test sees or fills the user's own; returns where MNIST's files go in it."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    return tmp_path / "hub" / "MNIST" / "raw"


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder served on 127.0.0.1 as the only mirror, and the list of paths that were asked for with GET."""
    folder, asked = tmp_path / "served", []
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path.lstrip("/"))
            super().do_GET()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "MIRRORS", [f"http://127.0.0.1:{server.server_port}/"])
    yield folder, asked
    server.shutdown()
    server.server_close()


def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def blocked(*_, **__):
        raise OSError("the network is blocked in this test")

    monkeypatch.setattr(socket, "socket", blocked)
    monkeypatch.setattr(socket, "create_connection", blocked)
    monkeypatch.setattr(socket, "getaddrinfo", blocked)


def flip_byte(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)


# --- loading ---


def test_load_gives_the_official_digits(mnist):
    assert mnist.train.images.shape == (60_000, 28, 28) and mnist.test.images.shape == (10_000, 28, 28)
    assert mnist.train.images.dtype == mnist.test.images.dtype == torch.uint8
    assert mnist.train.labels.shape == (60_000,) and mnist.test.labels.shape == (10_000,)
    assert mnist.train.labels.dtype == mnist.test.labels.dtype == torch.int64
    assert mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert mnist.train.labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_the_official_sums_and_mirrors_are_torchvisions():
    assert dict(datasets.MNIST.resources) == data.MD5
    assert sorted(download.MIRRORS) == sorted(datasets.MNIST.mirrors)


def test_load_equals_torchvision(mnist, copied):
    official = datasets.MNIST(str(copied), train=False, download=True)  # unpacks beside the copies
    assert torch.equal(mnist.test.images, official.data)
    assert torch.equal(mnist.test.labels, official.targets)


def test_constants_are_the_training_pixels_mean_and_deviation(mnist):
    pixels = mnist.train.images.double() / 255
    assert pixels.mean().item() == pytest.approx(data.MEAN, abs=5e-5)
    assert pixels.std().item() == pytest.approx(data.STD, abs=5e-5)


def test_digits_index_by_slice_mask_and_tensor(mnist):
    fives = mnist.test[mnist.test.labels == 5]
    assert len(fives) == 892 and fives.labels.unique().tolist() == [5]
    some = mnist.test[torch.tensor([3, 1])]
    assert torch.equal(some.images, mnist.test.images[[3, 1]]) and some.labels.tolist() == [0, 2]
    assert len(mnist.test[:7]) == 7


@pytest.mark.parametrize("name", sorted(data.MD5))
def test_a_flipped_byte_is_refused(copied, name):
    path = copied / "MNIST" / "raw" / name
    flip_byte(path, path.stat().st_size // 2)
    with pytest.raises(data.DataError) as error:
        data.load(copied)
    assert str(path) in str(error.value)
    assert "git checkout" in str(error.value) and "delete it" in str(error.value)


def test_a_changed_gzip_header_is_refused_though_it_would_unpack(copied):
    path = copied / "MNIST" / "raw" / TEST_LABELS
    flip_byte(path, 4)  # the time stamp, which gzip does not check
    with pytest.raises(data.DataError, match=TEST_LABELS):
        data.load(copied)


@pytest.mark.parametrize("keep", [0, 10, 4_000])
def test_a_truncated_file_is_refused_with_its_size(copied, keep):
    path = copied / "MNIST" / "raw" / TEST_LABELS
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(data.DataError, match=rf"{TEST_LABELS} .*\({keep:,} bytes\).*Restore it"):
        data.load(copied)


def test_exchanged_files_are_refused(copied):
    raw = copied / "MNIST" / "raw"
    shutil.copy(RAW / "train-labels-idx1-ubyte.gz", raw / TEST_LABELS)
    shutil.copy(RAW / TEST_LABELS, raw / "train-labels-idx1-ubyte.gz")
    with pytest.raises(data.DataError, match="train-labels-idx1-ubyte"):
        data.load(copied)


def test_a_refused_folder_loads_once_it_is_mended(copied, mnist):
    path = copied / "MNIST" / "raw" / TEST_LABELS
    flip_byte(path, 100)
    with pytest.raises(data.DataError):
        data.load(copied)
    flip_byte(path, 100)
    assert torch.equal(data.load(copied, device="cpu").test.labels, mnist.test.labels)  # nothing half-read was kept


def test_loading_writes_nothing(copied, cache):
    raw = copied / "MNIST" / "raw"
    raw.chmod(0o555)

    def state() -> list:
        return [(p, p.stat().st_mtime_ns, p.stat().st_size) for p in [copied, *sorted(copied.rglob("*"))]]

    before = state()
    data.load(copied)
    assert state() == before and not cache.exists()
    raw.chmod(0o755)


def test_two_processes_load_at_once(copied, mnist):
    code = (
        "import sys, torch; torch.set_num_threads(1)\n"
        "from mnist_helpers import data\n"
        "print(int(data.load(sys.argv[1], device='cpu').test.images.sum()))"
    )
    command = [sys.executable, "-c", code, str(copied)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    results = [process.communicate(timeout=120) for process in both]  # (stdout, stderr) of each
    assert [process.returncode for process in both] == [0, 0], results
    assert results[0][0] == results[1][0] == f"{int(mnist.test.images.sum())}\n"


# --- finding the project ---


def test_project_path_from_a_subfolder(tmp_path, monkeypatch):
    (tmp_path / "report.toml").touch()
    deep = tmp_path / "notebooks" / "deep"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert data.project_path("data") == tmp_path / "data"
    assert data.project_path("/elsewhere/data") == Path("/elsewhere/data")


def test_project_path_without_a_project_is_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert data.project_path("data") == tmp_path / "data"


def test_load_finds_the_data_from_notebooks(monkeypatch, mnist):
    monkeypatch.chdir(REPO / "notebooks")
    assert data.load(device="cpu").test.labels[0] == mnist.test.labels[0]


# --- the network ---


def test_loading_needs_no_network(copied, monkeypatch, mnist):
    no_network(monkeypatch)
    assert torch.equal(data.load(copied, device="cpu").test.labels, mnist.test.labels)


def test_a_missing_file_without_network_says_what_to_do(copied, cache, monkeypatch):
    (copied / "MNIST" / "raw" / TEST_LABELS).unlink()
    no_network(monkeypatch)
    with pytest.raises(data.DataError) as error:
        data.load(copied)
    message = str(error.value)
    assert TEST_LABELS in message and "blocked in this test" in message
    assert "Check the network" in message and "put MNIST's four official .gz files" in message


def test_a_closed_port_says_what_to_do(copied, cache, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # free again once the server is closed
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "MIRRORS", [f"http://127.0.0.1:{port}/"])
    (copied / "MNIST" / "raw" / TEST_LABELS).unlink()
    with pytest.raises(data.DataError, match=f"{TEST_LABELS} is neither .*127.0.0.1:{port}.*Check the network"):
        data.load(copied)


def test_missing_files_are_downloaded_once(tmp_path, cache, mirror, mnist):
    folder, asked = mirror
    shutil.copytree(RAW, folder, dirs_exist_ok=True)
    loaded = data.load(tmp_path / "one", device="cpu")
    assert torch.equal(loaded.train.images, mnist.train.images) and torch.equal(loaded.test.labels, mnist.test.labels)
    assert not (tmp_path / "one").exists()
    assert set(asked) == set(data.MD5)
    assert sorted(path.name for path in cache.iterdir()) == sorted(data.MD5)
    asked.clear()
    data.load(tmp_path / "two")
    assert asked == []  # served from the cache


def test_only_the_missing_file_is_downloaded(copied, cache, mirror, mnist):
    folder, asked = mirror
    (copied / "MNIST" / "raw" / TEST_LABELS).rename(folder / TEST_LABELS)
    assert torch.equal(data.load(copied, device="cpu").test.labels, mnist.test.labels)
    assert set(asked) == {TEST_LABELS}


@pytest.mark.parametrize("damage", ["flipped", "truncated", "absent"])
def test_a_damaged_download_is_refused_and_not_believed_later(copied, cache, mirror, mnist, damage):
    folder, _ = mirror
    (copied / "MNIST" / "raw" / TEST_LABELS).unlink()
    served = folder / TEST_LABELS
    if damage != "absent":
        shutil.copy(RAW / TEST_LABELS, served)
    if damage == "flipped":
        flip_byte(served, 1_000)
    elif damage == "truncated":
        served.write_bytes(served.read_bytes()[:1_000])
    with pytest.raises(data.DataError, match=f"{TEST_LABELS} is neither"):
        data.load(copied)
    assert not list(cache.glob("*"))  # no half file for another process to read
    shutil.copy(RAW / TEST_LABELS, served)  # the mirror is mended
    assert torch.equal(data.load(copied, device="cpu").test.labels, mnist.test.labels)


@pytest.mark.parametrize(
    "reply",
    [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\nabc"],
    ids=["words", "cut"],
)
def test_a_mirror_that_speaks_no_http_says_what_to_do(copied, cache, monkeypatch, reply):
    def answer(server: socket.socket) -> None:
        while True:
            try:
                client = server.accept()[0]
            except OSError:  # the test is over
                return
            client.recv(4_096)
            client.sendall(reply)
            client.close()

    (copied / "MNIST" / "raw" / TEST_LABELS).unlink()
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, args=(server,), daemon=True).start()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(download, "MIRRORS", [f"http://127.0.0.1:{server.getsockname()[1]}/"])
        with pytest.raises(data.DataError, match=f"(?s){TEST_LABELS} is neither .*Check the network"):
            data.load(copied)


def test_a_mirror_that_falls_silent_counts_as_gone(copied, cache, monkeypatch):
    (copied / "MNIST" / "raw" / TEST_LABELS).unlink()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:  # it takes the call, and never says a word
        monkeypatch.setattr(download, "MIRRORS", [f"http://127.0.0.1:{server.getsockname()[1]}/"])
        with pytest.raises(data.DataError, match=f"{TEST_LABELS} is neither .*timed out.*Check the network"):
            data.load(copied)


def test_a_cache_that_cannot_be_written_is_not_blamed_on_the_mirror(copied, cache, mirror):
    folder, _ = mirror
    (copied / "MNIST" / "raw" / TEST_LABELS).rename(folder / TEST_LABELS)
    cache.parent.parent.mkdir(parents=True)
    cache.parent.write_text("a file where a folder should be")
    with pytest.raises(data.DataError, match=f"{TEST_LABELS} was downloaded, but .*cannot be written.*TORCH_HOME"):
        data.load(copied)


def test_files_says_where_each_of_the_four_is(copied, cache, mirror):
    folder, _ = mirror
    (copied / "MNIST" / "raw" / TEST_LABELS).rename(folder / TEST_LABELS)
    found = data.files(copied)
    assert list(found) == list(data.MD5)
    assert found.pop(TEST_LABELS) == cache / TEST_LABELS
    assert {path.parent for path in found.values()} == {copied / "MNIST" / "raw"}


def test_a_damaged_file_in_the_cache_is_replaced(copied, cache, mirror, mnist):
    folder, asked = mirror
    (copied / "MNIST" / "raw" / TEST_LABELS).rename(folder / TEST_LABELS)
    cache.mkdir(parents=True)
    (cache / TEST_LABELS).write_bytes(b"half")
    assert torch.equal(data.load(copied, device="cpu").test.labels, mnist.test.labels)
    assert set(asked) == {TEST_LABELS}


def test_the_second_mirror_is_tried(copied, cache, mirror, mnist, monkeypatch):
    folder, _ = mirror
    (folder / "good").mkdir()
    (copied / "MNIST" / "raw" / TEST_LABELS).rename(folder / "good" / TEST_LABELS)
    monkeypatch.setattr(download, "MIRRORS", [download.MIRRORS[0] + "empty/", download.MIRRORS[0] + "good/"])
    assert torch.equal(data.load(copied, device="cpu").test.labels, mnist.test.labels)


# --- preprocessing ---


def recipe(resize: str, normalise: bool) -> recipes.Recipe:
    return recipes.Recipe("test", "LeNet5", resize=resize, normalise=normalise)


def torchvision_prepare(images: torch.Tensor, resize: str, normalise: bool) -> torch.Tensor:
    """The usual way: one PIL image at a time through torchvision's transforms."""
    steps = {"none": [], "pad": [transforms.Pad(2)], "bilinear": [transforms.Resize((32, 32))]}[resize]
    steps = [*steps, transforms.ToTensor()]
    steps += [transforms.Normalize((0.1307,), (0.3081,))] if normalise else []
    transform = transforms.Compose(steps)
    return torch.stack([transform(Image.fromarray(image.numpy())) for image in images])


def test_resize_bilinear_equals_pil_on_all_test_images(mnist):
    resize = transforms.Resize((32, 32))
    expected = [transforms.functional.pil_to_tensor(resize(Image.fromarray(i.numpy()))) for i in mnist.test.images]
    assert torch.equal(data.resize_bilinear(mnist.test.images), torch.cat(expected))


def test_resize_bilinear_equals_pil_on_noise():
    noise = torch.randint(0, 256, (500, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    resize = transforms.Resize((32, 32))
    expected = [transforms.functional.pil_to_tensor(resize(Image.fromarray(i.numpy()))) for i in noise]
    assert torch.equal(data.resize_bilinear(noise), torch.cat(expected))


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("resize", ["none", "pad", "bilinear"])
def test_prepare_equals_torchvision_to_the_last_bit(mnist, resize, normalise):
    images = mnist.test.images[:700]  # more than one part of resize_bilinear
    prepared = data.prepare(images, recipe(resize, normalise))
    side = 28 if resize == "none" else 32
    assert prepared.shape == (700, 1, side, side) and prepared.dtype == torch.float32
    assert torch.equal(prepared, torchvision_prepare(images, resize, normalise))


@pytest.mark.parametrize("resize", ["none", "pad", "bilinear"])
def test_prepare_leaves_the_images_alone_and_repeats_itself(mnist, resize):
    images = mnist.test.images[:20].clone()
    first = data.prepare(images, recipe(resize, True))
    assert torch.equal(images, mnist.test.images[:20])
    expected = first.clone()
    first.zero_()  # what a caller does with the result must not reach the next one
    assert torch.equal(data.prepare(images, recipe(resize, True)), expected)


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(3, 28, 28),
        torch.zeros(3, 32, 32, dtype=torch.uint8),
        torch.zeros(28, 28, dtype=torch.uint8),
        torch.zeros(3, 1, 28, 28, dtype=torch.uint8),
        torch.zeros(3, 28, 28, dtype=torch.int64),
    ],
    ids=["float", "32 pixels", "one image", "channel", "int64"],
)
def test_prepare_refuses_what_are_not_mnist_images(images):
    with pytest.raises(data.DataError) as error:
        data.prepare(images, recipes.MLP)
    assert "expected uint8 images [N, 28, 28]" in str(error.value)
    assert str(images.dtype) in str(error.value) and str(list(images.shape)) in str(error.value)


# --- splits ---


def numbered(n: int) -> data.Digits:
    """Digits whose label is their own number, so that one sees where each went."""
    return data.Digits(torch.zeros(n, 28, 28, dtype=torch.uint8), torch.arange(n))


def test_split_holds_out_what_was_asked(mnist):
    train, valid = data.split(mnist.train, 5_000)
    assert (len(train), len(valid)) == (55_000, 5_000)
    together = train.labels.bincount() + valid.labels.bincount()
    assert torch.equal(together, mnist.train.labels.bincount())


def test_split_is_disjoint_complete_and_keeps_images_with_labels():
    digits = numbered(300)
    digits.images[:] = (digits.labels % 256).byte()[:, None, None]
    train, valid = data.split(digits, 40)
    assert sorted(train.labels.tolist() + valid.labels.tolist()) == list(range(300))
    for part in (train, valid):
        assert torch.equal(part.images[:, 5, 5], (part.labels % 256).byte())


def test_split_is_fixed_by_its_seed_alone():
    torch.manual_seed(1)
    first = data.split(numbered(1_000), 100)[1].labels
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert torch.equal(data.split(numbered(1_000), 100)[1].labels, first)
    assert torch.equal(torch.get_rng_state(), state)  # a split must not shift the training's random numbers
    assert not torch.equal(data.split(numbered(1_000), 100, seed=1)[1].labels, first)
    assert first.tolist() != list(range(100)) and first.tolist() != list(range(900, 1_000))


def test_split_of_nothing_keeps_all_in_order():
    train, valid = data.split(numbered(10), 0)
    assert train.labels.tolist() == list(range(10)) and len(valid) == 0


@pytest.mark.parametrize("valid", [-1, 10, 11])
def test_split_refuses_an_impossible_size(valid):
    with pytest.raises(data.DataError, match=f"cannot hold out {valid} of 10"):
        data.split(numbered(10), valid)


def test_smaller_training_sets_lie_in_larger_ones_and_never_in_validation():
    sets = [set(data.split(numbered(300), 40, train=n)[0].labels.tolist()) for n in (10, 100, 260)]
    assert [len(part) for part in sets] == [10, 100, 260] and sets[0] < sets[1] < sets[2]
    assert not sets[2] & set(data.split(numbered(300), 40)[1].labels.tolist())
    assert data.split(numbered(300), 0, train=10)[0].labels.tolist() != list(range(10))  # drawn, not the first ones
    with pytest.raises(data.DataError, match="cannot train on 261 of 300"):
        data.split(numbered(300), 40, train=261)


# --- a course's tar file ---


def tar_of(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def png(image: torch.Tensor) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image.numpy()).save(content, "png")
    return content.getvalue()


def test_a_tar_of_png_files_gives_the_same_digits_in_the_order_of_their_ids(mnist, tmp_path):
    files = {f"train/{i:05}_{mnist.train.labels[i]}.png": png(mnist.train.images[i]) for i in reversed(range(300))}
    digits = data.load_png_tar(tar_of(tmp_path / "train.tar", files | {"train/._00001_5.png": b"macOS was here"}))
    assert torch.equal(digits.images, mnist.train.images[:300]) and torch.equal(digits.labels, mnist.train.labels[:300])
    assert digits.labels.dtype == torch.int64


GOOD = png(torch.arange(784).reshape(28, 28).byte())


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"00001_5.png": GOOD, "five.png": GOOD}, r"'five.png' is not named"),
        ({"00001_12.png": GOOD}, r"'00001_12.png' is not named"),
        ({"00001_5.png": GOOD[:-40]}, r"'00001_5.png' is not a readable PNG"),
        ({"00001_5.png": b"no picture"}, r"'00001_5.png' is not a readable PNG"),
        ({"00001_5.png": png(torch.zeros(32, 28, dtype=torch.uint8))}, r"'00001_5.png' has 28 x 32 pixels"),
        ({"a/../../00001_5.png": GOOD}, r"leads out of the archive"),
        ({"/00001_5.png": GOOD}, r"leads out of the archive"),
        ({"a/00001_5.png": GOOD, "b/00001_6.png": GOOD}, r"'b/00001_6.png' has the ID 1, as another"),
        ({}, "holds no pictures"),
    ],
)
def test_a_wrong_tar_is_refused_with_the_files_name(files, message, tmp_path):
    with pytest.raises(data.DataError, match=message):
        data.load_png_tar(tar_of(tmp_path / "train.tar", files))


def as_png(values: np.ndarray, mode: str | None = None) -> bytes:
    content = io.BytesIO()
    Image.fromarray(values, mode).save(content, "png")
    return content.getvalue()


def inked(image: torch.Tensor, form: str) -> bytes:
    """An MNIST digit as a PNG of another form."""
    grey = image.numpy()
    zeros = np.zeros_like(grey)
    return {
        "16 bits": lambda: as_png(grey.astype(np.uint16) * 257),
        "colour": lambda: as_png(np.stack([grey] * 3, 2)),
        "black ink in the alpha channel": lambda: as_png(np.stack([zeros, zeros, zeros, grey], 2)),
        "white ink in the alpha channel": lambda: as_png(np.stack([zeros + 255, zeros + 255, zeros + 255, grey], 2)),
        "dark on white": lambda: as_png(255 - grey),
    }[form]()


@pytest.mark.parametrize(
    "form", ["16 bits", "colour", "black ink in the alpha channel", "white ink in the alpha channel", "dark on white"]
)
def test_pictures_of_any_form_are_brought_to_light_on_dark(mnist, tmp_path, form):
    files = {f"{i}_{mnist.train.labels[i]}.png": inked(mnist.train.images[i], form) for i in range(50)}
    assert torch.equal(data.load_png_tar(tar_of(tmp_path / "a.tar", files)).images, mnist.train.images[:50])


def test_a_ramp_of_16_bits_keeps_its_mean(tmp_path):
    ramp = np.linspace(0, 65_535, 784).round().astype(np.uint16).reshape(28, 28)
    digits = data.load_png_tar(tar_of(tmp_path / "a.tar", {"1_5.png": as_png(ramp)}))
    assert digits.images.double().mean().item() == pytest.approx(127.5, abs=0.5)


def test_a_picture_on_another_background_than_the_others_is_named(mnist, tmp_path):
    files = {f"{i}_1.png": inked(mnist.train.images[i], "colour") for i in range(5)}
    files |= {"7_1.png": inked(mnist.train.images[7], "dark on white")}
    with pytest.raises(data.DataError, match="the picture with ID 7 has a light background and most others a dark one"):
        data.load_png_tar(tar_of(tmp_path / "a.tar", files))


# --- other data ---


def idx(values: torch.Tensor) -> bytes:
    shape = b"".join(n.to_bytes(4, "big") for n in values.shape)
    return bytes([0, 0, 8, values.ndim]) + shape + values.byte().numpy().tobytes()


@pytest.mark.parametrize("packed", [True, False])
def test_a_folder_of_idx_files_is_another_data_set(mnist, tmp_path, packed):
    few = data.Mnist(mnist.train[:300], mnist.test[:100], classes=tuple("abcdefghij"))
    for part, digits in (("train", few.train), ("t10k", few.test)):
        for kind, values in (("images-idx3", digits.images), ("labels-idx1", digits.labels)):
            path = tmp_path / f"{part}-{kind}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(idx(values)) if packed else idx(values))
    found = data.load_idx(tmp_path, "abcdefghij")
    assert torch.equal(found.train.images, few.train.images) and torch.equal(found.test.labels, few.test.labels)
    assert found.hash == few.hash != mnist.hash and found.classes == few.classes and found.scale == few.scale
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(data.DataError, match=r"t10k-labels-idx1-ubyte\S* is no IDX file of bytes, or a damaged one"):
        data.load_idx(tmp_path)
    path.unlink()
    with pytest.raises(data.DataError, match=r"holds no t10k-labels-idx1-ubyte\.gz, packed or unpacked"):
        data.load_idx(tmp_path)


def test_what_is_no_data_set_is_refused(mnist):
    for images, labels in (
        (mnist.test.images.float(), mnist.test.labels), (mnist.test.images[:, :20], mnist.test.labels),
        (mnist.test.images, mnist.test.labels[:5]), (mnist.test.images, mnist.test.labels + 1),
        (mnist.test.images[:0], mnist.test.labels[:0]), (mnist.test.images, mnist.test.labels.int()),
    ):  # fmt: skip
        with pytest.raises(data.DataError, match="test: expected"):
            data.Mnist(mnist.train, data.Digits(images, labels))


def test_mean_and_deviation_of_other_data_are_its_own(mnist):
    assert mnist.scale == (data.MEAN, data.STD)
    other = data.Mnist(data.Digits(255 - mnist.train.images, mnist.train.labels), mnist.test)
    assert other.scale == (round(1 - 0.13066, 4), data.STD)
    recipe = recipes.MLP.changed("OWN", normalise=(0.5, 0.25))
    assert data.prepare(mnist.test.images, recipes.MLP, other.scale).max().item() == pytest.approx(
        (1 - 0.8693) / 0.3081
    )
    assert data.prepare(mnist.test.images, recipe, other.scale).max().item() == pytest.approx((1 - 0.5) / 0.25)


def test_resizing_follows_images_that_are_changed_in_place(mnist):
    images = mnist.test.images[:5].clone()
    data.resize_bilinear(images)
    images.zero_()
    assert not data.resize_bilinear(images).any()


def test_a_link_in_a_tar_no_tar_and_no_file_are_refused(tmp_path):
    with tarfile.open(tmp_path / "link.tar", "w") as archive:
        member = tarfile.TarInfo("00001_5.png")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(data.DataError, match="is a link"):
        data.load_png_tar(tmp_path / "link.tar")
    whole = tar_of(tmp_path / "whole.tar", {f"{i}_5.png": GOOD for i in range(9)}).read_bytes()
    for name, content in (("none.tar", b"not a tar"), ("cut.tar", whole[:1300])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(data.DataError, match="no tar file, or a damaged one"):
            data.load_png_tar(tmp_path / name)
    with pytest.raises(data.DataError, match="there is no file"):
        data.load_png_tar(tmp_path / "missing.tar")


# --- one random order of the pixels ---


def test_the_permutation_is_a_bijection_and_is_inverted_exactly(mnist):
    order, images = data.pixel_order(), mnist.test.images[:100]
    assert sorted(order.tolist()) == list(range(784)) and torch.equal(order, data.pixel_order())
    permuted = data.permute(images)
    assert not torch.equal(permuted, images)
    assert torch.equal(permuted.flatten(1)[:, order.argsort()].view_as(images), images)


def test_prepare_permutes_before_it_pads(mnist):
    plain, permuted = (replace(recipes.LENET5, permuted=on) for on in (False, True))
    images = mnist.test.images[:20]
    assert torch.equal(data.prepare(images, permuted), data.prepare(data.permute(images), plain))


# --- the order of batches ---


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("seed", [0, 42])
def test_epoch_order_is_a_dataloaders(shuffle, seed):
    n, epochs = 1_037, 3
    loader = DataLoader(TensorDataset(torch.arange(n)), batch_size=64, shuffle=shuffle)
    torch.manual_seed(seed)
    expected = [torch.cat([batch for (batch,) in loader]) for _ in range(epochs)]
    state = torch.get_rng_state()

    torch.manual_seed(seed)
    orders = [data.epoch_order(n, shuffle) for _ in range(epochs)]
    assert all(torch.equal(order, wanted) for order, wanted in zip(orders, expected, strict=True))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(orders[0], orders[1]) is not shuffle


def test_draw_seed_advances_the_global_generator():
    torch.manual_seed(42)
    first, second = data.draw_seed(), data.draw_seed()
    torch.manual_seed(42)
    assert first != second and data.draw_seed() == first


def test_best_device_takes_what_is_asked_for():
    assert data.best_device("cpu") == torch.device("cpu")
    assert data.best_device(torch.device("meta")) == torch.device("meta")
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert data.best_device().type == expected
