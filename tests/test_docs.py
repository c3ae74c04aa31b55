"""The docs name everything that can be typed: every command, setting and route."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from fastapi.routing import APIRoute

from studio.api import (
    albums,
    arrivals,
    backups,
    batches,
    catalogue,
    checks,
    images,
    imports,
    jobs,
    models,
    people,
    presets,
    prompts,
    queue,
    recipes,
    remembered,
    residency,
    sharing,
    sources,
    wildcards,
)
from studio.cli.app import app
from studio.client import StudioClient
from studio.sdapi import extras, generation, internal, lists, progress, upkeep
from studio.sdapi.options import OPTIONS, Option
from studio.settings import Settings

ROUTES = [
    route
    for part in (
        *(jobs, batches, queue, albums, images, imports, recipes, presets, prompts, wildcards),
        *(sources, arrivals, checks, residency, models, people, remembered, sharing, catalogue, backups),
    )
    for route in part.router.routes
]
CLIENT_ROUTES = [
    (prefix, route)
    for prefix, parts in (("/sdapi/v1", (generation, progress, extras, lists, upkeep)), ("/internal", (internal,)))
    for part in parts
    for route in part.router.routes
]
DOCS = Path(__file__).resolve().parent.parent / "docs"


def commands(group: typer.Typer, words: str) -> Iterator[str]:
    for command in group.registered_commands:
        assert command.name is not None
        assert command.callback is not None and command.callback.__doc__, f"{words} {command.name} has no help"
        yield f"{words} {command.name}"
    for sub in group.registered_groups:
        assert sub.typer_instance is not None and sub.name is not None
        yield from commands(sub.typer_instance, f"{words} {sub.name}")


@pytest.mark.parametrize("command", list(commands(app, "studio")))
def test_every_command_is_documented(command: str) -> None:
    assert f"`{command}`" in (DOCS / "commands.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_documented_with_its_own_sentence(name: str) -> None:
    sentence = Settings.model_fields[name].description
    assert sentence and f"| `{name}` |" in (text := (DOCS / "settings.md").read_text(encoding="utf-8"))
    assert sentence in text


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_is_documented(route: APIRoute) -> None:
    method = next(iter(route.methods))
    assert f"`{method} /api/v1{route.path}`" in (DOCS / "api.md").read_text(encoding="utf-8")
    assert route.description, f"{route.path} has no description"


@pytest.mark.parametrize(("prefix", "route"), CLIENT_ROUTES)
def test_every_route_of_a1111_is_documented(prefix: str, route: APIRoute) -> None:
    method = next(iter(route.methods))
    assert f"`{method} {prefix}{route.path}`" in (DOCS / "a1111.md").read_text(encoding="utf-8")
    assert route.description, f"{route.path} has no description"


@pytest.mark.parametrize("option", [option for option in OPTIONS.values() if not option.is_fixed], ids=str)
def test_every_option_of_a1111_is_documented(option: Option) -> None:
    assert f"`{option.name}`" in (DOCS / "a1111.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name, _ in inspect.getmembers(StudioClient, inspect.isfunction)])
def test_every_method_of_the_client_is_explained(name: str) -> None:
    if not name.startswith("_"):
        assert getattr(StudioClient, name).__doc__, f"{name} has no help"
