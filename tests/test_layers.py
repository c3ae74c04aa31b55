"""The layer table of docs/architecture.md: imports go down only, and the web process never loads torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

STUDIO = Path(__file__).resolve().parent.parent / "studio"

ROWS = {
    "errors": 0, "paths": 0, "set_aside": 0, "settings": 0, "settings_file": 0,
    "recipe": 1,
    "prompt": 2, "sampling": 2, "pictures": 2, "dialects": 2,
    "library": 3, "store": 3, "wildcards": 3,
    "network": 4, "accounts": 4, "adapters": 4, "learned_words": 4,
    "engine": 4, "gallery": 4, "jobs": 4, "sources": 4, "training": 4,
    "offer": 5, "presets": 5, "prompts": 5, "understanding": 5,
    "holdings": 5, "locating": 5, "whereabouts": 5, "variations": 5, "upkeep": 5, "services": 5,
    "api": 6, "sdapi": 6, "ui": 6, "client": 6, "client_answers": 6, "door": 6,
    "server": 7, "cli": 7, "__main__": 7,
}  # fmt: skip

TORCH_ROOMS = {"engine", "sampling", "training"}
HEAVY = {"torch", "diffusers", "transformers", "peft", "accelerate"}
TORCH_FREE_FILES = {"sampling/catalogue.py", "sampling/__init__.py", "engine/protocol.py", "engine/fake.py"}
FORBIDDEN_SIDEWAYS = {
    ("api", "ui"),
    ("ui", "api"),
    ("api", "sdapi"),
    ("ui", "sdapi"),
    ("sdapi", "ui"),
    ("jobs", "engine"),
    ("library", "store"),
    ("prompt", "sampling"),
}


def imports(file: Path, *, module_level_only: bool = False) -> Iterator[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = tree.body if module_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(file: Path) -> str:
    part = file.relative_to(STUDIO).parts[0]
    return part.removesuffix(".py")


FILES = sorted(file for file in STUDIO.rglob("*.py") if file != STUDIO / "__init__.py")


def test_every_room_has_a_row() -> None:
    assert {room(file) for file in FILES} <= set(ROWS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(STUDIO)))
def test_imports_go_down_only(file: Path) -> None:
    here = room(file)
    for name in imports(file):
        parts = name.split(".")
        if parts[0] != "studio" or len(parts) < 2 or parts[1] not in ROWS:
            continue
        there = parts[1]
        assert ROWS[there] <= ROWS[here], f"{file.name} ({here}) imports up: {name}"
        assert (here, there) not in FORBIDDEN_SIDEWAYS, f"{file.name}: {here} must not know {there}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(STUDIO)))
def test_torch_stays_in_its_rooms(file: Path) -> None:
    heavy = {name.split(".")[0] for name in imports(file, module_level_only=True)} & HEAVY
    name = file.relative_to(STUDIO).as_posix()
    if name in TORCH_FREE_FILES or room(file) not in TORCH_ROOMS:
        assert not heavy, f"{name} imports {heavy}"


def test_the_web_side_loads_without_torch() -> None:
    code = (
        "import sys, studio.server, studio.services, studio.ui.page, studio.sampling.catalogue, studio.engine.fake\n"
        "loaded = {'torch', 'diffusers', 'transformers'} & set(sys.modules)\n"
        "sys.exit(', '.join(loaded) or None)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
