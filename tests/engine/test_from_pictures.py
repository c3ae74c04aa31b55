"""Pictures that start from pictures: image to image, inpainting, outpainting, second pass, and finish."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from studio.engine.build import create_engine
from studio.engine.denoiser import Denoiser
from studio.engine.latents.decode import Decoder
from studio.engine.outfit import Outfit
from studio.engine.passes import steps_run
from studio.engine.step_engine import StepEngine
from studio.engine.upscaler_networks import Dense
from studio.paths import shipped
from studio.pictures.mask import blur_reach_px
from studio.recipe import Mode
from studio.recipe.events import (
    CancelOrder,
    Event,
    PictureCancelled,
    PictureDone,
    PictureFailed,
    PictureOrder,
    PictureStep,
)
from tests.engine.recipes import finish, order
from tests.toys import toy_checkpoint

STARTER = shipped("assets") / "models" / "starter"
Levels = NDArray[np.uint8]
SAMPLERS = [
    "Euler",
    "Euler a",
    "Heun",
    "DPM++ 2M",
    "DPM++ 2M SDE",
    "DPM++ 3M SDE",
    "DPM++ SDE",
    "DPM2 a",
    "LMS",
    "UniPC",
]


@pytest.fixture(scope="module")
def engine() -> Iterator[StepEngine]:
    made = create_engine("cpu")
    yield made
    made.close()


def photo(width_px: int = 64, height_px: int = 64, seed: int = 0) -> Levels:
    """Soft colours, as photos have."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((width_px, height_px), Image.Resampling.BICUBIC))


def disc(width_px: int = 64, height_px: int = 64, share: float = 0.2) -> Levels:
    """A white disc in the middle of a black mask."""
    y, x = np.mgrid[:height_px, :width_px]
    inside = (x - width_px / 2) ** 2 + (y - height_px / 2) ** 2 < (share * min(width_px, height_px)) ** 2
    return np.where(inside, 255, 0).astype(np.uint8)


def stored(folder: Path, levels: Levels) -> str:
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    digest = hashlib.sha256(file.getvalue()).hexdigest()
    (folder / digest).write_bytes(file.getvalue())
    return digest


def from_picture(
    toy: Path | None, folder: Path, source: Levels, mask: Levels | None = None, **fields: Any
) -> PictureOrder:
    named = {"source": stored(folder, source)} | ({} if mask is None else {"mask": stored(folder, mask)})
    made = order(toy or folder, **{"mode": Mode.IMAGE, **named, **fields})
    return replace(made, checkpoint_path=toy, files={sha256: folder / sha256 for sha256 in named.values()})


def done(events: list[Event]) -> dict[str, Levels]:
    problems = [event for event in events if isinstance(event, PictureFailed)]
    assert not problems, problems
    made = {}
    for event in events:
        if isinstance(event, PictureDone):
            pixels = event.pixels
            made[event.job_id] = np.frombuffer(pixels.data, np.uint8).reshape(pixels.height_px, pixels.width_px, 3)
    return made


def made(engine: StepEngine, *orders: PictureOrder) -> Levels:
    for one in orders:
        engine.submit(one)
    return done(finish(engine))[orders[0].job_id]


@pytest.mark.parametrize(("strength", "steps"), [(0, 0), (0.01, 1), (0.5, 6), (0.75, 8), (0.99, 10), (1, 10)])
def test_a_strength_runs_a1111s_count_of_steps(strength: float, steps: int) -> None:
    assert steps_run(10, strength) == steps


