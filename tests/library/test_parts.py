"""Parts that are no checkpoints: how they are built, told from names and shapes, and found by name or hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.errors import DamagedModel, UnknownPart, UnsupportedModel
from studio.library import Library
from studio.library.header import Header, TensorInfo, read_header
from studio.library.identify import identify
from studio.library.parts import identify_part
from studio.library.single_file import single_file_card
from tests.library import header_files as files
from tests.library.header_files import Shapes, write_header_file


def header_of(shapes: Shapes, **metadata: str) -> Header:
    return Header({name: TensorInfo("F16", shape, 0) for name, shape in shapes.items()}, metadata)


@pytest.mark.parametrize(
    ("shapes", "form", "rank"),
    [
        (files.LORA_SD1, "LoRA", 8),
        (files.LORA_PEFT, "LoRA", 4),
        (files.LORA_DIFFUSERS, "LoRA", 4),
        (files.LORA_OF_TEXT, "LoRA", 16),
        (files.LOCON, "LoCon", 8),
        (files.DORA, "DoRA", 8),
        (files.LOHA, "LoHa", 4),
        (files.LOKR, "LoKr", 0),
        (files.LOKR_FACTORED, "LoKr", 4),
        (files.IA3, "IA3", 0),
        (files.OFT, "OFT", 0),
        (files.OFT_OF_ONETRAINER, "OFT", 0),
        (files.GLORA, "GLoRA", 0),
        (files.LORA_MERGED, "LoRA", 8),
        (files.LORA_OF_OLD_TEXT, "LoRA", 4),
        (files.FULL_DIFFERENCE, "full difference", 0),
    ],
)
def test_adapters_are_told_by_how_they_are_built(shapes: Shapes, form: str, rank: int) -> None:
    part = identify_part(header_of(shapes))
    assert (part.kind, part.form, part.rank) == ("lora", form, rank)


@pytest.mark.parametrize(
    ("shapes", "form", "factor"),
    [
        (files.ESRGAN_OLD, "ESRGAN", 4),
        (files.ESRGAN_OLD_2X, "ESRGAN", 2),
        (files.ESRGAN_NEW, "ESRGAN", 4),
        (files.ESRGAN_PLUS, "ESRGAN+", 4),
        (files.REAL_ESRGAN, "Real-ESRGAN", 4),
        (files.REAL_ESRGAN_2X, "Real-ESRGAN", 2),
        (files.COMPACT, "Compact", 4),
        (files.SWINIR, "SwinIR", 4),
        (files.SWINIR_LIGHT, "SwinIR", 2),
        (files.HAT, "HAT", 4),
        (files.DAT, "DAT", 4),
        (files.SPAN, "SPAN", 4),
    ],
)
def test_upscalers_are_told_with_their_factor(shapes: Shapes, form: str, factor: int) -> None:
    part = identify_part(header_of(shapes))
    assert (part.kind, part.form, part.factor) == ("upscaler", form, factor)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (files.OFT, "a LoRA of the form OFT, which"),
        (files.IA3, "a LoRA of the form IA3, which"),
        (files.GLORA, "a LoRA of the form GLoRA, which"),
        (files.ESRGAN_PLUS, "an upscaler of the architecture ESRGAN+, which"),
        (files.LOKR, ""),
        (files.FULL_DIFFERENCE, ""),
    ],
)
def test_forms_that_cannot_be_used_say_so_on_their_card(tmp_path: Path, shapes: Shapes, words: str) -> None:
    """Before somebody takes one into a picture."""
    problem = single_file_card(write_header_file(tmp_path / "part.safetensors", shapes)).problem
    assert words in problem if words else problem is None


def test_an_embedding_says_how_many_tokens_it_takes() -> None:
    assert [identify_part(header_of(shapes)).vectors for shapes in (
        files.EMBEDDING_SD1, files.EMBEDDING_ONE_VECTOR, files.EMBEDDING_SDXL,
        {"text_encoders_0": (3, 768), "text_encoders_1": (3, 1280)},
    )] == [4, 1, 2, 3]  # fmt: skip


EVERY_NAME = sorted(
    {name for value in vars(files).values() if isinstance(value, dict) for name in value if isinstance(name, str)}
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(EVERY_NAME), st.lists(st.integers(0, 2**40), max_size=5).map(tuple), max_size=8))
def test_no_mixture_of_names_and_shapes_stops_a_scan(shapes: Shapes) -> None:
    identify(header_of(shapes), "any")


@pytest.fixture
def stocked(tmp_path: Path) -> Library:
    models = tmp_path / "models"
    write_header_file(models / "Lora" / "ink.safetensors", files.LORA_SD1, metadata={"ss_output_name": "ink_v3"})
    write_header_file(models / "Lora" / "flux.safetensors", files.LORA_FLUX)
    write_header_file(models / "VAE" / "soft.safetensors", files.VAE_ORIGINAL)
    write_header_file(models / "ESRGAN" / "4x-sharp.safetensors", files.REAL_ESRGAN)
    write_header_file(models / "ESRGAN" / "swin.safetensors", files.SWINIR)
    library = Library([models], tmp_path / "cache", hash_ahead=False)
    library.scan()
    return library


def test_upscalers_are_those_that_run(stocked: Library) -> None:
    assert [(card.name, card.factor, card.path.name) for card in stocked.upscalers()] == [
        ("4x-sharp", 4, "4x-sharp.safetensors")
    ]
    assert "SwinIR" in (next(card for card in stocked.parts("upscaler") if card.name == "swin").problem or "")


def test_a_part_answers_to_all_its_names(stocked: Library, tmp_path: Path) -> None:
    file = tmp_path / "models" / "Lora" / "ink.safetensors"
    ink = stocked.part("lora", "INK")
    content = file.read_bytes()
    header_bytes = 8 + int.from_bytes(content[:8], "little")
    assert ink.sha256 == hashlib.sha256(content).hexdigest()
    assert ink.payload_sha256 == hashlib.sha256(content[header_bytes:]).hexdigest()
    for name in ("ink", "ink.safetensors", "ink_v3", "Ink_V3", ink.sha256[:10], ink.adapter_hash, ink.title):
        assert stocked.part("lora", name).path == file, name


def test_metadata_may_be_edited_without_changing_a_loras_hash(stocked: Library, tmp_path: Path) -> None:
    before = stocked.part("lora", "ink")
    write_header_file(tmp_path / "models" / "Lora" / "ink.safetensors", files.LORA_SD1, metadata={"note": "edited"})
    after = stocked.part("lora", "ink")
    assert before.adapter_hash == after.adapter_hash and before.sha256 != after.sha256


def test_what_nothing_answers_to_is_refused_with_near_names(stocked: Library) -> None:
    with pytest.raises(UnknownPart, match=r"No LoRA is called 'inc'\. There is: ink\."):
        stocked.part("lora", "inc")
    with pytest.raises(UnknownPart, match=r"soft is a model of kind vae, not a LoRA\."):
        stocked.part("lora", "soft")
    with pytest.raises(UnknownPart, match="There are no embeddings yet"):
        stocked.part("embedding", "bad")
    with pytest.raises(UnknownPart, match="ink is there, but its weights are not those"):
        stocked.part("lora", "ink [0123456789]")
    with pytest.raises(UnsupportedModel, match=r"flux cannot be used\. It is a LoRA for Flux"):
        stocked.part("lora", "flux")


def test_a_part_that_goes_after_the_scan_is_named(stocked: Library, tmp_path: Path) -> None:
    (tmp_path / "models" / "VAE" / "soft.safetensors").unlink()
    with pytest.raises(DamagedModel, match="soft is no longer where it was found"):
        stocked.part("vae", "soft")


def test_the_shipped_lora_is_read() -> None:
    shipped = Path(__file__).parents[2] / "assets" / "loras" / "starter-ink.safetensors"
    part = identify_part(read_header(shipped))
    assert (part.kind, part.form) == ("lora", "LoRA") and part.rank > 0
