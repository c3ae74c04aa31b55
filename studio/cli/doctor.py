"""``studio doctor``: what this installation sees, and what is wrong with it."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

import typer

from studio.cli.flags import Home, Models

if TYPE_CHECKING:
    from studio.settings import Settings

LIBRARIES = ("torch", "diffusers", "transformers", "gradio", "fastapi", "sqlalchemy", "pillow", "numpy")
FEWEST_FREE_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """One line of the report; ``wrong`` ones make the command end with 1."""

    text: str
    wrong: bool = False


def doctor(home: Home = None, models: Models = None) -> None:
    """Say what device, memory, versions, models and folders the studio sees, and what is wrong."""
    from studio.settings import load_settings

    findings = list(examine(load_settings(home=home, models=models or None)))
    for finding in findings:
        typer.echo(f"{'WRONG ' if finding.wrong else 'ok    '}{finding.text}")
    problems = sum(finding.wrong for finding in findings)
    typer.echo(f"\n{problems} problem(s) found." if problems else "\nEverything is in order.")
    if problems:
        raise typer.Exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """Every finding, in the order a person would ask."""
    yield Finding(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    yield from _libraries()
    yield from _devices()
    yield from _memory()
    yield from _home(settings)
    yield from _models(settings)
    yield from _presets(settings)


def _libraries() -> Iterator[Finding]:
    for name in LIBRARIES:
        try:
            yield Finding(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            yield Finding(f"{name} is not installed. Install the studio again, see the README.", wrong=True)


def _devices() -> Iterator[Finding]:
    """Ask in another process: this one stays free of torch, and a broken driver cannot take it down."""
    question = (
        "import torch\n"
        "for n in range(torch.cuda.device_count()):\n"
        "    p = torch.cuda.get_device_properties(n)\n"
        "    print(f'cuda:{n} {p.name}, {p.total_memory / 2**30:.1f} GiB')\n"
        "print(f'cpu, {torch.get_num_threads()} threads')\n"
    )
    answer = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, timeout=120)
    if answer.returncode:
        last = answer.stderr.strip().splitlines()[-1:] or ["no reason given"]
        yield Finding(f"torch does not start: {last[0]}", wrong=True)
    for line in answer.stdout.splitlines():
        yield Finding(f"device {line}")


def _memory() -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory()
    yield Finding(f"memory {memory.available / 2**30:.1f} GiB free of {memory.total / 2**30:.1f} GiB")


def _home(settings: Settings) -> Iterator[Finding]:
    home = settings.paths.home
    place = home if home.exists() else next(parent for parent in home.parents if parent.exists())
    free = shutil.disk_usage(place).free
    low = free < FEWEST_FREE_BYTES
    yield Finding(f"home {home}, {free / 1e9:,.1f} GB free" + (": that is little" if low else ""), wrong=low)
    if not home.exists():
        yield Finding("the home folder will be made at the first start")
        return
    try:
        probe = home / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        yield Finding(f"the home folder cannot be written: {error.strerror}", wrong=True)
    yield from _database(settings)
    yield from _set_aside(settings)


def _database(settings: Settings) -> Iterator[Finding]:
    import sqlite3

    file = settings.paths.database
    if not file.exists():
        return
    try:
        connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
        try:
            verdict = connection.execute("PRAGMA quick_check").fetchone()[0]
            images = connection.execute("SELECT count(*) FROM images").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        yield Finding(f"the database is damaged ({error}); the next start sets it aside and rebuilds it", wrong=True)
        return
    yield Finding(f"database {file.name}: {verdict}, {images:,} images", wrong=verdict != "ok")


def _set_aside(settings: Settings) -> Iterator[Finding]:
    from studio.set_aside import found_in
    from studio.settings_file import read_settings_file
    from studio.upkeep.notices import kept_folders

    for found in found_in(kept_folders(settings.paths)):
        yield Finding(f"{found} Look at it, then move it away.", wrong=True)
    file = read_settings_file(settings.paths.settings_file)
    if file.problem:
        yield Finding(f"{file.file} is damaged ({file.problem}); the next start sets it aside", wrong=True)
    for remark in settings.remarks():
        yield Finding(remark, wrong=True)


def _models(settings: Settings) -> Iterator[Finding]:
    from studio.services import build_library

    for folder in settings.models:
        if not folder.is_dir():
            yield Finding(f"the models folder {folder} does not exist", wrong=True)
    library = build_library(settings)
    for problem in library.problems:
        yield Finding(problem, wrong=True)
    found = library.checkpoints()
    if not found:
        yield Finding("no checkpoint found: put one into the models folder of the home", wrong=True)
    for checkpoint in found:
        told = checkpoint.problem or checkpoint.remark
        words = f": {told}" if told else ""
        yield Finding(f"checkpoint {checkpoint.name} ({checkpoint.family}){words}", wrong=bool(checkpoint.problem))


def _presets(settings: Settings) -> Iterator[Finding]:
    from studio.services import LOCAL_OWNER, presets_alone

    with presets_alone(settings) as presets:
        found = presets.of(LOCAL_OWNER).values()
    yield Finding(f"{sum(preset.problem is None for preset in found)} presets")
    for preset in found:
        if preset.problem:
            yield Finding(f"preset {preset.name}: {preset.problem}", wrong=True)
