"""``studio presets``: listed, shown, saved, handed on and taken in. They are files, so no server is asked.

A server that runs on the same home sees what changes at once.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from studio.cli.flags import AsJson, Home, Models
from studio.cli.preset_thumbnails import thumbnails
from studio.cli.starts import read_file
from studio.errors import InvalidField

if TYPE_CHECKING:
    from studio.presets import Presets
    from studio.settings import Settings

app = typer.Typer(help="Presets: partial recipes by name.", no_args_is_help=True)
app.command("thumbnails")(thumbnails)


@app.command("list")
def list_presets(
    family: Annotated[str, typer.Option(help="Only those of one family.")] = "",
    home: Home = None,
    models: Models = None,
    as_json: AsJson = False,
) -> None:
    """List every preset by family, with its problem if it has one."""
    from studio.services import LOCAL_OWNER, presets_alone

    with presets_alone(_settings(home, models)) as presets:
        found = [one for one in presets.of(LOCAL_OWNER).values() if family.casefold() in ("", one.family.casefold())]
    if as_json:
        typer.echo(json.dumps([preset.as_dict() for preset in found], indent=2, ensure_ascii=False))
        return
    for preset in found:
        said = f"problem: {preset.problem}" if preset.problem else preset.title
        typer.echo(f"{preset.name:<26} {preset.family:<10} {said}")


@app.command("show")
def show_preset(
    name: Annotated[str, typer.Argument(help="Name or title of a preset.")], home: Home = None, as_json: AsJson = False
) -> None:
    """Show one preset as the file that it is."""
    from studio.recipe.preset_files import write_preset
    from studio.recipe.presets import find_preset
    from studio.services import LOCAL_OWNER, presets_alone

    with presets_alone(_settings(home, None)) as presets:
        preset = find_preset(presets.of(LOCAL_OWNER), name)
    if as_json:
        typer.echo(json.dumps(preset.as_dict(), indent=2, ensure_ascii=False))
        return
    if preset.problem:
        typer.echo(f"# problem: {preset.problem}")
    typer.echo(write_preset(preset).decode(), nl=False)


@app.command("save")
def save_preset(
    title: Annotated[str, typer.Argument(help="What to call it.")],
    source: Annotated[Path | None, typer.Option("--from", help="A picture whose look it is to keep.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A field of the recipe, such as steps=20; may be repeated.")
    ] = None,
    family: Annotated[str, typer.Option(help="Where it stands.")] = "",
    notes: Annotated[str, typer.Option(help="What to know of it.")] = "",
    example: Annotated[str, typer.Option(help="Words for those who have none yet.")] = "",
    default_for: Annotated[str, typer.Option(help="An untouched form begins with it: any, sd1, sd2, sdxl.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of one with this title.")] = False,
    home: Home = None,
    models: Models = None,
) -> None:
    """Save a preset of your own, from a picture's file, from fields, or both."""
    from studio.recipe.presets import Preset
    from studio.services import LOCAL_OWNER, presets_alone

    settings = _settings(home, models)
    picture = read_file(source) if source else None
    fields = _fields_in(picture, settings) if picture else {}
    fields |= _fields_of(setting or [])
    if not fields:
        raise InvalidField("recipe", "a preset without a field changes nothing", "--from FILE, --set FIELD=VALUE")
    preset = Preset(
        "", title, notes=notes, family=family, example=example, default_for=default_for, fields=fields
    )  # fmt: skip
    with presets_alone(settings) as presets:
        saved = presets.save(LOCAL_OWNER, preset, picture, replaces=replace)
    typer.echo(f"{saved.name}: problem: {saved.problem}" if saved.problem else saved.name)


@app.command("import")
def import_presets(
    files: Annotated[list[Path], typer.Argument(help="Presets as TOML files, or A1111's styles.csv.")],
    home: Home = None,
) -> None:
    """Make presets of files your own. A file's trouble is said, and does not stop the others."""
    from studio.services import presets_alone

    failed = False
    with presets_alone(_settings(home, None)) as presets:
        for file in files:
            failed |= not _took_in(presets, file)
    if failed:
        raise typer.Exit(1)


@app.command("export")
def export_preset(
    name: Annotated[str, typer.Argument(help="Name or title of a preset.")],
    out: Annotated[Path | None, typer.Option(help="File to write; else it is printed.", dir_okay=False)] = None,
    home: Home = None,
) -> None:
    """Write a preset as one file with its picture in it, to hand on."""
    from studio.recipe.presets import find_preset
    from studio.services import LOCAL_OWNER, presets_alone
    from studio.store import write_atomic

    with presets_alone(_settings(home, None)) as presets:
        data = presets.export(LOCAL_OWNER, find_preset(presets.of(LOCAL_OWNER), name).name)
    if out is None:
        typer.echo(data.decode(), nl=False)
    else:
        write_atomic(out.resolve(), data)
        typer.echo(str(out))


def _took_in(presets: Presets, file: Path) -> bool:
    from studio.errors import StudioError
    from studio.services import LOCAL_OWNER

    try:
        taken = presets.take_in(LOCAL_OWNER, read_file(file), file.name)
    except StudioError as error:
        typer.secho(f"{file.name}: {error}", fg=typer.colors.RED, err=True)
        return False
    for name in taken.names:
        typer.echo(name)
    for problem in taken.problems:
        typer.secho(f"{file.name}: {problem}", fg=typer.colors.RED, err=True)
    return not taken.problems


def _fields_in(picture: bytes, settings: Settings) -> dict[str, Any]:
    from studio.recipe import Recipe
    from studio.recipe.presets import partial_of
    from studio.services import build_holdings

    holdings = build_holdings(settings)
    try:
        stock = holdings.read_file(picture)
    finally:
        holdings.library.close()
    if not stock.recipe:
        raise InvalidField("from", "this picture does not say how it was made", "one that does")
    return partial_of(Recipe(**stock.recipe))


def _fields_of(settings: list[str]) -> dict[str, Any]:
    """``field=value`` as JSON where that is what the field takes, else as the words they are."""
    fields: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise InvalidField("set", f"{setting[:40]!r} sets nothing", "FIELD=VALUE")
        fields[name.strip()] = _read(value)
    return fields


def _read(value: str) -> Any:
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return value if isinstance(found, (dict, list)) else found


def _settings(home: Path | None, models: list[Path] | None) -> Settings:
    from studio.settings import load_settings

    return load_settings(home=home, models=models or None)
