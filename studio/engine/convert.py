"""Turns one pickled model into safetensors, in a process of its own: ``python -m studio.engine.convert SOURCE TARGET``.

It loads with ``weights_only=True``, which makes tensors and calls nothing else; classes that old training programs left
beside the weights are stood in for by an empty one. It keeps the tensors, under their own names, and drops the rest.
It refuses files that ask for anything else. A key and a value behind the two files go into the metadata. Exit code 0 is
success; else the last line of the output is the sentence.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from studio.library.pickled import PARAMETERS

_MOST_DEPTH = 4


class _Nothing:
    """Stands in for what is not needed; it takes anything and does nothing with it."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, _state: Any) -> None: ...

    def __hash__(self) -> int:
        return 0


class _Parameters(dict[str, Any]):
    """Stands in for ``torch.nn.ParameterDict``, which has its tensors in ``_parameters``."""

    def __setstate__(self, state: Any) -> None:
        inside = state.get("_parameters") if isinstance(state, Mapping) else None
        self.update(inside if isinstance(inside, Mapping) else {})


_STOOD_IN_FOR = (
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
    "pytorch_lightning.callbacks.early_stopping.EarlyStopping",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "_codecs.encode",
)


def convert(source: Path, target: Path, metadata: Mapping[str, str]) -> int:
    """Write the tensors of ``source`` to ``target`` and say how many. Raises what `torch.load` raises."""
    stand_ins: list[Any] = [(_Nothing, name) for name in _STOOD_IN_FOR] + [(_Parameters, PARAMETERS)]
    with torch.serialization.safe_globals(stand_ins):
        try:
            state = torch.load(source, map_location="cpu", weights_only=True, mmap=True)
        except (RuntimeError, ValueError):  # the older format cannot be mapped
            state = torch.load(source, map_location="cpu", weights_only=True)
    tensors = dict(_tensors(state))
    if not tensors:
        raise ValueError("it holds no weights")
    save_file(_apart(tensors), target, metadata={"format": "pt", **metadata})
    return len(tensors)


def _tensors(state: Any) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(state, Mapping) and isinstance(state.get("string_to_param"), Mapping):  # an embedding of A1111
        yield from (("emb_params", value) for value in state["string_to_param"].values())
        return
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    yield from _within(state, "", 0)


def _within(value: Any, prefix: str, depth: int) -> Iterator[tuple[str, torch.Tensor]]:
    if not isinstance(value, Mapping) or depth > _MOST_DEPTH:
        return
    for key, inside in value.items():
        if isinstance(inside, torch.Tensor):
            yield f"{prefix}{key}", inside.detach()
        else:
            yield from _within(inside, f"{prefix}{key}.", depth + 1)


def _apart(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Each with memory of its own, as the format wants it."""
    seen: set[int] = set()
    apart: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        whole = tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes
        apart[name] = tensor if whole and place not in seen else tensor.clone(memory_format=torch.contiguous_format)
        seen.add(place)
    return apart


def main() -> None:
    """Convert the file named first into the one named second."""
    source, target = (Path(argument) for argument in sys.argv[1:3])
    said = sys.argv[3:]
    try:
        convert(source, target, dict(zip(said[::2], said[1::2], strict=True)))
    except (OSError, ValueError, RuntimeError, KeyError, EOFError, pickle.UnpicklingError) as error:
        print(f"{type(error).__name__}: {(str(error).strip() or 'no reason was given').splitlines()[0]}")
        sys.exit(1)


if __name__ == "__main__":
    main()
