"""Models as A1111's clients list and call them. Where files lie on this machine stays out of it."""

from __future__ import annotations

from typing import Any

from studio.library import Library
from studio.library.about import entries_of
from studio.library.card import ModelCard
from studio.library.header import read_header
from studio.library.single_file import SAFETENSORS


def title_of(card: ModelCard) -> str:
    """``file [hash]``, by which clients choose a checkpoint; without a hash until it is known."""
    return f"{card.file_name} [{card.short_hash}]" if card.sha256 else card.file_name


def checkpoints(library: Library) -> list[dict[str, Any]]:
    """Every checkpoint that pictures can be made with."""
    return [
        {
            "title": title_of(card),
            "model_name": card.name,
            "hash": card.short_hash or None,
            "sha256": card.sha256 or None,
            "filename": card.file_name,
            "config": None,
        }
        for card in library.checkpoints()
        if card.usable
    ]


def vaes(library: Library) -> list[dict[str, Any]]:
    """Every VAE."""
    return [{"model_name": card.file_name, "filename": card.file_name} for card in _usable(library, "vae")]


def loras(library: Library) -> list[dict[str, Any]]:
    """Every LoRA with what its file says of itself."""
    return [
        {
            "name": card.name,
            "alias": card.alias or card.name,
            "path": card.file_name,
            "metadata": _metadata(card),
        }
        for card in _usable(library, "lora")
    ]


def embeddings(library: Library) -> dict[str, Any]:
    """Embeddings that can be used, and those that cannot."""
    told = {
        card.name: {
            "step": None,
            "sd_checkpoint": None,
            "sd_checkpoint_name": None,
            "shape": {"sd1": 768, "sd2": 1024, "sdxl": 2048}.get(card.family, 0),
            "vectors": card.vectors,
        }
        for card in library.parts("embedding")
    }
    usable = {card.name for card in _usable(library, "embedding")}
    return {
        "loaded": {name: about for name, about in told.items() if name in usable},
        "skipped": {name: about for name, about in told.items() if name not in usable},
    }


def upscalers(library: Library) -> list[dict[str, Any]]:
    """What enlarges pixels, ``None`` first: clients put the latent ones right behind it."""
    plain = [_upscaler(name, None, 4) for name in ("None", "Lanczos", "Nearest")]
    return [*plain, *(_upscaler(card.name, card, card.factor or 4) for card in library.upscalers())]


def realesrgan_models(library: Library) -> list[dict[str, Any]]:
    """The upscalers of that architecture."""
    return [
        {"name": card.name, "path": card.file_name, "scale": card.factor or 4}
        for card in library.upscalers()
        if card.form in ("Real-ESRGAN", "Compact")
    ]


def _upscaler(name: str, card: ModelCard | None, scale: int) -> dict[str, Any]:
    model = {"model_name": card.name if card else None, "model_path": card.file_name if card else None}
    return {"name": name, **model, "model_url": None, "scale": scale}


def _usable(library: Library, kind: Any) -> list[ModelCard]:
    return [card for card in library.parts(kind) if card.usable]


def _metadata(card: ModelCard) -> dict[str, str]:
    is_readable = card.layout == "single-file" and card.path.suffix.lower() == SAFETENSORS
    return entries_of(read_header(card.path).metadata) if is_readable else {}
