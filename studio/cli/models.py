"""``studio models``: what is in the library, whether it is sound, and how more gets into it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from studio.cli import model_cards
from studio.cli.flags import AsJson, Home, Models

if TYPE_CHECKING:
    from studio.library import Family, Kind, Library
    from studio.settings import Settings

models = typer.Typer(help="The model library.", no_args_is_help=True)
models.command("note")(model_cards.note)
models.command("picture")(model_cards.picture)

KindFlag = Annotated[
    str, typer.Option("--kind", help="checkpoint, lora, embedding, vae, upscaler, controlnet, another kind, or all.")
]
USUAL_ADDRESS = "http://127.0.0.1:7860"
_WORTH_TELLING_BYTES = 1_000_000_000
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@models.command("list")
def list_models(
    home: Home = None,
    folders: Models = None,
    kind: KindFlag = "checkpoint",
    family: Annotated[str | None, typer.Option("--family", help="Only this family, such as sd1 or sdxl.")] = None,
    folder: Annotated[
        str, typer.Option("--folder", help="Only in this folder of models or further down; a dot: in none.")
    ] = "",
    search: Annotated[str, typer.Option("--search", help="Words that name, notes or trigger words hold.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the checkpoints, or another kind, each with its problem if it has one."""
    from studio.library import folder_called, matching

    library = _library(home, folders)
    chosen = _kind(kind)
    cards = library.parts(chosen) if chosen else library.models()
    place = folder_called(folder, library.models()) if folder else ""
    found = matching(cards, families=[_family(family)] if family else [], query=search, folder=place)
    if as_json:
        typer.echo(json.dumps([card.as_dict() for card in found], indent=2))
        return
    for card in found:
        size = f"{card.size_bytes / 1e6:,.0f} MB"
        sort = f"{card.kind:<12} " if chosen is None else ""
        typer.echo(
            f"{card.name:<32} {sort}{card.family:<8} {size:>10}  {card.problem or card.remark or card.form}".rstrip()
        )
    for problem in library.problems:
        typer.echo(problem, err=True)
    if not found:
        more = " with that family, folder or words" if family or folder or search else ""
        typer.echo(f"Nothing found{more}. Put models into the home's models folder, or name a folder with --models.")


