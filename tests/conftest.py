"""Settings of all tests, the notebooks' among them: one seed, and nothing written outside build/."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RUN_CHAPTERS = ("test_browser.py", "test_readme.py")
os.environ["MNIST_REPORT_SEEDS"] = "1"  # kernels started by nbval inherit all three
os.environ["MNIST_REPORT_STRICT"] = "1"
os.environ["MNIST_REPORT_OUT"] = str(ROOT / "build" / "test")


@pytest.fixture(scope="session")
def mnist():
    from mnist_helpers import data

    return data.load(ROOT / "data", device="cpu")


@pytest.fixture
def few(mnist, monkeypatch):
    """Trainings in this process see 4,000 training and 1,000 test digits instead of all."""
    from mnist_helpers import data

    few = data.Mnist(mnist.train[:4_000], mnist.test[:1_000])
    monkeypatch.setattr(data, "load", lambda *_: few)


def pytest_collection_modifyitems(items):
    import torch

    for item in items:
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no NVIDIA GPU here"))


def pytest_collection_finish(session):
    """Train what the chapters train before they run, on every core; one after another they would use one."""
    chapters = any(item.path.suffix == ".ipynb" or item.path.name in RUN_CHAPTERS for item in session.items)
    if chapters and not session.config.option.collectonly:
        from mnist_helpers import training
        from mnist_helpers.training import recipes

        training.train_jobs(recipes.live([42]))
