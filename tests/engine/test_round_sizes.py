"""How many samples a call may have: halved when it did not fit, larger again after a while, foreseen where measured."""

from __future__ import annotations

from studio.engine.round_sizes import SPARE_SHARE, WELL_BEFORE_LARGER, RoundSizes


def test_nothing_is_known_against_any_size_at_first() -> None:
    assert RoundSizes().most("kind", 100, 10**9) is None


def test_halves_down_to_one() -> None:
    sizes = RoundSizes()
    assert sizes.ran_out("kind", 6) and sizes.most("kind") == 3
    assert sizes.ran_out("kind", 3) and sizes.most("kind") == 1
    assert not sizes.ran_out("kind", 1)
    assert sizes.most("other") is None
    sizes.forget()
    assert sizes.most("kind") is None


def test_what_went_well_for_a_while_is_tried_larger() -> None:
    sizes = RoundSizes()
    sizes.ran_out("kind", 4)
    for _ in range(WELL_BEFORE_LARGER - 1):
        sizes.went_well("kind", 2)
        sizes.went_well("kind", 1)  # smaller ones tell nothing of larger ones
    assert sizes.most("kind") == 2
    sizes.went_well("kind", 2)
    assert sizes.most("kind") == 4


def test_a_measured_peak_foresees_what_fits() -> None:
    sizes = RoundSizes()
    sizes.went_well("kind", 2, cells=1000, peak_bytes=2 * 1000 * 50)
    one = 1000 * 50 / (1 - SPARE_SHARE)
    assert sizes.most("kind", 1000, int(one * 3.5)) == 3
    assert sizes.most("kind", 2000, int(one * 3.5)) == 1
    assert sizes.most("kind", 1000, 10) == 1, "one is always tried"
    sizes.ran_out("kind", 4)
    assert sizes.most("kind", 1000, int(one * 3.5)) == 2
