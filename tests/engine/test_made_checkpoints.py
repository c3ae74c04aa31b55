"""Checkpoints made for measuring have a family's networks, the asked precision, and go afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from safetensors import safe_open

from studio.engine import made_checkpoints as module
from studio.engine.load import inspect_checkpoint
from studio.engine.made_checkpoints import made_checkpoints
from studio.errors import InvalidField


@pytest.mark.parametrize(("precision", "kept_as"), [("fp16", "F16"), ("fp32", "F32")])
def test_two_are_made_in_the_precision_and_go(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str, kept_as: str
) -> None:
    shutil.copytree(toy, tmp_path / "family" / "small")  # in the place of one of real size
    (tmp_path / "family" / "tokenizer").mkdir()
    monkeypatch.setattr(module, "family_folder", lambda _family: tmp_path / "family" / "small")
    with made_checkpoints("sd1", precision) as paths:
        assert len({path.name for path in paths}) == 2
        counts = {inspect_checkpoint(path).parameter_count for path in paths}
        assert counts == {inspect_checkpoint(toy).parameter_count}
        files = [file for path in paths for file in path.rglob("*.safetensors")]
        assert {kind for file in files for kind in kinds(file)} == {kept_as}
    assert not any(path.exists() for path in paths)


def kinds(file: Path) -> set[str]:
    with safe_open(file, "pt") as reading:
        return {reading.get_slice(name).get_dtype() for name in reading.keys()}  # noqa: SIM118


@pytest.mark.parametrize(
    ("family", "precision", "field", "allowed"),
    [("sd9", "fp16", "made", "sd1, sd2, sdxl"), ("sd1", "fp8", "precision", "fp16, fp32")],
)
def test_what_there_is_not_is_named(family: str, precision: str, field: str, allowed: str) -> None:
    with pytest.raises(InvalidField) as caught, made_checkpoints(family, precision):
        pass
    assert caught.value.field == field and caught.value.allowed == allowed
