"""Turns a pickled model into safetensors: chooses where to, has another process do it, and checks what came out.

The process that reads the pickle holds nothing of the studio's, loads weights and nothing else, and can be killed. What
it wrote is taken only when its header is sound. The pickle stays where it is, and nothing is written into the folders
of other programs.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from studio.errors import Cancelled, Conflict, DamagedModel, UnsupportedModel
from studio.library.header import read_header
from studio.library.pickled import SUFFIXES, read_pickled
from studio.library.placing import put_in_place
from studio.library.room import make_room
from studio.library.single_file import SAFETENSORS, name_of
from studio.library.twins import MADE_FROM, mark_of

CONVERTER = "studio.engine.convert"
SPARE_BYTES = 100_000_000
_MOST_SECONDS = 3600
_LOOK_EVERY_S = 0.2


def place_for(source: Path, home_models: Path) -> Path:
    """Where the converted file goes: into the home's models, and there beside the pickle if that lies there too.

    Raises:
        UnsupportedModel: the file is no pickle, or asks for more than weights.
        Conflict: it was converted already.
    """
    if source.suffix.lower() not in SUFFIXES:
        raise UnsupportedModel(f"{source.name} is no pickled model; those end in {', '.join(SUFFIXES)}.")
    if not source.is_file():
        raise DamagedModel(f"There is no file {source}.")
    if not read_header(source).problem:
        raise UnsupportedModel(f"{source.name} is a safetensors file, whatever its name says. Rename it.")
    strange = read_pickled(source).strange
    if strange:
        raise UnsupportedModel(
            f"{source.name} would run {', '.join(strange[:3])} when it is read, which weights never need. "
            "It was not opened. Do not use it; get the model as safetensors from its maker."
        )
    own = Path(os.path.realpath(source.parent)).is_relative_to(os.path.realpath(home_models))
    folder, mark = source.parent if own else home_models, mark_of(source)
    for name in _names(source):
        target = folder / f"{name}{SAFETENSORS}"
        if not target.exists():
            return target
        made_from = read_header(target).metadata.get(MADE_FROM)
        if made_from == mark or (own and made_from is None):
            raise Conflict(f"{target} is there already. Move it away to convert {source.name} again.")
    raise Conflict(f"{folder} holds too many files of that name.")


def _names(source: Path) -> Iterator[str]:
    """What it may be called, so that no two pickles of one name come to one file."""
    name = name_of(source.absolute())
    yield name
    if source.absolute().parent.name not in ("", name):
        yield f"{source.absolute().parent.name}-{name}"
    yield from (f"{name}-{number}" for number in range(2, 100))


def convert(source: Path, target: Path, stopped: Callable[[], bool] = lambda: False) -> Path:
    """Convert ``source`` into ``target``, which appears only when it is whole; ``stopped`` is asked now and then.

    Answers where it lies: under another name, where something else has that one by then.

    Raises:
        Conflict: something has all its names.
        Cancelled: it was stopped.
        StorageFull: there is no room for a second copy.
        DamagedModel: it cannot be read as weights alone; the message says why.
    """
    make_room(target.parent, source.stat().st_size, SPARE_BYTES)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        _run(source, part, stopped)
        problem = read_header(part).problem
        if problem:
            raise DamagedModel(f"What was written of {source.name} is not sound: {problem}")
        for place in (target, *(target.with_name(f"{name}{SAFETENSORS}") for name in _names(source))):
            if put_in_place(part, place):
                return place
        raise Conflict(f"{target.parent} holds too many files of that name.")
    finally:
        part.unlink(missing_ok=True)


def _run(source: Path, part: Path, stopped: Callable[[], bool]) -> None:
    command = [sys.executable, "-m", CONVERTER, str(source), str(part), MADE_FROM, mark_of(source)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until_s = time.monotonic() + _MOST_SECONDS
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                output, errors = process.communicate(timeout=_LOOK_EVERY_S)
                break
            if stopped():
                raise Cancelled(f"Converting {source.name} was stopped.")
            if time.monotonic() > until_s:
                raise DamagedModel(f"{source.name} was not converted within an hour, so it was given up.")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    if process.returncode:
        said = (output.strip() or errors.strip() or f"exit code {process.returncode}").splitlines()[-1]
        raise DamagedModel(f"{source.name} cannot be read as weights alone: {said}")
