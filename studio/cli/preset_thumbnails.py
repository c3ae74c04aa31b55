"""``studio presets thumbnails``: the pictures of the presets that ship, drawn again by the starter.

Only presets that the starter can show have one: its own, and those that set how a picture is made and not what is in
it. Words it never learnt would only spoil its drawing, so the others keep the drawing of their family. The same machine
gives the same pictures: seeds are fixed, and each is made as if it were alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from studio.errors import InvalidField

if TYPE_CHECKING:
    from studio.recipe import Recipe
    from studio.recipe.presets import Preset

OWN_FAMILY = "Starter"
OTHER_FAMILIES = ("Effort", "Few steps", "Samplers")
NOT_SHOWN = frozenset(("large-print",))
"""A second pass is more than the starter can draw."""

STARTER = "starter"
SEED = 7
MOTIFS = (
    "3d rocket on a blue background", "flat cat face on a teal background", "3d strawberry on a white background",
    "flat fox on a green background", "3d hamburger on a yellow background", "flat octopus on a purple background",
    "3d sunflower on a blue background", "flat house on an orange background", "3d panda on a green background",
    "flat pizza on a red background", "3d owl on a purple background", "flat cactus on a pink background",
    "3d doughnut on a teal background", "flat penguin on a blue background", "3d guitar on a yellow background",
    "flat red apple on a white background",
)  # fmt: skip


def thumbnails(
    names: Annotated[
        list[str] | None, typer.Argument(help="Presets to draw; all that can be if none is named.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to put them into; else that of the presets.")] = None,
) -> None:
    """Draw the thumbnails of the presets that ship again, with the starter."""
    from studio.paths import shipped
    from studio.presets.thumbnails import small_picture
    from studio.services import presets_alone
    from studio.settings import load_settings
    from studio.store import write_atomic

    folder = (out or shipped("presets")).resolve()
    with tempfile.TemporaryDirectory() as home:
        settings = load_settings(home=Path(home))
        with presets_alone(settings) as presets:
            recipes = recipes_of(presets.of("nobody"))
        for name in names or ():
            if name not in recipes:
                raise InvalidField("names", f"{name[:40]!r} is none that the starter can show", ", ".join(recipes))
        chosen = {name: recipe for name, recipe in recipes.items() if not names or name in names}
        for name, data in _drawn(Path(home), chosen):
            write_atomic(folder / f"{name}.webp", small_picture(data))
            typer.echo(name)


def recipes_of(presets: Mapping[str, Preset]) -> dict[str, Recipe]:
    """What is drawn for each preset that the starter can show."""
    from studio.recipe import Recipe

    recipes: dict[str, Recipe] = {}
    others = [preset for preset in presets.values() if preset.family in OTHER_FAMILIES and preset.name not in NOT_SHOWN]
    motifs = {preset.name: MOTIFS[at % len(MOTIFS)] for at, preset in enumerate(others)}
    for name, preset in presets.items():
        if preset.family != OWN_FAMILY and name not in motifs:
            continue
        made = preset.apply(Recipe(prompt=motifs.get(name, "")))
        checkpoint = STARTER if made.checkpoint == "auto" else made.checkpoint
        alone = {"checkpoint": checkpoint, "seed": SEED, "exact": True, "width_px": None, "height_px": None}
        recipes[name] = made.with_fields(alone)
    return recipes


def _drawn(home: Path, recipes: Mapping[str, Recipe]) -> Iterator[tuple[str, bytes]]:
    """Each picture's PNG, as soon as it is there."""
    from studio.cli.orders import OwnWorker, Saving, finished_ids
    from studio.services import build_studio
    from studio.settings import load_settings

    studio = build_studio(load_settings(home=home))
    try:
        studio.start()
        maker = OwnWorker(studio)
        jobs = {name: maker.submit(recipe, 1) for name, recipe in recipes.items()}
        for name, job in jobs.items():
            for state in maker.follow(job["id"]):
                job = state
            yield name, maker.file(finished_ids(job)[0], Saving())[1]
    finally:
        studio.close()
