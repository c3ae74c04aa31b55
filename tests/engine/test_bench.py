"""The comparison with diffusers measures what it says. Its figures are for people; here only its sense is checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.engine.bench import TOGETHER, bench_overhead
from studio.errors import DamagedModel, StudioError
from tests.toys import toy_checkpoint


# diffusers builds numpy arrays of tensors the old way.
@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_both_ways_are_timed_on_the_same_work(toy: Path) -> None:
    report = bench_overhead(toy, steps=4, repeats=2, device="cpu")
    assert (report.size_px, report.steps, report.repeats) == (64, 4, 2)
    assert report.ratio == report.engine_s / report.plain_s > 0
    assert report.together_ratio == report.together_s / report.engine_s
    # Far looser than what is measured on a quiet machine: a round shared by four must not cost four rounds.
    assert report.together_ratio < TOGETHER


def test_a_damaged_checkpoint_is_an_error(tmp_path: Path) -> None:
    broken = toy_checkpoint(tmp_path / "broken", size_px=64, broken="truncated")
    with pytest.raises(StudioError) as caught:
        bench_overhead(broken, steps=2, repeats=1, device="cpu")
    assert isinstance(caught.value, DamagedModel)
