"""A checkpoint that has no VAE of its own gives, with another one, the bytes of the whole checkpoint with that one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image
from safetensors.torch import load_file, save_file

from studio.engine.load import inspect_checkpoint
from studio.engine.residency import Residency
from studio.engine.step_engine import StepEngine
from studio.errors import UnsupportedModel
from studio.library.diffusers_folder import folder_card
from studio.recipe import Mode
from studio.recipe.events import (
    MemoryReport,
    ModelLoading,
    PictureDone,
    PictureFailed,
    PictureOrder,
    PreloadOrder,
)
from tests.engine.conftest import CPU
from tests.engine.recipes import finish, resolved
from tests.pictures.files import ramp, saved
from tests.single_files import folder_and_file
from tests.toys import toy_checkpoint

SIZE = {"width_px": 64, "height_px": 64, "steps": 2, "exact": True}
BRIGHT, DARK, SOURCE, MASK = ("b" * 64, "d" * 64, "5" * 64, "a" * 64)


def without_vae(checkpoint: Path, to: Path, how: str = "") -> Path:
    """A copy that has no VAE: ``null`` says so in the index too, ``config`` keeps its configuration."""
    if checkpoint.is_file():
        kept = {name: one for name, one in load_file(checkpoint).items() if not name.startswith("first_stage_model.")}
        save_file(kept, to)
        return to
    shutil.copytree(checkpoint, to)
    if how == "config":
        next((to / "vae").glob("*.safetensors")).unlink()
    else:
        shutil.rmtree(to / "vae")
    if how:
        index = json.loads((to / "model_index.json").read_text())
        (to / "model_index.json").write_text(json.dumps({**index, "vae": [None, None]}))
    return to


def vaes_of(folder: Path, to: Path, single: Path | None = None) -> dict[str, Path]:
    """Two VAEs, each of which makes other pictures: in diffusers' names, and, out of a single file, in the names that
    most are published under, with something left of its training.
    """
    diffusers = load_file(next((folder / "vae").glob("*.safetensors")))
    prefix = "first_stage_model."
    whole = load_file(single) if single else {f"{prefix}{name}": one for name, one in diffusers.items()}
    original = {name.removeprefix(prefix): one for name, one in whole.items() if name.startswith(prefix)}
    found = {}
    for sha256, tensors, offset in ((BRIGHT, diffusers, 0.3), (DARK, original, -0.3)):
        found[sha256] = to / f"{sha256[0]}.safetensors"
        bias = tensors["decoder.conv_out.bias"]
        save_file({**tensors, "decoder.conv_out.bias": bias + offset, "loss.logvar": torch.zeros(1)}, found[sha256])
    return found


def pictures(orders: Sequence[PictureOrder], residency: Residency | None = None) -> list[bytes]:
    engine = StepEngine(CPU, residency or Residency(CPU))
    for one in orders:
        engine.submit(one)
    events = finish(engine)
    engine.close()
    done = {event.job_id: event.pixels.data for event in events if isinstance(event, PictureDone)}
    assert len(done) == len(orders), events
    return [done[one.job_id] for one in orders]


def both(whole: Path, bare: Path, vaes: dict[str, Path], *chosen: str) -> list[PictureOrder]:
    return [wearing(path, vae, vaes) for path in (whole, bare) for vae in chosen]


def wearing(checkpoint: Path, vae: str, vaes: dict[str, Path], **fields: object) -> PictureOrder:
    job_id = f"{checkpoint.name} {vae[:1]} {fields.get('mode', '')}"
    files = {**vaes, **fields.pop("files", {})}  # type: ignore[dict-item]
    return PictureOrder(job_id, 0, resolved(**SIZE, vae_sha256=vae, **fields), checkpoint, files=files)


@pytest.fixture(scope="module")
def sd1(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A reduced checkpoint as a folder and as a file."""
    return folder_and_file(tmp_path_factory.mktemp("sd1"), "sd1")


