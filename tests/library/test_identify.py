"""Families and kinds from header-only files, judged beside diffusers' own rules where it has any."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers.loaders.single_file_utils import infer_diffusers_model_type

from studio.library.header import read_header
from studio.library.identify import Identity, identify
from studio.library.support import unsupported
from tests.library import header_files as files
from tests.library.header_files import Shapes, write_header_file

CHECKPOINTS: list[tuple[str, Shapes, str, str]] = [
    # name, shapes, our family, diffusers' word for it
    ("sd1", files.SD1, "sd1", "v1"),
    ("sd1 inpainting", files.SD1_INPAINTING, "sd1", "inpainting"),
    ("sd1 pix2pix", files.SD1_PIX2PIX, "sd1", "instruct-pix2pix"),
    ("sd2", files.SD2, "sd2", "v2"),
    ("sd2 inpainting", files.SD2_INPAINTING, "sd2", "inpainting_v2"),
    ("sdxl", files.SDXL, "sdxl", "xl_base"),
    ("sdxl inpainting", files.SDXL_INPAINTING, "sdxl", "xl_inpaint"),
    ("sdxl v-prediction", files.SDXL_V_PREDICTION, "sdxl", "xl_base"),
    ("playground", files.PLAYGROUND, "sdxl", "playground-v2-5"),
    ("refiner", files.SDXL_REFINER, "sdxl-refiner", "xl_refiner"),
    ("sd3 medium", files.SD3_MEDIUM, "sd3", "sd3"),
    ("sd3.5 medium", files.SD35_MEDIUM, "sd3.5", "sd35_medium"),
    ("sd3.5 large", files.SD35_LARGE, "sd3.5", "sd35_large"),
    ("flux dev", files.FLUX_DEV, "flux", "flux-dev"),
    ("flux schnell", files.FLUX_SCHNELL, "flux", "flux-schnell"),
]

PARTS: list[tuple[str, Shapes, str, str]] = [
    ("kohya sd1", files.LORA_SD1, "lora", "sd1"),
    ("kohya sd2", files.LORA_SD2, "lora", "sd2"),
    ("kohya sdxl", files.LORA_SDXL, "lora", "sdxl"),
    ("peft", files.LORA_PEFT, "lora", "sdxl"),
    ("flux lora", files.LORA_FLUX, "lora", "flux"),
    ("loha", files.LOHA, "lora", "sd1"),
    ("lokr", files.LOKR, "lora", "sd1"),
    ("lokr factored", files.LOKR_FACTORED, "lora", "sdxl"),
    ("lokr elsewhere", files.LOKR_ELSEWHERE, "lora", "unknown"),
    ("diffusers' first lora", files.LORA_DIFFUSERS, "lora", "sd2"),
    ("lora of the text", files.LORA_OF_TEXT, "lora", "sd1"),
    ("lora of the second text", files.LORA_OF_SECOND_TEXT, "lora", "sdxl"),
    ("full difference", files.FULL_DIFFERENCE, "lora", "sd1"),
    ("embedding sd1", files.EMBEDDING_SD1, "embedding", "sd1"),
    ("embedding sd2", files.EMBEDDING_SD2, "embedding", "sd2"),
    ("embedding sdxl", files.EMBEDDING_SDXL, "embedding", "sdxl"),
    ("controlnet sd1", files.CONTROLNET_SD1, "controlnet", "sd1"),
    ("controlnet sdxl", files.CONTROLNET_SDXL, "controlnet", "sdxl"),
    ("controlnet lllite", files.LLLITE, "controlnet", "unknown"),
    ("controlnet with its checkpoint", {**files.SD1, **files.CONTROLNET_SD1}, "controlnet", "sd1"),
    ("vae", files.VAE_ORIGINAL, "vae", "unknown"),
    ("vae prefixed", files.VAE_PREFIXED, "vae", "unknown"),
    ("vae of flux", files.VAE_OF_FLUX, "vae", "other"),
    ("embedding of one vector", files.EMBEDDING_ONE_VECTOR, "embedding", "sd1"),
    ("upscaler", files.UPSCALER, "upscaler", "unknown"),
    ("t5", files.T5, "text-encoder", "unknown"),
    ("unet alone", files.LONE_UNET, "unet", "sd1"),
    ("other", files.OTHER, "unknown", "unknown"),
]


def identified(folder: Path, shapes: Shapes, stem: str = "model", **options: dict[str, str]) -> Identity:
    return identify(read_header(write_header_file(folder / f"{stem}.safetensors", shapes, **options)), stem)


@pytest.mark.parametrize(
    ("shapes", "family", "theirs"), [case[1:] for case in CHECKPOINTS], ids=[c[0] for c in CHECKPOINTS]
)
def test_checkpoints_and_their_families(tmp_path: Path, shapes: Shapes, family: str, theirs: str) -> None:
    identity = identified(tmp_path, shapes)
    assert (identity.kind, identity.family) == ("checkpoint", family)
    state = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    assert infer_diffusers_model_type(state) == theirs


@pytest.mark.parametrize(("shapes", "kind", "family"), [case[1:] for case in PARTS], ids=[case[0] for case in PARTS])
def test_what_is_no_checkpoint(tmp_path: Path, shapes: Shapes, kind: str, family: str) -> None:
    identity = identified(tmp_path, shapes)
    assert (identity.kind, identity.family) == (kind, family)


def test_marker_keys_tell_v_prediction_and_zero_snr(tmp_path: Path) -> None:
    marked, plain = identified(tmp_path, files.SDXL_V_PREDICTION), identified(tmp_path, files.SDXL)
    assert (marked.prediction, marked.zero_snr) == ("v_prediction", True)
    assert (plain.prediction, plain.zero_snr) == ("epsilon", False)


def test_inpainting_takes_nine_channels(tmp_path: Path) -> None:
    assert identified(tmp_path, files.SD1_INPAINTING).input_channels == 9
    assert (
        identified(tmp_path, files.SD2_INPAINTING).prediction == "epsilon"
    )  # stable-diffusion-2-inpainting's scheduler


@pytest.mark.parametrize(
    ("stem", "metadata", "prediction", "native_size_px"),
    [
        ("v2-1_768-ema-pruned", {}, "v_prediction", 768),
        ("v2-1_512-ema-pruned", {}, "epsilon", 512),
        ("renamed", {}, "v_prediction", 768),
        ("renamed", {"modelspec.prediction_type": "epsilon"}, "epsilon", 512),
        ("512-base", {"modelspec.prediction_type": "v"}, "v_prediction", 768),
        ("merged", {"modelspec.predict_key": "epsilon"}, "epsilon", 512),
    ],
)
def test_sd2_is_v_prediction_unless_something_says_otherwise(
    tmp_path: Path, stem: str, metadata: dict[str, str], prediction: str, native_size_px: int
) -> None:
    identity = identified(tmp_path, files.SD2, stem, metadata=metadata)
    assert (identity.prediction, identity.native_size_px) == (prediction, native_size_px)


_WEIGHT = "model.diffusion_model.middle_block.1.proj_in"


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (files.SD1_PIX2PIX, "instruct-pix2pix"),
        (files.SD2_DEPTH, "depth-to-image"),
        (files.PLAYGROUND, "Playground 2.5"),
        ({**files.SDXL, "edm_vpred.sigma_max": (), "edm_vpred.sigma_min": ()}, "CosXL"),
        ({**files.SDXL, f"{_WEIGHT}.scale_weight": ()}, "scaled float8"),
        ({**files.SD1, f"{_WEIGHT}.weight.quant_state.bitsandbytes__nf4": (90,)}, "4-bit"),
        (files.SSD_1B, "reshaped"),
        (files.SDXL_REFINER, "XL refiner"),
        (files.SD35_LARGE, "Stable Diffusion 3.5"),
        (files.FLUX_DEV, "Flux"),
        (files.LONE_UNET, "UNet alone"),
    ],
)
def test_what_cannot_be_run_is_refused_in_a_sentence(tmp_path: Path, shapes: Shapes, words: str) -> None:
    sentence = unsupported(identified(tmp_path, shapes), "single-file")
    assert sentence is not None and words in sentence and sentence.endswith(".")


def test_a_checkpoint_without_its_vae_can_be_run_with_another(tmp_path: Path) -> None:
    identity = identified(tmp_path, files.WITHOUT_VAE)
    assert identity.kind == "checkpoint" and identity.needs_vae and unsupported(identity, "single-file") is None
    assert not identified(tmp_path, files.SD1).needs_vae
    half = {name: shape for name, shape in files.SD1.items() if "first_stage_model.encoder" not in name}
    assert identified(tmp_path, half).needs_vae, "it could begin from no picture"


@pytest.mark.parametrize(
    ("shapes", "left_out", "words"),
    [
        (files.SD1, "cond_stage_model.", "It lacks the text encoder."),
        (files.SD2, "cond_stage_model.", "It lacks the text encoder."),
        (files.SDXL, "conditioner.embedders.0.", "It lacks the first text encoder."),
        (files.SDXL, "conditioner.embedders.1.", "It lacks the second text encoder."),
        (files.SDXL, "conditioner.", "It lacks the first text encoder and the second text encoder."),
    ],
)
def test_one_without_its_text_encoder_says_what_to_do(
    tmp_path: Path, shapes: Shapes, left_out: str, words: str
) -> None:
    kept = {name: shape for name, shape in shapes.items() if not name.startswith(left_out)}
    sentence = unsupported(identified(tmp_path, kept), "single-file") or ""
    assert sentence.startswith(words) and "a text encoder cannot: get the checkpoint with all its parts" in sentence


def test_the_metadata_of_a_lora_tells_its_family_where_shapes_cannot(tmp_path: Path) -> None:
    assert (
        identified(tmp_path, files.LOKR_ELSEWHERE, metadata={"ss_base_model_version": "sdxl_base_v1-0"}).family
        == "sdxl"
    )
    assert identified(tmp_path, files.LOKR_ELSEWHERE, metadata={"ss_base_model_version": "sd_v1"}).family == "sd1"
