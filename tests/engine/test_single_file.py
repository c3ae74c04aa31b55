"""Single files of each family load and render, and give the very picture of their twins in diffusers folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor

from studio.engine.architecture import architecture_of
from studio.engine.conditioning import PictureConditioning
from studio.engine.load import inspect_checkpoint, load_checkpoint
from studio.engine.model_files import read_json
from studio.engine.residency import Residency
from studio.engine.single_file import renamed
from studio.engine.step_engine import StepEngine
from studio.library.diffusers_folder import folder_card
from studio.library.families import family_folder
from studio.library.single_file import single_file_card
from studio.prompt import parse
from studio.recipe import Emphasis
from studio.recipe.events import PictureDone
from tests.engine.conftest import CPU, finished
from tests.engine.recipes import finish, order
from tests.single_files import folder_and_file

CASES = [
    ("sd1", "epsilon", "", {}),
    ("sd1", "epsilon", "inpainting", {}),
    ("sd1", "v_prediction", "", {}),
    ("sd2", "v_prediction", "", {}),
    ("sd2", "epsilon", "", {}),
    ("sd2", "epsilon", "inpainting", {}),
    ("sdxl", "epsilon", "", {}),
    ("sdxl", "epsilon", "inpainting", {}),
    ("sdxl", "v_prediction", "", {}),
    ("sdxl", "v_prediction", "", {"zero_snr": True}),
]
"""Family, prediction, kind of UNet, and zero terminal SNR."""


def picture(path: Path, **fields: Any) -> PictureDone:
    engine = StepEngine(CPU, Residency(CPU))
    engine.submit(order(path, **{"width_px": 64, "height_px": 64, "steps": 3, **fields}))
    events = finish(engine)
    engine.close()
    done = [event for event in events if isinstance(event, PictureDone)]
    assert done, events
    return done[0]


@pytest.mark.parametrize(("family", "prediction", "unet", "noise"), CASES)
def test_a_single_file_makes_the_picture_of_its_folder(
    tmp_path: Path, family: str, prediction: str, unet: str, noise: dict[str, bool]
) -> None:
    folder, file = folder_and_file(tmp_path, family, prediction=prediction, inpainting=bool(unet), **noise)
    for card in (single_file_card(file), folder_card(folder)):
        assert (card.family, card.prediction, card.inpainting, card.problem) == (family, prediction, bool(unet), None)
        assert card.zero_snr is bool(noise)
    assert architecture_of(inspect_checkpoint(file)) == architecture_of(inspect_checkpoint(folder))
    wanted = {"family": family, "prompt": "a (red:1.3) cat", "negative_prompt": "blue"}
    first = picture(folder, **wanted).pixels.data
    assert picture(file, **wanted).pixels.data == first
    assert picture(file, **{**wanted, "prompt": "a dog"}).pixels.data != first


@pytest.mark.parametrize(
    ("family", "former", "other"),
    [
        ("sd1", "cond_stage_model.transformer.text_model.", "cond_stage_model.transformer."),
        ("sd2", "cond_stage_model.model.", "conditioner.embedders.0.model."),
    ],
    ids=["old files", "SD-Turbo"],
)
def test_text_encoders_by_other_names(tmp_path: Path, family: str, former: str, other: str) -> None:
    folder, file = folder_and_file(tmp_path, family)
    tensors = {key.replace(former, other): tensor for key, tensor in load_file(file).items()}
    assert sum(key.startswith(other) for key in tensors) > 10
    renamed = file.with_name("x.safetensors")  # whose name says nothing of its prediction
    save_file(tensors, renamed)
    card = single_file_card(renamed)
    assert (card.family, card.prediction, card.problem) == (family, "epsilon", None)
    assert picture(renamed, family=family).pixels.data == picture(folder, family=family).pixels.data


def by_diffusers_script(key: str, tensor: Tensor) -> tuple[str, Tensor] | None:
    """What is different in a file that diffusers' script convert_diffusers_to_original_stable_diffusion.py made."""
    if key.startswith("cond_stage_model.model.transformer.resblocks.2."):
        return None  # 2.x reads the last layer but one, so its folder has no last one
    for original, theirs in (("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("proj_out", "to_out.0")):
        key = key.replace(f"mid.attn_1.{original}.", f"mid.attn_1.{theirs}.")
    return key, tensor


@pytest.mark.parametrize("family", ["sd1", "sd2"])
def test_files_that_were_made_of_folders(tmp_path: Path, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, file = folder_and_file(tmp_path, family)
    if family == "sd2":  # what is published has 23 layers, this one two
        published = family_folder("sd2")
        shorter = {**read_json(published / "text_encoder" / "config.json"), "num_hidden_layers": 2}
        told = lambda one: shorter if one.parent.name == "text_encoder" else read_json(one)  # noqa: E731
        monkeypatch.setattr("studio.engine.single_file.read_json", told)
    found = [by_diffusers_script(key, tensor) for key, tensor in load_file(file).items()]
    made = file.with_name("512-made.safetensors")
    save_file(dict(one for one in found if one), made)
    assert picture(made, family=family).pixels.data == picture(folder, family=family).pixels.data


def test_the_projection_of_xl_made_of_a_folder_is_not_turned() -> None:
    """The script's sibling for XL left it as transformers has it, under transformers' name."""
    mine, projection = "conditioner.embedders.1.model.", torch.rand(3, 4)
    place = {f"{mine}positional_embedding": torch.rand(77, 4)}
    for name, tensor in (("text_projection.weight", projection), ("text_projection", projection.T)):
        found = renamed("text_encoder_2", {**place, mine + name: tensor}, {})
        assert torch.equal(found["text_projection.weight"], projection)


@torch.inference_mode()
def test_sdxl_is_told_what_diffusers_tells_it(tmp_path: Path) -> None:
    folder, _ = folder_and_file(tmp_path, "sdxl")
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, dtype=torch.float32)
    loaded = finished(load_checkpoint(folder, CPU))
    for negative in ("blue", ""):
        theirs = pipeline.encode_prompt("a red cat", device="cpu", negative_prompt=negative or None)
        plans = parse("a red cat", "prompt", 5), parse(negative, "negative_prompt", 5)
        ours = PictureConditioning(loaded.conditioner, *plans, 1, Emphasis.ORIGINAL).at(0)
        for mine, their in zip(
            (ours.positives[0][1], ours.negative, *ours.pooled), (theirs[0], theirs[1], *theirs[2:]), strict=True
        ):
            torch.testing.assert_close(mine, their[0], rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_sdxl_gives_the_picture_that_diffusers_gives(tmp_path: Path) -> None:
    folder, file = folder_and_file(tmp_path, "sdxl")
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = EulerDiscreteScheduler.from_config(
        pipeline.scheduler.config, timestep_spacing="linspace", interpolation_type="linear"
    )
    theirs = pipeline(
        "a red cat", negative_prompt="blue", width=64, height=64, num_inference_steps=4, guidance_scale=5.0,
        generator=torch.Generator().manual_seed(3), output_type="pt",
    ).images[0]  # fmt: skip
    done = picture(
        file, family="sdxl", prompt="a red cat", negative_prompt="blue", steps=4, guidance_scale=5.0, seed=3,
    )  # fmt: skip
    ours = torch.frombuffer(bytearray(done.pixels.data), dtype=torch.uint8).reshape(64, 64, 3).float()
    assert (ours - theirs.permute(1, 2, 0).clamp(0, 1) * 255).abs().max() <= 2