def test_a_single_file_with_another_vae_is_as_the_whole_one_with_it(tmp_path: Path, sd1: tuple[Path, Path]) -> None:
    folder, whole = sd1
    bare = without_vae(whole, tmp_path / "bare.safetensors")
    vaes = vaes_of(folder, tmp_path, whole)
    assert "decoder.mid.attn_1.q.weight" in load_file(vaes[DARK]) and "decoder.mid.attn_1.q.weight" not in load_file(
        vaes[BRIGHT]
    )
    residency = Residency(CPU)
    bright, dark, bare_bright, bare_dark = pictures(both(whole, bare, vaes, BRIGHT, DARK), residency)
    assert (bare_bright, bare_dark) == (bright, dark) and bright != dark
    assert residency.reads == 2, "another VAE has nothing else read again"


def test_a_vae_is_known_by_the_names_that_most_are_published_under(tmp_path: Path, sd1: tuple[Path, Path]) -> None:
    """Some of them are diffusers' too, so that one name tells nothing."""
    whole, prefix = sd1[1], "first_stage_model."
    bare = without_vae(whole, tmp_path / "bare.safetensors")
    own = {name: one for name, one in load_file(whole).items() if name.startswith(prefix)}
    vaes = {BRIGHT: tmp_path / "prefixed.safetensors", DARK: tmp_path / "plain.safetensors"}
    save_file(own, vaes[BRIGHT])
    save_file({name.removeprefix(prefix): one for name, one in own.items()}, vaes[DARK])
    as_whole, *others = pictures([wearing(whole, "", vaes), *both(whole, bare, vaes, BRIGHT, DARK)])
    assert others == [as_whole] * 4


@pytest.mark.parametrize("family", ["sd2", "sdxl"])
def test_so_it_is_in_other_families(tmp_path: Path, family: str) -> None:
    folder, whole = folder_and_file(tmp_path, family)
    bare = without_vae(whole, tmp_path / "bare-512-base.safetensors")
    as_whole, as_bare = pictures(both(whole, bare, vaes_of(folder, tmp_path), BRIGHT))
    assert as_whole == as_bare


@pytest.mark.parametrize("how", ["", "null"])
def test_so_is_a_folder(tmp_path: Path, sd1: tuple[Path, Path], how: str) -> None:
    bare = without_vae(sd1[0], tmp_path / "bare", how)
    assert folder_card(bare).needs_vae and folder_card(bare).problem is None and not folder_card(sd1[0]).needs_vae
    as_whole, as_bare = pictures(both(sd1[0], bare, vaes_of(sd1[0], tmp_path), BRIGHT))
    assert as_whole == as_bare


def test_the_scale_of_latents_is_the_one_that_a_folder_has_kept(tmp_path: Path) -> None:
    whole = toy_checkpoint(tmp_path / "whole", size_px=64)
    config = json.loads((whole / "vae" / "config.json").read_text())
    (whole / "vae" / "config.json").write_text(json.dumps({**config, "scaling_factor": 0.25}))
    bare, vaes = without_vae(whole, tmp_path / "bare", "config"), vaes_of(whole, tmp_path)
    as_whole, as_bare = pictures(both(whole, bare, vaes, BRIGHT))
    kept = json.loads((bare / "vae" / "config.json").read_text())
    (bare / "vae" / "config.json").write_text(json.dumps({**kept, "scaling_factor": 0.5}))
    assert as_whole == as_bare != pictures([wearing(bare, BRIGHT, vaes)])[0]


def test_another_vae_may_be_of_another_shape_and_take_the_place_of_a_file(tmp_path: Path) -> None:
    """The network is built to the VAE that is there when it is wanted."""
    toy = toy_checkpoint(tmp_path / "toy", size_px=64)
    bare, vaes = without_vae(toy, tmp_path / "bare", "config"), vaes_of(toy, tmp_path)
    config = json.loads((toy / "vae" / "config.json").read_text())
    wider = AutoencoderKL.from_config(
        {**config, "block_out_channels": [2 * one for one in config["block_out_channels"]]}
    )
    residency = Residency(CPU)
    narrow, *_ = pictures([wearing(bare, BRIGHT, vaes)], residency)
    save_file(wider.state_dict(), vaes[BRIGHT])
    wide, again = pictures([wearing(bare, BRIGHT, vaes), wearing(bare, DARK, vaes)], residency)
    assert len({narrow, wide, again}) == 3 and residency.reads <= 2


