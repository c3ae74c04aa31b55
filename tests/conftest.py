"""What all tests share: no model hub, and toy checkpoints that are built once a run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
if "PYTEST_XDIST_WORKER" in os.environ:  # each of several test processes has one core
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def toy_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with two toy checkpoints of the starter's architecture: ``toy-a`` and ``toy-b``."""
    from tests.toys import toy_checkpoint

    folder = tmp_path_factory.mktemp("models")
    toy_checkpoint(folder / "toy-a", seed=1)
    toy_checkpoint(folder / "toy-b", seed=2)
    return folder
