"""Which files of a repository make a diffusers pipeline folder that the studio can read. It fetches nothing itself.

Configurations, tokenizers and the safetensors weights of one precision: no pickles, no other frameworks' weights, no
second copy in one file, and no weights of parts that the studio has no use for (the safety checker, say).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from studio.errors import DamagedModel, UnsupportedModel
from studio.library.diffusers_folder import INDEX, STEMS, WEIGHTED, index_files, is_named, problem_by_configuration
from studio.library.hub import Offered
from studio.library.hub_names import HALF

_SMALL = (".json", ".txt", ".model")
_PART = re.compile(r"^[A-Za-z0-9][\w-]*$")
_TOLD_BY = ("unet/config.json", "transformer/config.json", "scheduler/scheduler_config.json")


def pipeline_files(
    repository: str, index: Mapping[str, Any], tree: Mapping[str, Offered], variant: str
) -> dict[str, Offered]:
    """What to fetch, small files first: full precision unless a part has only half, or half where ``variant`` is fp16.

    Raises:
        UnsupportedModel: a part has no safetensors weights.
        DamagedModel: a part or its configuration is missing, or a path leads out of the folder.
    """
    parts = [name for name in index if is_named(index, name)]
    chosen = [INDEX]
    for path in tree:
        if path.startswith("/") or "\\" in path or ".." in PurePosixPath(path).parts:
            raise DamagedModel(f"{repository} lists a file outside of its folder ({path[:80]!r}). It is not fetched.")
    for part in parts:
        if not _PART.match(part):
            raise DamagedModel(f"{INDEX} of {repository} names a part {part[:80]!r}, which cannot be a folder.")
        inside = [name for path in tree for folder, _, name in [path.rpartition("/")] if folder == part]
        names = [name for name in inside if name.endswith(_SMALL) and ".index." not in name]
        if part in WEIGHTED:
            names += _weights(repository, part, inside, variant)
        chosen += [f"{part}/{name}" for name in names]
    if not any(path.endswith(".safetensors") for path in chosen):
        raise DamagedModel(f"{INDEX} of {repository} names no part with weights.")
    return {path: tree[path] for path in sorted(chosen, key=lambda path: (tree[path].size_bytes, path))}


def problem_of(index: bytes, tree: Mapping[str, Offered], read: Callable[[str], bytes]) -> str | None:
    """Why the studio could not run the pipeline, as its index and configurations tell before anything is fetched."""
    with tempfile.TemporaryDirectory(prefix="studio-look-") as place:
        folder = Path(place)
        (folder / INDEX).write_bytes(index)
        for path in _TOLD_BY:
            if path in tree:
                (folder / path).parent.mkdir(exist_ok=True)
                (folder / path).write_bytes(read(path))
        return problem_by_configuration(folder)


def _weights(repository: str, part: str, inside: list[str], variant: str) -> list[str]:
    if "config.json" not in inside:
        raise DamagedModel(f"{repository} lacks {part}/config.json.")
    for precision in (HALF, None) if variant == HALF else (None, HALF):
        middle = f".{precision}" if precision else ""
        for stem in STEMS:
            for listed in index_files(stem, precision):
                shard = re.compile(rf"{stem}{re.escape(middle)}-\d+-of-\d+\.safetensors")
                late = re.compile(rf"{stem}-\d+-of-\d+{re.escape(middle)}\.safetensors")
                shards = [name for name in inside if shard.fullmatch(name) or late.fullmatch(name)]
                if listed in inside and shards:
                    return [listed, *shards]
            if f"{stem}{middle}.safetensors" in inside:
                return [f"{stem}{middle}.safetensors"]
    raise UnsupportedModel(
        f"{part} of {repository} has no safetensors weights. Pickled ones are not fetched, because reading them can "
        "run code."
    )
