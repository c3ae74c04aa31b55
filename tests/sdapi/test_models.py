"""How models are listed: by file and hash, the family of things apart, the damaged left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.library import Library
from studio.sdapi import models
from tests.library import header_files as files
from tests.library.header_files import write_header_file


@pytest.fixture
def library(tmp_path: Path) -> Library:
    folder = tmp_path / "models"
    folder.mkdir()
    for name, shapes in (
        ("photo", files.SD1),
        ("colours.vae", files.VAE_ORIGINAL),
        ("fur", files.LORA_SD1),
        ("better-hands", files.EMBEDDING_SD1),
        ("sharp-4x", files.REAL_ESRGAN),
        ("soft-4x", files.ESRGAN_OLD),
    ):
        write_header_file(folder / f"{name}.safetensors", shapes)
    library = Library([folder], cache=tmp_path / "cache", hash_ahead=False)
    library.scan()
    return library


def test_each_kind_in_its_list(library: Library) -> None:
    assert [one["model_name"] for one in models.vaes(library)] == ["colours.vae.safetensors"]
    assert [one["name"] for one in models.loras(library)] == ["fur"]
    assert list(models.embeddings(library)["loaded"]) == ["better-hands"]
    assert [one["name"] for one in models.upscalers(library)][:3] == ["None", "Lanczos", "Nearest"]
    by_name = {one["name"]: one["scale"] for one in models.upscalers(library)}
    assert by_name["sharp-4x"] == by_name["soft-4x"] == 4
    assert [one["name"] for one in models.realesrgan_models(library)] == ["sharp-4x"]


def test_a_checkpoint_has_its_file_for_a_title_and_the_hash_once_it_is_known(library: Library) -> None:
    (before,) = models.checkpoints(library)
    assert (before["title"], before["hash"], before["sha256"]) == ("photo.safetensors", None, None)
    sha256 = library.find("photo.safetensors").sha256
    (after,) = models.checkpoints(library)
    assert after["title"] == f"photo.safetensors [{sha256[:10]}]" and after["sha256"] == sha256
    assert library.find(after["title"]).name == library.find(before["title"]).name == "photo"
