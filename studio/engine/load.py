"""From the files of a checkpoint to networks that are ready to run, in stages that can be given up.

It owns what "loaded" means: a chassis with weights in it, and what the engine must know of them beside. Nothing is
asked of the network: every file is local. Which checkpoints stay loaded, and what becomes of a chassis, is decided by
`residency`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from studio.engine.chassis import Chassis
from studio.engine.conditioning import ReadTexts, TextConditioner, TextEncoder
from studio.engine.denoiser import PREDICTIONS, Denoiser
from studio.engine.latents.decode import Decoder
from studio.engine.model_files import TEXT_ENCODERS, CheckpointFiles, inspect_folder
from studio.engine.other_vae import with_other_vae
from studio.engine.outfit import Outfit
from studio.engine.placement import Placement
from studio.engine.preview import PreviewMap, fitting_preview_map
from studio.engine.single_file import inspect_single_file
from studio.engine.weights import Weights, read_weights
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
    """Networks ready to run, in the outfit of some pictures. ``size_bytes`` is what its weights take;
    ``input_channels`` is 9 for an inpainting network, which also sees the mask and what lies around it.
    """

    outfit: Outfit
    denoiser: Denoiser
    conditioner: TextConditioner
    decoder: Decoder
    preview: PreviewMap
    size_bytes: int
    noise_schedule: NoiseSchedule = field(repr=False)
    input_channels: int = LATENT_CHANNELS

    @property
    def path(self) -> Path:
        return self.outfit.checkpoint


def inspect_checkpoint(
    path: Path, prediction: str = "", zero_snr: bool | None = None, vae: Path | None = None
) -> CheckpointFiles:
    """The files of a checkpoint of either layout, from their headers, checked for what the engine can run.

    ``prediction`` and ``zero_snr`` go before what they are taken for; empty and ``None`` leave that as it is. ``vae``
    is the file of another VAE to wear, which a checkpoint that has none of its own cannot do without.

    Raises:
        DamagedModel: a file is missing, unreadable or cut short; the message names it.
        UnsupportedModel: a kind of checkpoint the engine cannot run, or one that has no VAE.
    """
    files = inspect_single_file(path, prediction) if path.is_file() else inspect_folder(path)
    if "vae" not in files.components:
        files = with_other_vae(files, vae)
    said = {"prediction_type": prediction or None, "rescale_betas_zero_snr": zero_snr}
    scheduler = {**files.scheduler, **{name: value for name, value in said.items() if value is not None}}
    files = replace(files, scheduler=scheduler)
    channels = int(files.components["unet"].config.get("in_channels", LATENT_CHANNELS))
    if channels not in (LATENT_CHANNELS, INPAINTING_CHANNELS):
        raise UnsupportedModel(
            f"{path.name} takes {channels} input channels (an editing checkpoint); "
            "choose a text-to-image or inpainting checkpoint."
        )
    return files


def size_on_device(files: CheckpointFiles, placement: Placement) -> int:
    """The bytes that a checkpoint's weights will take, from the headers of its files."""
    return files.parameter_count * placement.dtype.itemsize


def assembling(
    files: CheckpointFiles,
    chassis: Chassis,
    weights: Weights,
    outfit: Outfit,
    read: ReadTexts | None = None,
    preview: PreviewMap | None = None,
) -> Generator[None, None, LoadedCheckpoint]:
    """A checkpoint from a chassis that has its weights in it, in pieces. ``read`` keeps the texts it has encoded
    before, and ``preview`` is its map if that was fitted before.

    Raises:
        DamagedModel, UnsupportedModel: tokenizer or scheduler cannot be used.
    """
    noise_schedule, prediction = _forward_process(files)
    unet, vae = chassis.networks["unet"], chassis.networks["vae"]
    placement = chassis.placements["unet"]
    names = [one for one in TEXT_ENCODERS if one in files.components]
    encoders = [
        TextEncoder(chassis.networks[name], _tokenizer(files, folder), chassis.placements[name], place, len(names))
        for place, (name, folder) in enumerate(zip(names, files.tokenizers, strict=True))
    ]
    vae_config = files.components["vae"].config
    # Folders of older families say so too, by diffusers' default; only Stable Diffusion XL's pipelines act on it.
    overflows = len(names) > 1 and bool(vae_config.get("force_upcast"))
    decoder = Decoder(vae, chassis.placements["vae"], vae_config, placement.device, overflows=overflows)
    preview = preview or (yield from fitting_preview_map(decoder))
    return LoadedCheckpoint(
        outfit=outfit,
        denoiser=Denoiser(unet, noise_schedule, prediction, placement.dtype),
        conditioner=TextConditioner(encoders, placement, read),
        decoder=decoder,
        preview=preview,
        size_bytes=weights.size_bytes,
        noise_schedule=noise_schedule,
        input_channels=int(unet.config["in_channels"]),
    )


def load_checkpoint(path: Path, placement: Placement) -> Loading:
    """Load one checkpoint on a chassis of its own; `Residency` keeps many.

    Raises:
        DamagedModel: a file is missing, cut short or does not fit its configuration; the message names it.
        UnsupportedModel: a kind of checkpoint the engine cannot run.
    """
    yield 0.0
    files = inspect_checkpoint(path)
    placements: Mapping[str, Placement] = dict.fromkeys(files.components, placement)
    chassis = Chassis(files, placements)
    _forward_process(files)
    reading = read_weights(files, chassis.skeleton, placements)
    weights = yield from _between(0.05, 0.9, reading)
    chassis.put(weights)
    yield 0.95
    pieces = assembling(files, chassis, weights, Outfit(path))
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            loaded: LoadedCheckpoint = end.value
            return loaded


def _between(start: float, end: float, stages: Generator[float, None, Weights]) -> Generator[float, None, Weights]:
    while True:
        try:
            yield start + (end - start) * next(stages)
        except StopIteration as done:
            weights: Weights = done.value
            return weights


def _forward_process(files: CheckpointFiles) -> tuple[NoiseSchedule, str]:
    prediction = str(files.scheduler.get("prediction_type", "epsilon"))
    if prediction not in PREDICTIONS:
        raise UnsupportedModel(
            f"{files.path.name} predicts {prediction!r}; the engine can run {' and '.join(PREDICTIONS)}."
        )
    try:
        return NoiseSchedule.from_config(files.scheduler), prediction
    except (ValueError, TypeError) as error:
        raise UnsupportedModel(f"{files.path.name}/scheduler cannot be used: {error}") from error


def _tokenizer(files: CheckpointFiles, folder: Path) -> FileTokenizer:
    try:
        return FileTokenizer.cached(folder)
    except StudioError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise DamagedModel(f"The tokenizer of {files.path.name} cannot be read: {error}. Download it again.") from error