@models.command("memory")
def memory(
    server: Annotated[str, typer.Option(help="Address of the studio, else the one on the home folder.")] = "",
    unload: Annotated[bool, typer.Option("--unload", help="First give back what no picture is using.")] = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Show which models a running studio keeps in memory, and what is free; `--unload` gives memory back."""
    from studio.cli.running import running
    from studio.client import StudioClient
    from studio.settings import load_settings

    with (server == "" and running(load_settings(home=home))) or StudioClient(server or USUAL_ADDRESS) as client:
        if unload:
            client.unload()
            typer.echo("Memory that no picture is using is given back.", err=True)
        found = client.residency()
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for name in ("device", "host", "disk"):
        bar = found[name]
        if bar is not None:
            told = (f"{bar[key] / 1e6:>9,.0f} MB {word}" for key, word in _BAR.items() if bar[key])
            typer.echo(f"{name:<8} {'  '.join(told)}")
    for model in found["models"]:
        sizes = f"{model['device_bytes'] / 1e6:,.0f} MB on the device, {model['host_bytes'] / 1e6:,.0f} MB in memory"
        typer.echo(f"{model['name']:<32} {sizes}{'' if model['ready'] else ' (waiting)'}")
    if not found["models"]:
        typer.echo("No model is in memory.")


_BAR = {"used_bytes": "used", "free_bytes": "free", "total_bytes": "in all", "budget_bytes": "budget"}


@models.command("info")
def model_info(
    name: Annotated[str, typer.Argument(help="Name, file name or hash of a model.")],
    home: Home = None,
    folders: Models = None,
    kind: KindFlag = "all",
) -> None:
    """Show everything that is known of one model, its hash included."""
    card = _library(home, folders).look_up(name, _kind(kind))
    typer.echo(json.dumps({**card.as_dict(), "path": str(card.path)}, indent=2))


@models.command("verify")
def verify_models(
    names: Annotated[
        list[str] | None, typer.Argument(help="Models to read again; all of them if none is named.")
    ] = None,
    home: Home = None,
    folders: Models = None,
) -> None:
    """Read models again from end to end, and name those that are damaged or changed since they were hashed."""
    library = _library(home, folders)
    cards = [library.look_up(name, hashed=False) for name in names] if names else library.models()
    line = _Line(sum(card.size_bytes for card in cards))
    damaged = 0
    for card in cards:
        problem = library.verify(card, line.part)
        damaged += problem is not None
        line.end_part(card.size_bytes)
        typer.echo(f"{card.name}: {problem or 'sound'}")
    if damaged and len(cards) > 1:
        typer.echo(f"{damaged} of {len(cards)} are not sound.", err=True)
    if damaged:
        raise typer.Exit(1)


@models.command("convert")
def convert_models(
    files: Annotated[list[Path] | None, typer.Argument(help="Pickled models: .ckpt, .pt, .pth or .bin.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All pickled models of the library.")] = False,
    home: Home = None,
    folders: Models = None,
    yes: Yes = False,
) -> None:
    """Write the weights of pickled models as safetensors into the home. The pickles stay."""
    from studio.errors import InvalidField, StudioError
    from studio.library.conversion import SPARE_BYTES, convert, place_for
    from studio.library.room import make_room

    if bool(files) == everything:
        raise InvalidField("FILE", "name pickled models, or say --all", "one or the other")
    home_models = _settings(home, folders).paths.models
    chosen = files or [card.path for card in _library(home, folders).models() if card.pickled]
    if not chosen:
        typer.echo("There is no pickled model that waits to be converted.")
        return
    size_bytes = sum(file.stat().st_size for file in chosen if file.is_file())
    place = f"{len(chosen)} models into {home_models}"
    if len(chosen) == 1:
        place = str(place_for(chosen[0], home_models))
    make_room(home_models, size_bytes, SPARE_BYTES)
    if not yes:
        typer.confirm(f"Write {place} ({size_bytes / 1e6:,.0f} MB)?", abort=True)
    failed = 0
    for file in chosen:
        try:
            typer.echo(convert(file, place_for(file, home_models)))
        except StudioError as error:
            if len(chosen) == 1:
                raise
            failed += 1
            typer.echo(f"{file.name}: {error}", err=True)
    if failed:
        typer.echo(f"{failed} of {len(chosen)} were not converted.", err=True)
        raise typer.Exit(1)


@models.command("pull")
def pull_model(
    name: Annotated[str | None, typer.Argument(help="A short name, owner/name, or an address of the hub.")] = None,
    file: Annotated[
        str, typer.Option("--file", help="Which file of the repository, rather than its diffusers folder.")
    ] = "",
    variant: Annotated[str, typer.Option("--variant", help="fp16 for the half-precision weights of a folder.")] = "",
    home: Home = None,
    yes: Yes = False,
) -> None:
    """Fetch a model from the Hugging Face hub into the home; without a name, list some to begin with."""
    from studio.library.first_models import FIRST_MODELS
    from studio.library.hub import Hub
    from studio.library.hub_names import wanted
    from studio.library.pulling import chosen, offer_of, pull

    if name is None:
        for first in FIRST_MODELS:
            typer.echo(
                f"{first.name:<12} {first.size_gb:>4} GB  {first.licence:<26} {first.memory_gb} GB GPU  {first.about}"
            )
        return
    with Hub() as hub:
        what = chosen(hub, wanted(name, file, variant))
        offer = offer_of(hub, what)
        target = offer.place(_settings(home, None).paths.models)
        if offer.problem:
            typer.echo(offer.problem, err=True)
        files = f"the folder of {len(offer.files)} files" if what.is_pipeline else what.file
        if not yes:
            typer.confirm(f"Fetch {files} ({offer.size_bytes / 1e6:,.0f} MB) as {target}?", abort=True)
        target = pull(hub, what, target.parent, _Line(), offer)
    typer.echo(f"{target}")


class _Line:
    """Progress on one line of a terminal; in a file, a line for each tenth. Of ``whole`` bytes there may be several
    parts, with other lines between them; less than is worth telling of is not told of in a file.
    """

    def __init__(self, whole: int = 0) -> None:
        self._shown_s = 0.0
        self._tenth = -1
        self._whole = whole
        self._before = 0

    def __call__(self, done: int, total: int) -> None:
        words = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB"
        if sys.stderr.isatty():
            if time.monotonic() - self._shown_s > 0.2 or done >= total:
                self._shown_s = time.monotonic()
                typer.echo(f"\r{words}" + ("\n" if done >= total else ""), nl=False, err=True)
        elif total and done * 10 // total > self._tenth:
            self._tenth = done * 10 // total
            typer.echo(words, err=True)

    def part(self, done: int, total: int) -> None:
        """So much of the part that is under way is done."""
        done += self._before
        if done < self._whole and (sys.stderr.isatty() or self._whole >= _WORTH_TELLING_BYTES):
            self(done, self._whole)

    def end_part(self, size: int) -> None:
        """A part ended: the line is free for other words."""
        self._before += size
        if sys.stderr.isatty() and self._shown_s:
            typer.echo("\r\033[K", nl=False, err=True)


def _kind(text: str) -> Kind | None:
    from studio.errors import InvalidField
    from studio.library import KINDS

    if text == "all":
        return None
    for kind in KINDS:
        if text == kind:
            return kind
    raise InvalidField("--kind", f"{text!r} is no kind of model", ", ".join([*KINDS, "all"]))


def _family(text: str) -> Family:
    from studio.errors import InvalidField
    from studio.library.card import FAMILIES

    for family in FAMILIES:
        if text == family:
            return family
    raise InvalidField("--family", f"{text!r} is no family of models", ", ".join(FAMILIES))


def _settings(home: Path | None, folders: list[Path] | None) -> Settings:
    from studio.settings import load_settings

    return load_settings(home=home, models=folders or None)


def _library(home: Path | None, folders: list[Path] | None) -> Library:
    from studio.services import build_library

    return build_library(_settings(home, folders))
