"""Toy checkpoints and what is loaded of them, made once a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from studio.engine.load import LoadedCheckpoint, Loading, load_checkpoint
from studio.engine.placement import Placement
from tests.toys import toy_checkpoint


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Toy networks are too small to share: with a second thread most of the time goes into waiting for it."""
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)


CPU = Placement(torch.device("cpu"), torch.float32)


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Predicts epsilon, native size 64."""
    return toy_checkpoint(tmp_path_factory.mktemp("epsilon") / "toy", size_px=64)


@pytest.fixture(scope="session")
def velocity_toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Predicts velocity, as Stable Diffusion 2.x at 768 does."""
    folder = tmp_path_factory.mktemp("velocity") / "toy"
    return toy_checkpoint(folder, size_px=64, prediction="v_prediction", family="sd2")


@pytest.fixture(scope="session")
def loaded(toy: Path) -> LoadedCheckpoint:
    return finished(load_checkpoint(toy, CPU))


def finished(loading: Loading) -> LoadedCheckpoint:
    while True:
        try:
            next(loading)
        except StopIteration as end:
            result: LoadedCheckpoint = end.value
            return result
