"""Other programs' folders: found as they lie, called as they are called there, and left as they were."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.library import Library
from studio.library.card import ModelCard
from tests.library import header_files as files
from tests.library.header_files import write_header_file


def a1111(root: Path) -> None:
    write_header_file(root / "models" / "Stable-diffusion" / "anime" / "v1-5.safetensors", files.SD1)
    write_header_file(root / "models" / "Lora" / "ink.safetensors", files.LORA_SD1)
    write_header_file(root / "models" / "VAE" / "soft.safetensors", files.VAE_ORIGINAL)
    write_header_file(root / "models" / "ESRGAN" / "sharp.safetensors", files.ESRGAN_OLD)
    write_header_file(root / "models" / "ControlNet" / "depth.safetensors", files.CONTROLNET_SD1)
    write_header_file(root / "embeddings" / "bad-hands.safetensors", files.EMBEDDING_SD1)
    write_header_file(root / "venv" / "lib" / "python3.10" / "site-packages" / "x.safetensors", files.SD1)
    write_header_file(root / "repositories" / "y.safetensors", files.SD1)


def comfyui(root: Path) -> None:
    write_header_file(root / "models" / "checkpoints" / "v1-5.safetensors", files.SD1)
    write_header_file(root / "models" / "loras" / "ink.safetensors", files.LORA_SD1)
    write_header_file(root / "models" / "vae" / "soft.safetensors", files.VAE_ORIGINAL)
    write_header_file(root / "models" / "upscale_models" / "sharp.safetensors", files.ESRGAN_OLD)
    write_header_file(root / "models" / "controlnet" / "depth.safetensors", files.CONTROLNET_SD1)
    write_header_file(root / "models" / "embeddings" / "bad-hands.safetensors", files.EMBEDDING_SD1)
    write_header_file(root / "custom_nodes" / "x" / "x.safetensors", files.SD1)


def invokeai(root: Path) -> None:
    """Under keys, with the names in the database: one relative path, one folder, one in place."""
    models = root / "models"
    write_header_file(models / "1f0c" / "v1-5-pruned.safetensors", files.SD1)
    write_header_file(models / "2a7d" / "pytorch_lora_weights.safetensors", files.LORA_SD1)
    write_header_file(models / "3b" / "vae" / "diffusion_pytorch_model.safetensors", files.VAE_ORIGINAL)
    write_header_file(models / "sd-1" / "upscaler" / "sharp.safetensors", files.ESRGAN_OLD)
    write_header_file(models / "sd-1" / "controlnet" / "depth.safetensors", files.CONTROLNET_SD1)
    write_header_file(models / "sd-1" / "embedding" / "bad-hands" / "learned_embeds.safetensors", files.EMBEDDING_SD1)
    (root / "databases").mkdir()
    named = {
        "1f0c/v1-5-pruned.safetensors": "v1-5",
        "2a7d": "ink",
        str(models / "3b" / "vae" / "diffusion_pytorch_model.safetensors"): "soft",
    }
    connection = sqlite3.connect(root / "databases" / "invokeai.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE models (id TEXT, config TEXT)")
    rows = [(path, json.dumps({"path": path, "name": name})) for path, name in named.items()]
    connection.executemany("INSERT INTO models VALUES (?, ?)", rows)
    connection.commit()
    connection.close()


def everything(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(root.rglob("*"))}


@pytest.mark.parametrize("program", [a1111, comfyui, invokeai])
def test_the_folders_of_other_programs_are_read_and_left_alone(program: Callable[[Path], None], tmp_path: Path) -> None:
    root = tmp_path / "theirs"
    program(root)
    before = everything(root)
    library = Library([root], tmp_path / "cache", hash_ahead=False)
    library.scan()
    found: dict[str, ModelCard] = {card.name: card for card in library.models()}
    assert {name: card.kind for name, card in found.items()} == {
        "v1-5": "checkpoint", "ink": "lora", "soft": "vae", "sharp": "upscaler", "depth": "controlnet",
        "bad-hands": "embedding",
    }  # fmt: skip
    for kind, name in (("lora", "ink"), ("vae", "soft"), ("upscaler", "sharp")):
        assert library.part(kind, name).sha256
    assert everything(root) == before


def test_a_spoilt_database_of_names_costs_the_names_only(tmp_path: Path) -> None:
    invokeai(tmp_path)
    (tmp_path / "databases" / "invokeai.db").write_bytes(b"not a database at all" * 100)
    library = Library([tmp_path], tmp_path / "cache", hash_ahead=False)
    library.scan()
    assert "v1-5-pruned" in {card.name for card in library.models()}


def test_the_models_folder_itself_may_be_given(tmp_path: Path) -> None:
    comfyui(tmp_path)
    library = Library([tmp_path / "models" / "loras"], tmp_path / "cache", hash_ahead=False)
    library.scan()
    assert [card.name for card in library.models()] == ["ink"]
