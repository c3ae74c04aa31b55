"""Makes the card of a single model file. It reads the header of safetensors and never opens pickles."""

from __future__ import annotations

import re
from pathlib import Path

from studio.library.about import about_of
from studio.library.card import Checkpoint, Trouble
from studio.library.families import family_folder
from studio.library.header import Header, read_header
from studio.library.identify import Identity, identify
from studio.library.own_defaults import SINGLE_FILE_SUFFIX, read_own_defaults
from studio.library.support import PICKLED, odd_part, unsupported

SAFETENSORS = ".safetensors"
PICKLES = (".ckpt",)
"""Suffixes that only pickled checkpoints have; ``.pt`` and ``.bin`` may be anything, so they are not listed."""

_NAMELESS = ("diffusion_pytorch_model", "pytorch_lora_weights", "learned_embeds")
_OFTEN_NAMELESS = ("model", "pytorch_model")
_MOST_ALIAS_CHARACTERS = 200


def single_file_card(file: Path) -> Checkpoint:
    """The card of one file; whatever is wrong with it is told on the card."""
    if file.suffix.lower() in PICKLES:
        return Checkpoint(
            file.stem, file, "single-file", "checkpoint", "unknown",
            files=(file,), size_bytes=_size_bytes(file), problem=PICKLED, trouble="unsupported",
        )  # fmt: skip
    header = read_header(file)
    identity = identify(header, file.stem)
    defaults, warning = read_own_defaults(own_defaults_of(file))
    problem, trouble = _problem(header, identity)
    return Checkpoint(
        name=name_of(file),
        path=file,
        layout="single-file",
        kind=identity.kind,
        family=identity.family,
        prediction=identity.prediction,
        zero_snr=identity.zero_snr,
        inpainting=identity.kind == "checkpoint" and identity.input_channels == 9,
        native_size_px=defaults.size_px or identity.native_size_px,
        precision=header.precision,
        files=(file,),
        size_bytes=header.size_bytes,
        problem=problem,
        trouble=trouble,
        warning=warning,
        tokenizer_dir=_tokenizer_dir(identity),
        defaults=defaults,
        form=identity.part.form,
        factor=identity.part.factor,
        vectors=identity.part.vectors,
        rank=identity.part.rank,
        alias=header.metadata.get("ss_output_name", "")[:_MOST_ALIAS_CHARACTERS] if identity.kind == "lora" else "",
        kohya_hash=_hash(header.metadata.get("sshs_model_hash", "")),
        about=about_of(header.metadata),
    )


def name_of(file: Path) -> str:
    """The file's name without its suffix; the folder's where the file is called what diffusers calls them all."""
    stem = file.stem.removesuffix(".fp16")
    nameless = stem in _NAMELESS or (stem in _OFTEN_NAMELESS and (file.parent / "config.json").is_file())
    return file.parent.name if nameless and file.parent.name else file.stem


def _tokenizer_dir(identity: Identity) -> Path | None:
    """The one that ships for its family: a single file brings none."""
    if identity.kind != "checkpoint":
        return None
    folder = family_folder(identity.family, identity.prediction, inpainting=identity.input_channels == 9)
    return folder / "tokenizer" if folder else None


def _hash(text: str) -> str:
    return text.lower() if re.fullmatch(r"[0-9a-fA-F]{64}", text) else ""


def own_defaults_of(file: Path) -> Path:
    """Where a single file's own defaults would lie."""
    return file.with_name(file.stem + SINGLE_FILE_SUFFIX)


def _problem(header: Header, identity: Identity) -> tuple[str | None, Trouble | None]:
    if header.problem:
        return header.problem, "damaged"
    sentence = unsupported(identity, "single-file") if identity.kind in ("checkpoint", "unet") else odd_part(identity)
    return sentence, "unsupported" if sentence else None


def _size_bytes(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
