"""``studio vary``: from a picture of the gallery more like it, with the next preset, or with the next checkpoint."""

from __future__ import annotations

from typing import Annotated

import typer

from studio.cli.flags import Device, Home, Models


def vary(
    image: Annotated[str, typer.Argument(help="Id of a picture, as `studio gallery search` lists it.")],
    count: Annotated[int, typer.Option(min=1, help="How many more like it.")] = 4,
    strength: Annotated[float, typer.Option(help="How far from it: above 0, up to 1.")] = 0.2,
    preset: Annotated[str, typer.Option(help="The same seed with this preset; 'next' for the next one.")] = "",
    model: Annotated[str, typer.Option(help="The same recipe with this checkpoint; 'next' for the next one.")] = "",
    home: Home = None,
    models: Models = None,
    device: Device = None,
) -> None:
    """Make variations of a picture; they are linked to it in the gallery."""
    from studio.cli.orders import Saving, finished_ids, maker, shown
    from studio.errors import InvalidField
    from studio.settings import load_settings
    from studio.variations import Way

    if preset and model:
        raise InvalidField("preset", "vary by one thing at a time", "--preset or --model")
    way: Way = "preset" if preset else "checkpoint" if model else "like"
    name = preset or model
    with maker(load_settings(home=home, models=models or None, device=device)) as chosen:
        job = chosen.vary(image, way, count, strength, "" if name == "next" else name)
        try:
            done = shown(chosen.follow(job["id"]), job)
        except KeyboardInterrupt:
            chosen.cancel(job["id"])
            raise
        for image_id in finished_ids(done):
            typer.echo(str(chosen.file(image_id, Saving())[0]))