def test_strength_0_is_the_autoencoders_round_trip_and_1_forgets_the_source(
    engine: StepEngine, toy: Path, tmp_path: Path
) -> None:
    source = photo()
    untouched = made(engine, from_picture(toy, tmp_path, source, denoising_strength=0.0))
    checkpoint = engine._residency.get(Outfit(toy))
    assert checkpoint is not None
    with torch.inference_mode():
        rgb = torch.from_numpy(source.copy()).permute(2, 0, 1).float()[None] / 255
        expected = checkpoint.decoder(checkpoint.decoder.encode(rgb)[0]).rgb
    assert np.array_equal(untouched, (expected * 255).round().permute(1, 2, 0).numpy())
    forgotten = made(engine, from_picture(toy, tmp_path, source, denoising_strength=1.0))
    assert np.array_equal(forgotten, made(engine, from_picture(toy, tmp_path, photo(seed=9), denoising_strength=1.0)))
    assert np.array_equal(forgotten, made(engine, order(toy)))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_less_strength_stays_nearer_with_every_sampler(engine: StepEngine, tmp_path: Path, sampler: str) -> None:
    """On the checkpoint that ships: a random network's pictures are no nearer to one another than to any other."""
    cat = {"prompt": "3d cat face on a blue background", "width_px": 128, "height_px": 128, "guidance_scale": 2.0}
    source = made(engine, order(STARTER, **cat, steps=10))
    distances = []
    for strength in (0.0, 0.1, 0.9):
        fields = {**cat, "prompt": "3d pizza on a blue background", "denoising_strength": strength, "steps": 10}
        picture = made(engine, from_picture(STARTER, tmp_path, source, **fields, sampler=sampler))
        distances.append(float(np.abs(picture.astype(float) - source).mean()))
    assert distances[0] < 10, "the autoencoder's own error"
    assert distances[0] * 2 < distances[1] < distances[2] - 2


def test_progress_counts_the_steps_that_are_run(engine: StepEngine, toy: Path, tmp_path: Path) -> None:
    engine.submit(from_picture(toy, tmp_path, photo(), denoising_strength=0.5, hires_width_px=128, hires_height_px=128,
        hires_steps=4, hires_denoising_strength=0.5, hires_sampler="Euler", hires_schedule="uniform",
        hires_guidance_scale=5.0, hires_prompt="a cat"))  # fmt: skip
    events = finish(engine)
    steps = [(event.step, event.steps) for event in events if isinstance(event, PictureStep)]
    assert steps == [(step, 7) for step in range(1, 8)]
    assert done(events)["job"].shape == (128, 128, 3)


def test_alpha_is_kept_and_a_size_of_its_own_is_taken(engine: StepEngine, toy: Path, tmp_path: Path) -> None:
    clear = np.dstack([photo(40, 30), np.tile(np.linspace(0, 255, 40).astype(np.uint8), (30, 1))])
    engine.submit(from_picture(toy, tmp_path, clear, width_px=96, height_px=72))
    pixels = next(event.pixels for event in finish(engine) if isinstance(event, PictureDone))
    assert (pixels.width_px, pixels.height_px) == (96, 72)
    assert pixels.alpha is not None
    row = np.frombuffer(pixels.alpha, np.uint8).reshape(72, 96)[36]
    assert row[0] < 10 and row[-1] > 245 and np.all(np.diff(row.astype(int)) >= 0)


@pytest.mark.parametrize("content", ["fill", "original", "latent_noise", "latent_nothing"])
@pytest.mark.parametrize(("area", "size"), [("whole", (64, 64)), ("whole", (150, 90)), ("masked", (201, 133))])
def test_an_inpainting_changes_what_is_masked_and_nothing_else(
    engine: StepEngine, toy: Path, tmp_path: Path, content: str, area: str, size: tuple[int, int]
) -> None:
    source, mask = photo(*size), disc(*size)
    fields = {"mode": "inpaint", "masked_content": content, "inpaint_area": area, "mask_blur_x_px": 3, "steps": 3}
    picture = made(engine, from_picture(toy, tmp_path, source, mask, **fields, denoising_strength=0.9))
    assert picture.shape == source.shape
    reach = max(blur_reach_px(3), blur_reach_px(4))
    near = np.asarray(Image.fromarray(mask).filter(_dilation(reach))) > 0
    assert np.array_equal(picture[~near], source[~near])
    assert np.abs(picture[mask > 0].astype(int) - source[mask > 0]).mean() > 2


