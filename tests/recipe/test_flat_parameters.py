"""The flat dictionary of A1111's API."""

from __future__ import annotations

from studio.recipe.flat_parameters import flat_parameters
from tests.recipe.test_infotext import FROM_A1111


def test_sizes_are_split_and_values_are_text() -> None:
    found = flat_parameters(FROM_A1111)
    assert found["Prompt"] == "photo of a (cat:1.2), <lora:fur:0.7>\non a sofa"
    assert found["Negative prompt"] == "blurry, low quality,\nwatermark"
    assert (found["Size-1"], found["Size-2"], "Size" in found) == ("512", "768", False)
    assert (found["Seed resize from-1"], found["Seed resize from-2"]) == ("640", "512")
    assert (found["Steps"], found["Schedule type"], found["Clip skip"]) == ("28", "Karras", "2")
    assert found["Lora hashes"] == "fur: 0123456789ab, other: ba9876543210"
    assert found["Emphasis"] == "Original"


def test_defaults_are_inserted_when_absent() -> None:
    found = flat_parameters("  cat  \n dog")
    assert found["Prompt"] == "cat\ndog"
    assert (found["RNG"], found["Clip skip"], found["Schedule type"]) == ("GPU", "1", "Automatic")
    assert (found["Hires resize-1"], found["Masked area padding"]) == (0, 32)
    assert found["Refiner switch by sampling steps"] is False
    assert "Emphasis" not in found
    assert "Emphasis" not in flat_parameters(r"a \(cat\)")


def test_given_values_stay() -> None:
    found = flat_parameters("cat\nSteps: 20, RNG: CPU, Hires resize: 0x1024, Mask mode: Inpaint not masked")
    assert (found["RNG"], found["Hires resize-2"], found["Mask mode"]) == ("CPU", "1024", "Inpaint not masked")
