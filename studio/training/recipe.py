"""The whole recipe: which stages there are, in which order, and how the minutes are shared.

Owns the sequence alone; each stage lives in its own file. The shares were measured on two busy processor cores, where
the UNet is what is never done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from studio.training.artwork import load_artwork
from studio.training.autoencoder import train_autoencoder, train_decoder
from studio.training.checkpoint_file import read_stage
from studio.training.device import training_device
from studio.training.diffusion import train_diffusion
from studio.training.errors import CheckpointUnreadable, StageDamaged, TrainingError
from studio.training.export import export_checkpoint, load_checkpoint
from studio.training.latents import PAIRS, Latents, load_latents
from studio.training.looks import LOOKS
from studio.training.lora import add_lora, write_lora
from studio.training.networks import build_autoencoder, build_text_encoder, build_unet
from studio.training.stage import StageSettings
from studio.training.text_pretraining import build_picture_head, pretrain_text_encoder
from studio.training.tokenizer import load_tokenizer

Report = Callable[[str], None]
DEFAULT_MINUTES = 240.0
SHARES = {"autoencoder": 0.15, "decoder": 0.15, "text": 0.25, "diffusion": 0.45}
PAIR_SHARE = 0.15
LOOK_SHARES = {"decoder": 0.3, "diffusion": 0.7}


@dataclass
class Networks:
    """What a checkpoint is made of, while it is being trained."""

    tokenizer: CLIPTokenizer
    encoder: CLIPTextModel
    unet: UNet2DConditionModel
    autoencoder: AutoencoderKL

    def to(self, device: torch.device) -> Networks:
        for part in (self.encoder, self.unet, self.autoencoder):
            part.to(device)
        return self


def make_starter(out: Path, minutes: float, device: str, artwork: Path | None, report: Report) -> Path:
    """All stages from the artwork to the exported folder `out/export`, which is returned.

    Goes on where an earlier run was stopped.
    """
    torch.manual_seed(0)
    where = training_device(device)
    art = load_artwork(out, artwork)
    tokenizer = load_tokenizer(out / "tokenizer")
    text = build_text_encoder(len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id)
    networks = Networks(tokenizer, text, build_unet(), build_autoencoder()).to(where)
    share = {name: part * minutes for name, part in SHARES.items()}
    train_autoencoder(
        art, networks.autoencoder, out, StageSettings("autoencoder", share["autoencoder"], 1.5e-3, seed=1), report
    )
    # The latents are made before the decoder goes on: it leaves them as they are.
    latents = load_latents(out, art, networks.autoencoder, report, pairs=PAIRS)
    settings = StageSettings("decoder", share["decoder"], 1e-3, seed=3)
    train_decoder(art, networks.autoencoder, out, settings, report, deviation=1 / latents.scale)
    settings = StageSettings("text", share["text"], 1.5e-3, seed=2, average_decay=0.99)
    head = build_picture_head().to(where)
    pretrain_text_encoder(latents, tokenizer, networks.encoder, head, out, settings, report, PAIR_SHARE)
    # From here on the text encoder stays as it is: what it remembers is sharper than what denoising would teach it.
    networks.encoder.requires_grad_(False)
    settings = StageSettings("diffusion", share["diffusion"], 1e-3, seed=4, average_decay=0.998)
    train_diffusion(latents, tokenizer, networks.encoder, networks.unet, out, settings, report, PAIR_SHARE)
    return export(networks, latents.scale, out)


def go_on(
    source: Path, out: Path, minutes: float, device: str, artwork: Path | None, look: str | None, report: Report
) -> Path:
    """Train an exported checkpoint further, as it is or in another look, into `out/export`.

    Raises CheckpointUnreadable when `source` cannot be read, TrainingError for a look there is none of.
    """
    restyle = None if look is None else find_look(look)
    torch.manual_seed(0)
    art = load_artwork(out, artwork)
    networks = read_networks(source).to(training_device(device))
    scale = float(networks.autoencoder.config["scaling_factor"])
    shown = {"pairs": PAIRS} if restyle is None else {"placements": 1}
    latents = scaled(load_latents(out, art, networks.autoencoder, report, look=restyle, **shown), scale)
    networks.encoder.requires_grad_(False)
    share = {name: part * minutes for name, part in LOOK_SHARES.items()}
    train_decoder(
        art,
        networks.autoencoder,
        out,
        StageSettings("decoder", share["decoder"], 5e-4, seed=5, warm_up_steps=30),
        report,
        restyle,
        deviation=1 / scale,
    )
    settings = StageSettings("diffusion", share["diffusion"], 5e-4, seed=6, average_decay=0.998, warm_up_steps=30)
    train_diffusion(latents, networks.tokenizer, networks.encoder, networks.unet, out, settings, report, PAIR_SHARE)
    return export(networks, latents.scale, out, source / "tokenizer")


def make_lora(
    source: Path, out: Path, minutes: float, device: str, artwork: Path | None, look: str, report: Report
) -> Path:
    """Train a LoRA of a look over an exported checkpoint; writes and returns `out/<look>.safetensors`."""
    restyle = find_look(look)
    torch.manual_seed(0)
    art = load_artwork(out, artwork)
    networks = read_networks(source)
    layers = add_lora(networks.unet)
    networks.to(training_device(device))
    networks.encoder.requires_grad_(False)
    scale = float(networks.autoencoder.config["scaling_factor"])
    latents = scaled(load_latents(out, art, networks.autoencoder, report, placements=1, look=restyle), scale)
    settings = StageSettings("lora", minutes, 2e-3, seed=9, average_decay=0.99, weight_decay=0.0, warm_up_steps=30)
    train_diffusion(latents, networks.tokenizer, networks.encoder, networks.unet, out, settings, report)
    path = out / f"{look}.safetensors"
    write_lora(path, layers, look)
    return path


def find_look(name: str) -> Callable[[Tensor], Tensor]:
    """The look of that name. Raises TrainingError."""
    if name not in LOOKS:
        raise TrainingError(f"There is no look {name!r}: choose {' or '.join(LOOKS)}.")
    return LOOKS[name]


def read_networks(source: Path) -> Networks:
    """The networks of an exported checkpoint. Raises CheckpointUnreadable."""
    if not (source / "model_index.json").exists():
        raise CheckpointUnreadable(source, "it holds no model_index.json")
    encoder, unet, autoencoder = load_checkpoint(source)
    return Networks(load_tokenizer(source / "tokenizer"), encoder, unet, autoencoder)


def export(networks: Networks, scale: float, out: Path, tokenizer: Path | None = None) -> Path:
    """Write the networks as they are to `out/export` and return it."""
    folder = out / "export"
    export_checkpoint(
        folder, tokenizer or out / "tokenizer", networks.encoder, networks.unet, networks.autoencoder, scale
    )
    return folder


def export_running(out: Path, report: Report) -> Path:
    """Export the running averages of stages that are still training, to try them out. Raises StageDamaged."""
    tokenizer = load_tokenizer(out / "tokenizer")
    text = build_text_encoder(len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id)
    networks = Networks(tokenizer, text, build_unet(), build_autoencoder())
    _load_average(out / "diffusion.safetensors", {"text": networks.encoder, "unet": networks.unet})
    _load_average(out / "decoder.safetensors", {"vae": networks.autoencoder})
    scale = 1 / float(read_stage(out / "latents-0.safetensors")[0]["single"].float().std())
    report("export: the running averages as they are now")
    return export(networks, scale, out)


def _load_average(path: Path, modules: dict[str, torch.nn.Module]) -> None:
    tensors, _ = read_stage(path)
    for prefix, module in modules.items():
        start = f"average.{prefix}."
        try:
            module.load_state_dict({n.removeprefix(start): w for n, w in tensors.items() if n.startswith(start)})
        except RuntimeError as error:
            raise StageDamaged(path, str(error).splitlines()[0]) from error


def scaled(latents: Latents, scale: float) -> Latents:
    """The same latents under another scale: a checkpoint's `scaling_factor` stays when it is trained further."""
    factor = scale / latents.scale
    return Latents(latents.single * factor, latents.combinations, latents.pair * factor, latents.pair_subjects, scale)