def test_the_network_sees_the_source_around_the_mask_to_the_end(
    engine: StepEngine, toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[torch.Tensor] = []
    real = Decoder.__call__

    def watched(self: Decoder, latents: torch.Tensor, *others: Any) -> Any:
        ended.append(latents)
        return real(self, latents, *others)

    monkeypatch.setattr(Decoder, "__call__", watched)
    source = photo()
    made(engine, from_picture(toy, tmp_path, source, disc(), mode="inpaint", denoising_strength=0.9))
    checkpoint = engine._residency.get(Outfit(toy))
    assert checkpoint is not None
    with torch.inference_mode():
        kept = checkpoint.decoder.encode(torch.tensor(source).permute(2, 0, 1).float()[None] / 255)[0]
    assert torch.allclose(ended[-1][:, 0], kept[:, 0], atol=1e-4)
    assert not torch.allclose(ended[-1][:, 3:5, 3:5], kept[:, 3:5, 3:5], atol=0.1)


def test_each_content_under_the_mask_starts_elsewhere(engine: StepEngine, toy: Path, tmp_path: Path) -> None:
    contents = ("fill", "original", "latent_noise", "latent_nothing")
    fields = {"mode": "inpaint", "denoising_strength": 0.5}
    pictures = [
        made(engine, from_picture(toy, tmp_path, photo(), disc(), **fields, masked_content=content))
        for content in contents
    ]
    assert len({picture.tobytes() for picture in pictures}) == len(contents)


def test_colour_correction_moves_the_colours_to_the_sources(engine: StepEngine, toy: Path, tmp_path: Path) -> None:
    source = photo() // 3
    off, on = (
        np.abs(
            made(engine, from_picture(toy, tmp_path, source, denoising_strength=0.9, colour_correction=corrected))
            .astype(float).mean(axis=(0, 1)) - source.mean(axis=(0, 1))
        ).mean()
        for corrected in (False, True)
    )  # fmt: skip
    assert on < off / 2


def _dilation(reach: int) -> Any:
    from PIL import ImageFilter

    return ImageFilter.MaxFilter(2 * reach + 1)


def test_outpainting_adds_room_and_leaves_the_source(engine: StepEngine, toy: Path, tmp_path: Path) -> None:
    source = photo(64, 48)
    fields = {"mode": "inpaint", "outpaint_right_px": 32, "outpaint_top_px": 16, "masked_content": "fill", "steps": 3}
    picture = made(engine, from_picture(toy, tmp_path, source, **fields, width_px=96, height_px=64))
    assert picture.shape == (64, 96, 3)
    reach = blur_reach_px(4)
    assert np.array_equal(picture[16 + reach :, : 64 - reach], source[reach:, : 64 - reach])


def test_soft_inpainting_keeps_what_is_outside_too(engine: StepEngine, toy: Path, tmp_path: Path) -> None:
    source, mask = photo(), disc(share=0.3)
    fields = {"mode": "inpaint", "soft_inpainting": True, "colour_correction": True, "denoising_strength": 0.9}
    picture = made(engine, from_picture(toy, tmp_path, source, mask, **fields))
    near = np.asarray(Image.fromarray(mask).filter(_dilation(blur_reach_px(4)))) > 0
    assert np.array_equal(picture[~near], source[~near])
    assert not np.array_equal(picture[near], source[near])


def test_an_inpainting_network_is_shown_mask_and_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nine = toy_checkpoint(tmp_path / "nine", size_px=64, inpainting=True)
    seen: list[torch.Tensor] = []
    real = Denoiser.__call__

    def watched(self: Denoiser, x: Any, sigmas: Any, context: Any, extra: Any = None, **named: Any) -> Any:
        seen.append(extra)
        return real(self, x, sigmas, context, extra, **named)

    monkeypatch.setattr(Denoiser, "__call__", watched)
    engine = create_engine("cpu")
    source, mask = photo(), disc()
    made(engine, from_picture(nine, tmp_path, source, mask, mode="inpaint", steps=2))
    decoder = engine._residency.get(Outfit(nine)).decoder  # type: ignore[union-attr]
    shown = seen[0][0]
    assert shown.shape == (5, 8, 8)
    assert 0 < float(shown[0].mean()) < 1
    rgb = torch.from_numpy(source.copy()).permute(2, 0, 1).float() / 255
    with torch.inference_mode():
        kept = decoder.encode(rgb[None])[0]
    changed = (shown[1:] - kept).abs().mean(dim=0)
    assert float(changed[3:5, 3:5].max()) > 3 * float(changed[0, 0]), "only what is masked is grey"
    seen.clear()
    made(engine, order(nine, "text", steps=2))
    assert bool((seen[0][0][0] == 1).all())
    engine.close()


@pytest.mark.parametrize("upscaler", ["Latent", "Latent (nearest-exact)", "Lanczos", "Nearest"])
def test_a_second_pass_enlarges_and_goes_by_its_own_prompt(
    engine: StepEngine, toy: Path, tmp_path: Path, upscaler: str
) -> None:
    second = {
        "hires_width_px": 96, "hires_height_px": 128, "hires_upscaler": upscaler, "hires_steps": 4,
        "hires_denoising_strength": 0.6, "hires_sampler": "Euler a", "hires_schedule": "karras",
        "hires_guidance_scale": 4.0, "hires_prompt": "a dog",
    }  # fmt: skip
    picture = made(engine, order(toy, **second))
    assert picture.shape == (128, 96, 3)
    other = made(engine, order(toy, **{**second, "hires_prompt": "a red cat"}))
    assert not np.array_equal(picture, other)
    finished = made(engine, from_picture(toy, tmp_path, photo(61, 45), mode="finish", **second))
    assert finished.shape == (128, 96, 3)


def test_a_finish_needs_no_network_and_changes_only_what_is_asked(engine: StepEngine, tmp_path: Path) -> None:
    source = photo(33, 21)
    fields = {"mode": "finish", "checkpoint_sha256": "", "family": ""}
    larger = made(engine, from_picture(None, tmp_path, source, **fields, upscaler="Nearest", upscale=3))
    assert np.array_equal(larger, source.repeat(3, 0).repeat(3, 1))
    brighter = made(engine, from_picture(None, tmp_path, source, **fields, brightness=0.3))
    assert brighter.shape == source.shape and brighter.mean() > source.mean()


def test_an_upscaler_file_is_run_by_tiles_and_can_be_cancelled(
    engine: StepEngine, toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.engine.upscale.TILE_SIDE_PX", 32)
    torch.manual_seed(0)
    save_file({n: w.contiguous() for n, w in Dense(3, 8, 4, 1, 1).state_dict().items()}, tmp_path / "x2.safetensors")
    sha256 = "e" * 64
    fields = {"mode": "finish", "upscaler": "x2", "upscaler_sha256": sha256, "upscale": 2.0}
    ordered = from_picture(None, tmp_path, photo(80, 80), **fields)
    ordered = replace(ordered, job_id="large", files={**ordered.files, sha256: tmp_path / "x2.safetensors"})
    assert made(engine, ordered).shape == (160, 160, 3)
    engine.submit(ordered)
    engine.submit(order(toy, "other", steps=3))
    events: list[Event] = []
    while not any(isinstance(event, PictureStep) and event.job_id == "other" for event in events):
        events += engine.step()
    assert not any(isinstance(event, PictureDone) for event in events), "the tiles left the other no turn"
    engine.cancel(CancelOrder("large"))
    assert PictureCancelled("large", 0) in engine.step()
    assert list(done(finish(engine))) == ["other"]


def test_a_source_that_is_gone_fails_that_picture_in_words(engine: StepEngine, toy: Path, tmp_path: Path) -> None:
    gone = from_picture(toy, tmp_path, photo())
    next(iter(gone.files.values())).unlink()
    engine.submit(replace(gone, job_id="gone"))
    engine.submit(order(toy, "fine", steps=2))
    events = finish(engine)
    failed = [event for event in events if isinstance(event, PictureFailed)]
    assert [event.job_id for event in failed] == ["gone"]
    assert "no longer there" in failed[0].reason
    assert any(isinstance(event, PictureDone) for event in events)


def test_exact_pictures_are_the_same_alone_and_among_strangers(engine: StepEngine, toy: Path, tmp_path: Path) -> None:
    source, mask = photo(), disc()
    image = from_picture(toy, tmp_path, source, exact=True)
    inpaint = from_picture(toy, tmp_path, source, mask, mode="inpaint", exact=True)
    alone = [made(engine, image), made(engine, inpaint)]
    strangers = [order(toy, f"stranger {place}", seed=place, steps=4 + place) for place in range(3)]
    together = [replace(image, job_id="image"), replace(inpaint, job_id="inpaint"), *strangers]
    for one in together:
        engine.submit(one)
    made_together = done(finish(engine))
    assert np.array_equal(made_together["image"], alone[0])
    assert np.array_equal(made_together["inpaint"], alone[1])
