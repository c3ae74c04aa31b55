"""Pickled models, sound and hostile. The hostile ones would make a marker file if anybody ever followed them."""

from __future__ import annotations

import collections
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.library import header_files as files

Write = Callable[[Path, Path], None]


def small_state() -> collections.OrderedDict[str, torch.Tensor]:
    """A LoRA of SD 1.x: small, and known by its shapes."""
    return collections.OrderedDict(
        (name, torch.full(shape, 0.5, dtype=torch.float16)) for name, shape in files.LORA_SD1.items()
    )


class Call:
    """Pickles as a call of ``what`` with ``given``."""

    def __init__(self, what: Callable[..., Any], *given: Any) -> None:
        self.what, self.given = what, given

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.what, self.given


def archive(file: Path, content: bytes) -> None:
    """PyTorch's archive around the bytes of a pickle."""
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr("archive/data.pkl", content)
        opened.writestr("archive/version", "3\n")
        opened.writestr("archive/byteorder", "little")


def _system(file: Path, marker: Path) -> None:
    archive(file, pickle.dumps({"state_dict": Call(os.system, f"touch {marker}")}, protocol=2))


def _execute(file: Path, marker: Path) -> None:
    file.write_bytes(pickle.dumps(Call(exec, f"open({str(marker)!r}, 'w').close()"), protocol=4))


def _evaluate_late(file: Path, marker: Path) -> None:
    """Sound weights first, the call in the last entry."""
    saved = io.BytesIO()
    torch.save({**small_state(), "zz": Call(eval, f"open({str(marker)!r}, 'w').close()")}, saved)
    file.write_bytes(saved.getvalue())


def _older_format(file: Path, marker: Path) -> None:
    saved = io.BytesIO()
    state = {"state_dict": small_state(), "hook": Call(Path.touch, Path(marker))}
    torch.save(state, saved, _use_new_zipfile_serialization=False)
    file.write_bytes(saved.getvalue())


def _by_getattr(file: Path, marker: Path) -> None:
    """No dangerous name in sight: the function is looked up while the pickle runs."""
    file.write_bytes(pickle.dumps(Call(getattr, Call(__import__, "os"), "system"), protocol=4) + bytes(marker))


HOSTILE: dict[str, Write] = {
    "system": _system,
    "execute": _execute,
    "evaluate late": _evaluate_late,
    "older format": _older_format,
    "by getattr": _by_getattr,
}


def archive_of_small_state(file: Path, more: float = 0.0) -> None:
    """A sound LoRA, pickled; ``more`` tells its weights from those of another."""
    torch.save({name: tensor + more for name, tensor in small_state().items()}, file)
