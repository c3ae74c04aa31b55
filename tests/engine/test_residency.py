"""Which checkpoints stay loaded: a byte budget, least recently used out first, never one in use."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from studio.engine.model_files import inspect_folder
from studio.engine.residency import Residency
from studio.errors import DamagedModel
from tests.engine.conftest import CPU


@pytest.fixture
def three(toy: Path, tmp_path: Path) -> list[Path]:
    return [Path(shutil.copytree(toy, tmp_path / name)) for name in "abc"]


def load(residency: Residency, path: Path, in_use: tuple[Path, ...] = ()) -> bool:
    if not residency.begin(path, in_use):
        return False
    while residency.loading:
        residency.advance()
    return True


def room_for(count: float, path: Path) -> Residency:
    return Residency(CPU, budget_bytes=int(count * inspect_folder(path).parameter_count * 4))


def test_the_least_recently_used_goes_first(three: list[Path]) -> None:
    residency = room_for(2.5, three[0])
    a, b, c = three
    assert load(residency, a) and load(residency, b)
    assert residency.get(a) is not None
    assert load(residency, c)
    assert residency.get(b) is None
    assert residency.get(a) is not None and residency.get(c) is not None


def test_what_is_in_use_stays_and_a_load_waits_for_it(three: list[Path]) -> None:
    residency = room_for(1.5, three[0])
    a, b, _ = three
    assert load(residency, a)
    assert not load(residency, b, in_use=(a,))
    assert residency.get(a) is not None
    assert load(residency, b)
    assert residency.get(a) is None


def test_one_alone_may_exceed_the_budget(three: list[Path]) -> None:
    residency = room_for(0.5, three[0])
    assert load(residency, three[0])
    assert residency.get(three[0]) is not None


def test_a_file_replaced_under_the_same_name_is_loaded_again(three: list[Path]) -> None:
    residency = room_for(2.5, three[0])
    load(residency, three[0])
    first = residency.get(three[0])
    weights = three[0] / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes())
    assert residency.get(three[0]) is None
    load(residency, three[0])
    assert residency.get(three[0]) not in (None, first)


def test_giving_up_and_failing_leave_nothing_behind(three: list[Path]) -> None:
    residency = room_for(2.5, three[0])
    residency.begin(three[0], ())
    residency.advance()
    residency.give_up()
    assert residency.loading is None and residency.get(three[0]) is None
    residency.begin(three[0], ())
    (three[0] / "vae" / "config.json").write_text("{")
    with pytest.raises(DamagedModel, match=r"vae/config\.json"):
        while residency.loading:
            residency.advance()
    assert residency.loading is None
    residency.clear()