@pytest.mark.parametrize("mode", [Mode.IMAGE, Mode.INPAINT])
def test_pictures_are_read_with_it_too(tmp_path: Path, mode: Mode) -> None:
    folder = toy_checkpoint(tmp_path / "whole", size_px=64, inpainting=mode is Mode.INPAINT)
    whole, bare = folder, without_vae(folder, tmp_path / "bare", "config")
    given = {SOURCE: tmp_path / "source.png", MASK: tmp_path / "mask.png"}
    given[SOURCE].write_bytes(saved(Image.fromarray(ramp(64, 64))))
    given[MASK].write_bytes(saved(Image.fromarray(ramp(64, 64)[..., 0] // 128 * 255)))
    fields = {"mode": mode, "source": SOURCE, "denoising_strength": 0.6, "files": given}
    fields |= {"mask": MASK} if mode is Mode.INPAINT else {}
    vaes = vaes_of(folder, tmp_path)
    as_whole, as_bare, other = pictures(
        [wearing(path, vae, vaes, **fields) for path, vae in ((whole, BRIGHT), (bare, BRIGHT), (bare, DARK))]
    )
    assert as_whole == as_bare != other


def test_without_any_it_is_refused_and_others_go_on(tmp_path: Path, toy: Path) -> None:
    vaes = vaes_of(toy, tmp_path)
    bare = without_vae(toy, tmp_path / "bare", "config")
    with pytest.raises(UnsupportedModel, match=r"^bare has no VAE of its own\. Choose one for it\.$"):
        inspect_checkpoint(bare)
    gone = tmp_path / "gone.safetensors"
    broken, strange = tmp_path / "broken.safetensors", tmp_path / "strange.safetensors"
    broken.write_bytes(vaes[BRIGHT].read_bytes()[:-100])
    save_file({"encoder.conv_in.weight": torch.zeros(1)}, strange)
    engine = StepEngine(CPU, Residency(CPU))
    wrong = {"0": "", "1": gone, "2": broken, "3": strange}
    for job_id, vae in wrong.items():
        recipe = resolved(**SIZE, vae_sha256="1" * 64 if vae else "")
        engine.submit(PictureOrder(job_id, 0, recipe, bare, files={"1" * 64: vae} if isinstance(vae, Path) else {}))
    engine.submit(wearing(bare, BRIGHT, vaes))
    events = finish(engine)
    engine.close()
    reasons = {event.job_id: event.reason for event in events if isinstance(event, PictureFailed)}
    assert list(reasons) == list(wrong) and isinstance(events[-1], PictureDone | MemoryReport)
    for job_id, words in (("0", "has no VAE"), ("1", "gone"), ("2", "broken.safetensors cannot"), ("3", "strange")):
        assert words in reasons[job_id]
    assert sum(isinstance(event, PictureDone) for event in events) == 1


def test_what_is_read_ahead_is_worn_by_the_job_that_comes(tmp_path: Path, toy: Path) -> None:
    """With everything its recipe asks for: the VAE it cannot do without, and the prediction that was set right."""
    bare, vaes = without_vae(toy, tmp_path / "bare", "config"), vaes_of(toy, tmp_path)
    said = {"vae_sha256": BRIGHT, "prediction": "v_prediction", "zero_snr": True}
    recipe = resolved(**SIZE, **said)
    residency = Residency(CPU)
    engine = StepEngine(CPU, residency)
    engine.preload(PreloadOrder(recipe, bare, vaes))
    assert [event.fraction for event in finish(engine) if isinstance(event, ModelLoading)][-1] == 1.0
    engine.submit(PictureOrder("job", 0, recipe, bare, files=vaes))
    events = finish(engine)
    assert any(isinstance(event, PictureDone) for event in events), events
    assert not any(isinstance(event, ModelLoading) for event in events), "all of it was there"
    # and beside a picture that is on its way
    engine.unload()
    engine.submit(PictureOrder("long", 0, resolved(**{**SIZE, "steps": 12}), toy))
    engine.preload(PreloadOrder(recipe, bare, vaes))
    while residency.reads < 3:
        assert not engine.idle
        engine.step()
    engine.submit(PictureOrder("next", 0, recipe, bare, files=vaes))
    done = [event.job_id for event in finish(engine) if isinstance(event, PictureDone)]
    assert sorted(done) == ["long", "next"] and residency.reads == 3
    engine.close()
