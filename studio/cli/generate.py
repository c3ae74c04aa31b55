"""``studio generate``: pictures from the terminal, through the same queue as the page.

When a server runs on the home folder the pictures are ordered from it; otherwise a worker is started for as long as it
takes. Either way they land in the gallery.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from studio.cli.flags import Device, Home, Models
from studio.errors import GenerationFailed, InvalidField, StorageError

if TYPE_CHECKING:
    from studio.recipe import Recipe
    from studio.settings import Settings


def generate(
    prompt: Annotated[str, typer.Argument(help="What to make.")],
    negative: Annotated[str, typer.Option(help="What to keep away from.")] = "",
    model: Annotated[str | None, typer.Option(help="Checkpoint by name, file name or hash.")] = None,
    sampler: Annotated[str | None, typer.Option(help="Sampler, see `studio samplers`.")] = None,
    schedule: Annotated[str | None, typer.Option(help="Schedule of noise levels.")] = None,
    steps: Annotated[int | None, typer.Option(help="Sampling steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale: how strongly the prompt pulls.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the first picture; -1 rolls one.")] = -1,
    size: Annotated[str | None, typer.Option(help="Width and height in pixels, such as 512x512.")] = None,
    count: Annotated[int, typer.Option(help="How many pictures; the seed counts up.")] = 1,
    preset: Annotated[list[str] | None, typer.Option(help="Preset to lay over it; may be repeated.")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="The same bytes whatever else is being made.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder to put copies into.", file_okay=False)] = None,
    home: Home = None,
    models: Models = None,
    device: Device = None,
) -> None:
    """Make pictures and say where they are."""
    from studio.recipe import Recipe
    from studio.recipe.presets import find_preset
    from studio.services import build_presets
    from studio.settings import load_settings

    settings = load_settings(home=home, models=models or None, device=device)
    given: dict[str, Any] = {
        "prompt": prompt,
        "negative_prompt": negative,
        "checkpoint": model,
        "sampler": sampler,
        "schedule": schedule,
        "steps": steps,
        "guidance_scale": guidance,
        "seed": seed,
        "exact": exact,
        **_size(size),
    }
    recipe = Recipe()
    if preset:
        presets = build_presets(settings.paths)
        recipe = Recipe(prompt=prompt, negative_prompt=negative)
        for name in preset:
            recipe = find_preset(presets, name).apply(recipe)
        given = {name: value for name, value in given.items() if name not in ("prompt", "negative_prompt")}
    recipe = recipe.with_fields({name: value for name, value in given.items() if value is not None})
    with _source(settings) as source:
        files = source.make(recipe, count)
    for file in _copied(files, out) if out else files:
        typer.echo(str(file))


def _size(text: str | None) -> dict[str, int]:
    if text is None:
        return {}
    match = re.fullmatch(r"(\d{1,6})[x×*](\d{1,6})", text.strip().lower())
    if not match:
        raise InvalidField("size", f"{text!r} is not a size", "WIDTHxHEIGHT in pixels, such as 512x512")
    return {"width_px": int(match[1]), "height_px": int(match[2])}


def _copied(files: dict[Path, bytes], out: Path) -> list[Path]:
    from studio.store import write_atomic

    copies = []
    for file, data in files.items():
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"The folder {out} cannot be made: {error.strerror}.") from error
        write_atomic(out / file.name, data)
        copies.append(out / file.name)
    return copies


@contextlib.contextmanager
def _source(settings: Settings) -> Iterator[_Server | _OwnWorker]:
    from studio.store.lock import is_locked, running_address

    home = settings.paths.home
    address = running_address(home) if is_locked(home) else None
    if address:
        from studio.client import StudioClient

        with StudioClient(address) as client:
            yield _Server(client)
        return
    from studio.services import build_studio

    studio = build_studio(settings)
    try:
        studio.start()
        yield _OwnWorker(studio)
    finally:
        studio.close()


class _Server:
    """Orders from a running server."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def make(self, recipe: Recipe, count: int) -> dict[Path, bytes]:
        job = self.client.submit(recipe.model_dump(mode="json"), count)
        try:
            job = _shown(self.client.follow(job["id"]), job)
        except KeyboardInterrupt:
            self.client.cancel(job["id"])
            raise
        ids = _finished_ids(job)
        return {Path(f"{image_id}.png"): self.client.image_file(image_id) for image_id in ids}


class _OwnWorker:
    """Makes the pictures with a worker of its own."""

    def __init__(self, studio: Any) -> None:
        self.studio = studio

    def make(self, recipe: Recipe, count: int) -> dict[Path, bytes]:
        job = self.studio.submit(recipe, count).as_dict()
        try:
            job = _shown(self._follow(job["id"]), job)
        except KeyboardInterrupt:
            self.studio.cancel(job["id"])
            raise
        files = [self.studio.gallery.file("local", image_id) for image_id in _finished_ids(job)]
        return {file: file.read_bytes() for file in files}

    def _follow(self, job_id: str) -> Iterator[dict[str, Any]]:
        while True:
            view = self.studio.job(job_id)
            yield view.as_dict()
            if view.state.finished:
                return
            time.sleep(0.1)


def _shown(updates: Iterator[dict[str, Any]], job: dict[str, Any]) -> dict[str, Any]:
    """Draw a progress bar until the job has ended; answers its last state."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("waiting for the worker", total=1.0)
        for job in updates:
            made = f"{job['done']} of {job['count']}" if job["count"] > 1 else "making the picture"
            text = "waiting for the worker" if job["state"] == "queued" else made
            progress.update(bar, completed=job["progress"], description=text)
    return job


def _finished_ids(job: dict[str, Any]) -> list[str]:
    ids = [picture["image_id"] for picture in job["pictures"] if picture["image_id"]]
    if job["state"] != "done":
        reasons = [picture["error"] for picture in job["pictures"] if picture["error"]]
        made = f" {len(ids)} of {job['count']} pictures were made; they are in the gallery." if ids else ""
        raise GenerationFailed((reasons[0] if reasons else f"The job was {job['state']}.") + made)
    return ids
