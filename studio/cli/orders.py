"""Where a command has its pictures made: by the server that runs on the home folder, else by a worker of its own.

Both take pictures in, take orders, tell how they go, and hand out finished files; a command sees no difference.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from studio.cli.running import running
from studio.errors import GenerationFailed

if TYPE_CHECKING:
    from studio.client import StudioClient
    from studio.recipe import Recipe
    from studio.services import Studio
    from studio.settings import Settings
    from studio.variations import Way

Kind = Literal["picture", "mask"]
JobDict = Mapping[str, Any]
"""A job as the routes answer it."""

PAUSE_S = 0.1


@dataclass(frozen=True)
class Saving:
    """How copies are to be saved: a format by its name, its suffix, and the quality of those that lose something."""

    format: str = "png"
    suffix: str = ".png"
    quality: int | None = None


class Maker(Protocol):
    """Makes pictures; see the module."""

    def take_in(self, data: bytes, kind: Kind) -> str:
        """Store a picture or mask; answers the sha256 by which recipes name it."""

    def submit(self, recipe: Recipe, count: int, matrix: bool = False) -> JobDict:
        """Order pictures."""

    def submit_lines(self, recipe: Recipe, text: str, count: int) -> Sequence[JobDict]:
        """Order a job for each line of a text, or none."""

    def vary(self, image_id: str, way: Way, count: int, strength: float, name: str) -> JobDict:
        """Order variations of a picture of the gallery."""

    def follow(self, job_id: str) -> Iterator[JobDict]:
        """The job again and again until it has ended."""

    def cancel(self, job_id: str) -> None:
        """Stop a job."""

    def file(self, image_id: str, saving: Saving) -> tuple[Path, bytes]:
        """A finished picture as it is to be saved, and where its PNG lies, or what it is called."""


@contextlib.contextmanager
def maker(settings: Settings) -> Iterator[Maker]:
    """The server that runs on the home folder, or else a worker for as long as the block lasts."""
    server = running(settings)
    if server is not None:
        with server as client:
            yield Server(client)
        return
    from studio.services import build_studio

    studio = build_studio(settings)
    try:
        studio.start()
        yield OwnWorker(studio)
    finally:
        studio.close()


class Server:
    """Orders from a running server."""

    def __init__(self, client: StudioClient) -> None:
        self._client = client

    def take_in(self, data: bytes, kind: Kind) -> str:
        return str(self._client.put_source(data, kind)["sha256"])

    def submit(self, recipe: Recipe, count: int, matrix: bool = False) -> JobDict:
        return self._client.submit(recipe.model_dump(mode="json"), count, matrix=matrix)

    def submit_lines(self, recipe: Recipe, text: str, count: int) -> Sequence[JobDict]:
        return self._client.submit_lines(recipe.model_dump(mode="json"), text, count)

    def vary(self, image_id: str, way: Way, count: int, strength: float, name: str) -> JobDict:
        body = {"way": way, "count": count, "strength": strength, "name": name}
        return self._client.vary(image_id, body)

    def follow(self, job_id: str) -> Iterator[JobDict]:
        return self._client.follow(job_id)

    def cancel(self, job_id: str) -> None:
        self._client.cancel(job_id)

    def file(self, image_id: str, saving: Saving) -> tuple[Path, bytes]:
        return Path(f"{image_id}.png"), self._client.image_file(image_id, saving.format, saving.quality)


class OwnWorker:
    """Makes the pictures with a worker of its own."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def take_in(self, data: bytes, kind: Kind) -> str:
        sources = self._studio.sources
        return (sources.put_mask(data) if kind == "mask" else sources.put_picture(data)).sha256

    def submit(self, recipe: Recipe, count: int, matrix: bool = False) -> JobDict:
        return self._studio.submit(recipe, count, matrix=matrix).as_dict()

    def submit_lines(self, recipe: Recipe, text: str, count: int) -> Sequence[JobDict]:
        from studio.recipe.lines import read_lines

        return [job.as_dict() for job in self._studio.submit_lines(recipe, read_lines(text), count)]

    def vary(self, image_id: str, way: Way, count: int, strength: float, name: str) -> JobDict:
        return self._studio.vary(image_id, way, count=count, strength=strength, name=name).as_dict()

    def follow(self, job_id: str) -> Iterator[JobDict]:
        while True:
            view = self._studio.job(job_id)
            yield view.as_dict()
            if view.state.finished:
                return
            time.sleep(PAUSE_S)

    def cancel(self, job_id: str) -> None:
        self._studio.cancel(job_id)

    def file(self, image_id: str, saving: Saving) -> tuple[Path, bytes]:
        from studio.gallery.copies import copy_as
        from studio.pictures.formats import find_format
        from studio.services import LOCAL_OWNER

        path = self._studio.gallery.file(LOCAL_OWNER, image_id)
        if saving.format == "png":
            return path, path.read_bytes()
        return path, copy_as(path, find_format(saving.format), saving.quality)


def shown(updates: Iterator[JobDict], job: JobDict, name: str = "") -> JobDict:
    """Draw a progress bar until the job has ended; answers its last state. ``name`` says of what it is."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("waiting for the worker", total=1.0)
        for job in updates:
            made = f"{job['done']} of {job['count']}" if job["count"] > 1 else "making the picture"
            text = "waiting for the worker" if job["state"] == "queued" else made
            progress.update(bar, completed=job["progress"], description=f"{name}: {text}" if name else text)
    return job


def finished_ids(job: JobDict) -> list[str]:
    """The images of a job that has ended. Raises `GenerationFailed` with the first reason if any is missing."""
    ids = [picture["image_id"] for picture in job["pictures"] if picture["image_id"]]
    if job["state"] != "done":
        reasons = [picture["error"] for picture in job["pictures"] if picture["error"]]
        made = f" {len(ids)} of {job['count']} pictures were made; they are in the gallery." if ids else ""
        raise GenerationFailed((reasons[0] if reasons else f"The job was {job['state']}.") + made)
    return ids
