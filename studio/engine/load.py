"""Builds the networks of a checkpoint from its files, in stages, so that loading shows progress and can be given up.

It owns what "loaded" means: the parts of a Stable Diffusion 1.x or 2.x checkpoint on their device, and what the engine
must know of them. Nothing is asked of the network: every file is local. It refuses checkpoints with missing weights,
which the libraries would fill with random numbers.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

from studio.engine.conditioning import TextConditioner
from studio.engine.denoiser import PREDICTIONS, Denoiser
from studio.engine.latents.decode import Decoder
from studio.engine.memory import is_out_of_memory
from studio.engine.model_files import CheckpointFiles, ComponentFiles, inspect_folder
from studio.engine.placement import Placement
from studio.engine.preview import PreviewMap, fit_preview_map
from studio.errors import DamagedModel, StudioError, UnsupportedModel
from studio.prompt.tokenizer import FileTokenizer
from studio.sampling.noise_schedule import NoiseSchedule

Loading = Generator[float, None, "LoadedCheckpoint"]
"""Yields the fraction behind it, from 0 to 1, and returns the checkpoint."""

LATENT_CHANNELS = 4
INPAINTING_CHANNELS = 9
"""Latents, the mask, and the latents of the masked picture."""


@dataclass(frozen=True, eq=False)
class LoadedCheckpoint:
    """A checkpoint ready to run. ``size_bytes`` is what its weights take on the device; ``input_channels`` is 9 for an
    inpainting network, which also sees the mask and what lies around it.
    """

    path: Path
    denoiser: Denoiser
    conditioner: TextConditioner
    decoder: Decoder
    preview: PreviewMap
    size_bytes: int
    noise_schedule: NoiseSchedule = field(repr=False)
    input_channels: int = LATENT_CHANNELS


def size_on_device(files: CheckpointFiles, placement: Placement) -> int:
    """The bytes that a checkpoint's weights will take, from the headers of its files."""
    return files.parameter_count * placement.dtype.itemsize


def load_checkpoint(path: Path, placement: Placement) -> Loading:
    """Load a diffusers folder.

    Raises:
        DamagedModel: a file is missing, cut short or does not fit its configuration; the message names it.
        UnsupportedModel: a kind of checkpoint the engine cannot run.
    """
    yield 0.0
    files = inspect_folder(path)
    noise_schedule, prediction = _forward_process(files)
    tokenizer = _tokenizer(files)
    yield 0.05
    text_encoder = _network(CLIPTextModel, files.components["text_encoder"], placement, {"dtype": placement.dtype})
    yield 0.25
    unet = _network(UNet2DConditionModel, files.components["unet"], placement, {"torch_dtype": placement.dtype})
    _check_unet(unet, path)
    yield 0.85
    vae = _network(AutoencoderKL, files.components["vae"], placement, {"torch_dtype": placement.dtype})
    yield 0.95
    decoder = Decoder(vae, placement)
    return LoadedCheckpoint(
        path=path,
        denoiser=Denoiser(unet, noise_schedule, prediction, placement.dtype),
        conditioner=TextConditioner(text_encoder, tokenizer, placement),
        decoder=decoder,
        preview=fit_preview_map(decoder),
        size_bytes=size_on_device(files, placement),
        noise_schedule=noise_schedule,
        input_channels=int(unet.config["in_channels"]),
    )


def _forward_process(files: CheckpointFiles) -> tuple[NoiseSchedule, str]:
    prediction = str(files.scheduler.get("prediction_type", "epsilon"))
    if prediction not in PREDICTIONS:
        raise UnsupportedModel(
            f"{files.folder.name} predicts {prediction!r}; the engine can run {' and '.join(PREDICTIONS)}."
        )
    try:
        return NoiseSchedule.from_config(files.scheduler), prediction
    except (ValueError, TypeError) as error:
        raise UnsupportedModel(f"{files.folder.name}/scheduler cannot be used: {error}") from error


def _tokenizer(files: CheckpointFiles) -> FileTokenizer:
    try:
        return FileTokenizer(files.tokenizer)
    except StudioError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise DamagedModel(
            f"The tokenizer of {files.folder.name} cannot be read: {error}. Download it again."
        ) from error


def _network(kind: Any, files: ComponentFiles, placement: Placement, dtype: Mapping[str, torch.dtype]) -> Any:
    """A diffusers or transformers model from its folder, on its device, for inference."""
    name = f"{files.folder.parent.name}/{files.folder.name}"
    try:
        with _no_progress_bars():
            model, report = kind.from_pretrained(
                files.folder,
                variant=files.variant,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                **dtype,
            )
    except Exception as error:
        # The libraries raise nearly every type there is for a spoilt file; what is none of that goes on.
        if is_out_of_memory(error):
            raise
        raise DamagedModel(f"{name} cannot be loaded: {_first_line(error)}. Download the checkpoint again.") from error
    wrong = sorted(str(key) for part in ("missing_keys", "mismatched_keys") for key in report.get(part, ()))
    if wrong:
        raise DamagedModel(
            f"{name} does not fit its configuration: {len(wrong)} weights are missing or of another shape, "
            f"the first is {wrong[0]}. Download the checkpoint again."
        )
    model.requires_grad_(False)
    # channels_last: 15 to 45% faster convolutions on a CPU, and what tensor cores want on a GPU.
    return model.eval().to(placement.device, memory_format=torch.channels_last)


def _check_unet(unet: UNet2DConditionModel, path: Path) -> None:
    channels = int(unet.config["in_channels"])
    if channels not in (LATENT_CHANNELS, INPAINTING_CHANNELS):
        raise UnsupportedModel(
            f"{path.name} takes {channels} input channels (an editing checkpoint); "
            "choose a text-to-image or inpainting checkpoint."
        )


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """transformers 5 draws a bar for each load; the studio shows its own."""
    shown = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers.utils.logging.enable_progress_bar()
