"""What the studio's own routes answer, as types: for scripts that are checked, and for whoever looks what there is.

They describe the JSON as it travels, so they are plain dictionaries; a newer studio may answer more keys than stand
here. ``docs/api.md`` says what the routes do.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypedDict

State = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")


class Picture(TypedDict):
    """One picture of a job. ``image_id`` is there once it is in the gallery, ``error`` when it could not be made."""

    index: int
    state: State
    seed: int
    variation_seed: int
    step: int
    steps: int
    image_id: str | None
    error: str | None
    seconds: float | None
    preview_version: int


class Job(TypedDict):
    """A job as it stands. ``revision`` grows: of two answers the one with the larger is the later.

    ``progress`` goes from 0 to 1, ``place`` counts from 1 while it waits, ``recipe`` is the one of its first picture.
    """

    id: str
    revision: int
    state: State
    paused: bool
    count: int
    done: int
    failed: int
    cancelled: int
    progress: float
    place: int | None
    loading: float | None
    seconds_left: float | None
    preview_version: int
    error: str | None
    notice: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    recipe: dict[str, Any]
    pictures: list[Picture]


class Change(NamedTuple):
    """A job has changed. ``number`` is what to go on behind (``after``); ``None`` for a state on connecting."""

    number: int | None
    job: Job


class Image(TypedDict):
    """A picture in the gallery. ``recipe`` is ``None`` for one that does not say how it was made."""

    id: str
    job_id: str | None
    index: int | None
    width_px: int
    height_px: int
    prompt: str
    negative_prompt: str
    checkpoint: str
    sampler: str
    seed: int | None
    steps: int | None
    recipe: dict[str, Any] | None
    notes: dict[str, str]
    infotext: str
    sha256: str
    created_at: str
    favourite: bool
    binned: bool
    parent_id: str | None


class ImagePage(TypedDict):
    """Some images of ``total``; ``next`` is the ``before`` of the page after, ``None`` on the last."""

    images: list[Image]
    total: int
    next: str | None


class Validation(TypedDict):
    """Whether a recipe can be made: with its A1111 text, or with the error that an order would get."""

    valid: bool
    infotext: str
    error: dict[str, Any] | None


class Item(TypedDict):
    """A model, sampler or source that a recipe names, and what it is called here (``found``)."""

    kind: str
    name: str
    hash: str
    found: str
    words: str


class Stock(TypedDict):
    """What a picture or text says of how it was made, compared with what the studio has."""

    program: str
    recipe: dict[str, Any]
    has: list[Item]
    lacks: list[Item]
    notes: list[str]
    unused: dict[str, str]
    mode: str


class Sampler(TypedDict):
    """A sampler: ``calls_per_step`` is what a step costs, ``useful_steps`` says in words how many are worth it."""

    name: str
    aliases: list[str]
    default_schedule: str
    order: float
    calls_per_step: int
    converges: bool
    steps_low: int
    steps_high: int
    default_eta: float
    advice: str
    useful_steps: str
    noise: str
    discards_penultimate: bool
    ignores_steps: bool


class Schedule(TypedDict):
    """A schedule of noise levels; recipes take its name or its label."""

    name: str
    label: str
    aliases: list[str]
    advice: str
    default_rho: float
    uses_timesteps: bool


class Upscaler(TypedDict):
    """An upscaler; factor 0 is any."""

    name: str
    kind: Literal["latent", "plain", "model"]
    factor: int


class Status(TypedDict):
    """How the studio is."""

    version: str
    worker: str
    reason: str | None
    device: str | None
    device_name: str | None
    memory_bytes: int | None
    waiting_jobs: int
