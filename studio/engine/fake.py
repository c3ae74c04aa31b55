"""An engine without a network: gradients of the right size at a chosen pace, for trying the page and testing the queue.

The picture depends on prompt and seed only, so the same recipe gives the same bytes. Words in the prompt make trouble
on purpose: ``!fail`` ends the picture with an error halfway, ``!crash`` kills the process without a word, ``!slow``
takes ten times as long, ``!unstable`` and ``!memory`` fail as a real engine would. It imports no tensor library.
"""

from __future__ import annotations

import hashlib
import io
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from PIL import Image

from studio.engine.meter import Meter
from studio.errors import GenerationFailed, OutOfMemory, StudioError, Unstable
from studio.pictures import Inpainting, Picture, adjusted, enlarged, read_mask, read_picture, resized
from studio.recipe import Mode
from studio.recipe.events import (
    CancelOrder,
    Event,
    MemoryReport,
    ModelLoading,
    PictureCancelled,
    PictureDone,
    PictureFailed,
    PictureOrder,
    PictureStarted,
    PictureStep,
    Pixels,
    PreloadOrder,
    Resident,
    WorkerReady,
)
from studio.recipe.finish import NO_UPSCALER
from studio.recipe.start import ADJUSTMENTS

LOADING_STAGES = 4
SLOW_FACTOR = 10
PREVIEW_SIDE_PX = 128


def create_fake_engine(
    device: str = "auto",
    live_pictures: int = 8,
    seconds_per_step: float = 0.02,
    budget_mb: int = 0,
    host_budget_mb: int = 0,
) -> FakeEngine:
    """A fake engine that spends ``seconds_per_step`` on each round; ``device`` is only repeated in `describe`, and the
    budgets bound nothing, because it takes no memory.
    """
    return FakeEngine("cpu" if device == "auto" else device, live_pictures, seconds_per_step)


@dataclass
class _Picture:
    order: PictureOrder
    step: int = 0
    started_at: float = 0.0

    @property
    def slowness(self) -> float:
        return SLOW_FACTOR if "!slow" in self.order.recipe.prompt else 1


@dataclass
class FakeEngine:
    """Keeps the promises of `studio.engine.protocol.Engine` with gradients for pictures."""

    device: str
    live_pictures: int
    seconds_per_step: float
    _waiting: list[_Picture] = field(default_factory=list)
    _live: list[_Picture] = field(default_factory=list)
    _said: list[Event] = field(default_factory=list)
    _loaded: set[Path] = field(default_factory=set)
    _loading: tuple[PreloadOrder, str, int] | None = None
    _preloads: list[PreloadOrder] = field(default_factory=list)
    _meter: Meter = field(default_factory=Meter)

    @property
    def idle(self) -> bool:
        return not (self._waiting or self._live or self._said or self._preloads or self._loading)

    def submit(self, order: PictureOrder) -> None:
        hurried = sum(one.order.at_once for one in self._waiting)
        self._waiting.insert(hurried if order.at_once else len(self._waiting), _Picture(order))

    def cancel(self, order: CancelOrder) -> None:
        for pictures in (self._waiting, self._live):
            for picture in list(pictures):
                if picture.order.job_id == order.job_id and order.index in (None, picture.order.index):
                    pictures.remove(picture)
                    self._said.append(PictureCancelled(picture.order.job_id, picture.order.index))

    def preload(self, order: PreloadOrder) -> None:
        self._preloads.append(order)

    def unload(self) -> None:
        self._loaded.clear()
        self._report()

    def step(self) -> list[Event]:
        if not self._load():
            self._advance()
        said, self._said = [*self._meter.take(), *self._said], []
        return said

    def describe(self) -> WorkerReady:
        return WorkerReady(self.device, "gradients, not a network", psutil.virtual_memory().total)

    def close(self) -> None:
        self._waiting, self._live, self._said, self._preloads, self._loading = [], [], [], [], None

    def _load(self) -> bool:
        if self._loading is None:
            self._loading = self._next_to_load()
        if self._loading is None:
            return False
        order, job_id, stage = self._loading
        time.sleep(self.seconds_per_step)
        self._said.append(ModelLoading(order.recipe.checkpoint, stage / LOADING_STAGES, job_id))
        self._loading = (order, job_id, stage + 1) if stage < LOADING_STAGES else None
        if stage == LOADING_STAGES:
            self._loaded.add(order.checkpoint_path)
            self._report()
        return True

    def _report(self) -> None:
        """Tell of checkpoints as a real engine does, as large as their files."""
        residents = tuple(Resident(str(path), 0, _size(path), True) for path in sorted(self._loaded))
        own_bytes = psutil.Process().memory_info().rss
        self._said.append(MemoryReport(own_bytes, own_bytes, residents))

    def _next_to_load(self) -> tuple[PreloadOrder, str, int] | None:
        for picture in self._waiting:
            path = picture.order.checkpoint_path
            if path is not None and path not in self._loaded:
                return PreloadOrder(picture.order.recipe, path), picture.order.job_id, 0
        while self._preloads and not self._waiting and not self._live:
            order = self._preloads.pop(0)
            if order.checkpoint_path not in self._loaded:
                return order, "", 0
        return None

    def _advance(self) -> None:
        while self._waiting and (len(self._live) < self.live_pictures or self._waiting[0].order.at_once):
            picture = self._waiting.pop(0)
            picture.started_at = time.monotonic()
            self._live.append(picture)
            self._said.append(PictureStarted(picture.order.job_id, picture.order.index))
        if self._live:
            with self._meter.charge([one.order for one in self._live], [1] * len(self._live)):
                time.sleep(self.seconds_per_step * max(picture.slowness for picture in self._live))
        for picture in list(self._live):
            self._advance_one(picture)

    def _advance_one(self, picture: _Picture) -> None:
        order, steps = picture.order, picture.order.recipe.steps
        picture.step += 1
        error = _trouble(order.recipe.prompt) if picture.step * 2 >= steps else None
        if error is not None:
            self._live.remove(picture)
            self._said.append(PictureFailed(order.job_id, order.index, error.code, str(error)))
            return
        every = order.preview_every_steps
        preview = (
            _preview(order, picture.step) if every and picture.step % every == 0 and picture.step < steps else None
        )
        self._said.append(PictureStep(order.job_id, order.index, picture.step, steps, preview))
        if picture.step >= steps:
            self._live.remove(picture)
            self._said.append(_ending(order, time.monotonic() - picture.started_at))


