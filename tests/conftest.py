"""Settings of all tests, the notebooks' among them: one seed, and nothing written outside build/."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
os.environ["MNIST_REPORT_SEEDS"] = "1"  # kernels started by nbval inherit both
os.environ["MNIST_REPORT_OUT"] = str(ROOT / "build" / "test")


@pytest.fixture(scope="session")
def mnist():
    from mnist_helpers import data

    return data.load(ROOT / "data", device="cpu")
