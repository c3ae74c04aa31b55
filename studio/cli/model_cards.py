"""``studio models note`` and ``picture``: what a person writes on the card of a model, and shows there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from studio.cli.flags import Home, Models

if TYPE_CHECKING:
    from studio.library import Library
    from studio.library.card import ModelCard
    from studio.settings import Settings

Name = Annotated[str, typer.Argument(help="Name, file name or hash of a model.")]


def note(
    name: Name,
    notes: Annotated[str | None, typer.Option(help="Anything worth remembering.")] = None,
    trigger_words: Annotated[str | None, typer.Option(help="Words to put into a prompt, with commas between.")] = None,
    weight: Annotated[float | None, typer.Option(help="What a LoRA is best worn with.")] = None,
    prediction: Annotated[
        str | None, typer.Option(help="What a checkpoint predicts, where its file is mistaken: epsilon, v_prediction.")
    ] = None,
    zero_snr: Annotated[
        bool | None, typer.Option("--zero-snr/--no-zero-snr", help="Whether a checkpoint's last step is pure noise.")
    ] = None,
    vae: Annotated[
        str | None, typer.Option(help="The VAE that a checkpoint is used with where nobody names one; own: its own.")
    ] = None,
    forget: Annotated[
        list[str] | None,
        typer.Option(help="Take away what you wrote: notes, recipe, trigger_words, weight, prediction or zero_snr."),
    ] = None,
    home: Home = None,
    folders: Models = None,
) -> None:
    """Write on the card of a model; it is kept in the home, and what is left out stays as it is."""
    from studio.errors import InvalidField
    from studio.library.about import words_of
    from studio.library.card_fields import CHECKS
    from studio.settings import load_settings

    change: dict[str, Any] = {}
    for field in forget or []:
        if field.replace("-", "_") not in CHECKS:
            raise InvalidField("--forget", f"{field!r} stands on no card", ", ".join(CHECKS))
        change[field.replace("-", "_")] = None
    words = None if trigger_words is None else words_of(trigger_words)
    given = {"notes": notes, "trigger_words": words, "weight": weight, "prediction": prediction, "zero_snr": zero_snr}
    change |= {field: value for field, value in given.items() if value is not None}
    if not change and vae is None:
        raise InvalidField("note", "there is nothing to write", "--notes, --trigger-words, --weight and others: --help")
    card = written(load_settings(home=home, models=folders or None), name, change, vae)
    told = [*change, *(["vae"] if vae is not None else [])]
    typer.echo(f"Written on the card of {card['name']}: {', '.join(told).replace('_', ' ')}.")


def picture(
    name: Name,
    image: Annotated[str, typer.Option(help="The id of one of your pictures: studio gallery search lists them.")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Take the picture that was put there away.")] = False,
    home: Home = None,
    folders: Models = None,
) -> None:
    """Show one of your pictures on the card of a model; it is made small and kept in the home."""
    from studio.cli.running import running
    from studio.errors import InvalidField
    from studio.services import LOCAL_OWNER, build_library
    from studio.settings import load_settings

    if bool(image) == remove:
        raise InvalidField("picture", "say which", "--image ID, or --remove")
    settings = load_settings(home=home, models=folders or None)
    library = build_library(settings)
    card = library.look_up(name)
    client = running(settings)
    if client is not None:
        with client:
            client.remove_model_picture(card.id) if remove else client.set_model_picture(card.id, image)
    elif remove:
        library.set_picture(card.id, None)
    else:
        from studio.cli.gallery import gallery_of

        with gallery_of(home) as gallery:
            library.set_picture(card.id, gallery.file(LOCAL_OWNER, image))
    typer.echo(f"{card.name} shows {'no picture of yours any more' if remove else 'that picture'}.")


def written(settings: Settings, name: str, change: dict[str, Any], vae: str | None = None) -> dict[str, Any]:
    """The card of the model called ``name`` with ``change`` on it, written by the studio that runs on the home, if one
    does. ``vae`` goes into the recipe on it, whose other fields stay.
    """
    from studio.cli.running import running
    from studio.services import build_library

    library = build_library(settings)
    card = library.look_up(name)
    if vae is not None:
        kept = change.get("recipe", card.recipe) or {}
        change = {**change, "recipe": {**kept, "vae": _vae_for(library, card, vae)}}
    client = running(settings)
    if client is None:
        return library.write(card.id, **change).as_dict()
    with client:
        return client.write_on_model(card.id, **change)


def _vae_for(library: Library, card: ModelCard, name: str) -> str:
    """The name of the VAE as it is called here. Raises what is wrong with choosing it for this model."""
    from studio.errors import InvalidField
    from studio.library.fitting_vaes import fits
    from studio.recipe.model import AUTO, OWN_VAE

    if card.kind != "checkpoint":
        raise InvalidField("--vae", f"{card.name} is a model of kind {card.kind}, and only a checkpoint has one")
    if name.strip().casefold() in (AUTO, OWN_VAE):
        return name.strip().casefold()
    vae = library.part("vae", name, hashed=False)
    if not fits(vae, card.family):
        raise InvalidField("--vae", f"{vae.name} is made for another family than {card.name}", "one of its family")
    return vae.name