def _size(path: Path) -> int:
    files = path.rglob("*.safetensors") if path.is_dir() else [path] if path.is_file() else []
    return sum(file.stat().st_size for file in files)


def _ending(order: PictureOrder, seconds: float) -> Event:
    try:
        return PictureDone(order.job_id, order.index, _pixels(order), {}, seconds)
    except StudioError as error:
        return PictureFailed(order.job_id, order.index, error.code, str(error))


def _trouble(prompt: str) -> StudioError | None:
    if "!crash" in prompt:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    if "!fail" in prompt:
        return GenerationFailed("This picture failed because its prompt says !fail. Take the word out.")
    if "!unstable" in prompt:
        return Unstable("The numbers left the sane range. Try a lower guidance scale, or more steps.")
    if "!memory" in prompt:
        return OutOfMemory("This picture needs about 9000 MB and 100 MB are free. Try a smaller size.")
    return None


def _gradient(order: PictureOrder, width_px: int, height_px: int, fade: float = 1.0) -> Image.Image:
    recipe = order.recipe
    digest = hashlib.sha256(f"{recipe.prompt}|{recipe.seed}|{recipe.variation_seed}".encode()).digest()
    across = Image.linear_gradient("L").rotate(90).resize((width_px, height_px))
    down = Image.linear_gradient("L").resize((width_px, height_px))
    flat = Image.new("L", (width_px, height_px), digest[0])
    bands = [across, down, flat]
    turn = digest[1] % 3
    picture = Image.merge("RGB", bands[turn:] + bands[:turn])
    grey = Image.new("RGB", picture.size, (128, 128, 128))
    return Image.blend(grey, picture, fade)


def _pixels(order: PictureOrder) -> Pixels:
    """The picture at the size a real engine would give it: a source shows through, a mask is kept to."""
    recipe = order.recipe
    picture = _first_picture(order)
    if recipe.has_second_pass:
        picture = enlarged(picture, recipe.hires_width_px, recipe.hires_height_px, "Lanczos")
    if recipe.upscaler != NO_UPSCALER and recipe.upscale > 1:
        size = round(picture.width_px * recipe.upscale), round(picture.height_px * recipe.upscale)
        picture = enlarged(picture, *size, "Lanczos")
    return adjusted(picture, **{name: getattr(recipe, name) for name in ADJUSTMENTS}).to_pixels()


def _first_picture(order: PictureOrder) -> Picture:
    recipe = order.recipe
    gradient = Picture.from_pillow(_gradient(order, recipe.width_px, recipe.height_px))
    if recipe.mode is Mode.TEXT:
        return gradient
    source = read_picture(order.files[recipe.source].read_bytes()).picture
    if recipe.mode is Mode.FINISH:
        return source
    if recipe.mode is Mode.INPAINT:
        mask = read_mask(order.files[recipe.mask].read_bytes()) if recipe.mask else None
        return Inpainting.of(source, mask, recipe).pasted(gradient.rgb)
    base = resized(source, recipe.width_px, recipe.height_px, recipe.resize_mode)
    mixed = Image.blend(Image.fromarray(base.rgb), Image.fromarray(gradient.rgb), recipe.denoising_strength)
    return Picture(Picture.from_pillow(mixed).rgb, base.alpha)


def _preview(order: PictureOrder, step: int) -> bytes:
    recipe = order.recipe
    scale = min(1.0, PREVIEW_SIDE_PX / max(recipe.width_px, recipe.height_px))
    size = max(1, round(recipe.width_px * scale)), max(1, round(recipe.height_px * scale))
    file = io.BytesIO()
    _gradient(order, *size, fade=step / recipe.steps).save(file, "JPEG", quality=80)
    return file.getvalue()
