"""Makes the card of a single model file. It reads the header of safetensors, and never unpickles a pickle."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from studio.library import pickled
from studio.library.about import about_of
from studio.library.card import ModelCard, Trouble
from studio.library.corrected import corrected
from studio.library.families import family_folder
from studio.library.header import Header, read_header
from studio.library.identify import Identity, identify
from studio.library.naming import NAMELESS, OFTEN_NAMELESS, says_nothing
from studio.library.own_defaults import SINGLE_FILE_SUFFIX, read_own_defaults
from studio.library.sidecars import with_sidecars
from studio.library.support import PICKLED, odd_part, unsupported
from studio.library.twins import MADE_FROM, mark_of

SAFETENSORS = ".safetensors"
PICKLES = pickled.SUFFIXES
"""Suffixes of pickled models; what they hold is listed without unpickling."""

_MOST_ALIAS_CHARACTERS = 200


def single_file_card(file: Path, sidecars: Sequence[Path] = ()) -> ModelCard:
    """The card of one file, with what its ``sidecars`` say; whatever is wrong with it is told on the card."""
    card = _pickled_card(file) if file.suffix.lower() in PICKLES else _card(file)
    return with_sidecars(corrected(card, card.defaults.prediction, card.defaults.zero_snr), sidecars)


def _card(file: Path) -> ModelCard:
    header = read_header(file)
    identity = identify(header, file.stem)
    defaults, warning = read_own_defaults(own_defaults_of(file))
    problem, trouble = _problem(header, identity)
    return ModelCard(
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
        needs_vae=identity.kind == "checkpoint" and identity.needs_vae,
        mark=header.metadata.get(MADE_FROM, "")[:_MOST_ALIAS_CHARACTERS],
        about=about_of(header.metadata),
    )


def name_of(file: Path) -> str:
    """The file's name without its suffix; the folder's where the file is called what diffusers calls them all, and the
    folder says more (not ``models``, say).
    """
    stem = file.stem.removesuffix(".fp16")
    nameless = stem in NAMELESS or (stem in OFTEN_NAMELESS and (file.parent / "config.json").is_file())
    folder = file.parent.name
    return folder if nameless and folder and not says_nothing(folder) else file.stem


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


def _pickled_card(file: Path) -> ModelCard:
    """The card of a pickle: told by its list of contents, and never offered before it is converted."""
    if not read_header(file).problem:
        problem = f"It is a safetensors file, whatever its name says. Rename it to {file.stem}{SAFETENSORS}."
        return ModelCard(
            file.stem, file, "single-file", "unknown", "unknown", files=(file,), size_bytes=_size_bytes(file),
            problem=problem, trouble="unsupported",
        )  # fmt: skip
    contents = pickled.read_pickled(file)
    identity = identify(contents.header, file.stem)
    asked = ", ".join(contents.strange[:3])
    if contents.strange:
        problem = (
            f"It would run {asked} when it is read, which weights never need, so it stays closed. Do not trust it."
        )
    else:
        problem = f"{PICKLED} {contents.problem or ''}".strip()
    is_checkpoint = identity.kind == "unknown" and file.suffix.lower() == ".ckpt"
    return ModelCard(
        name_of(file),
        file,
        "single-file",
        "checkpoint" if is_checkpoint else identity.kind,
        identity.family,
        identity.prediction,
        identity.zero_snr,
        identity.kind == "checkpoint" and identity.input_channels == 9,
        identity.native_size_px,
        contents.header.precision,
        files=(file,),
        size_bytes=_size_bytes(file),
        problem=problem,
        trouble="unsupported",
        form=identity.part.form,
        factor=identity.part.factor,
        vectors=identity.part.vectors,
        rank=identity.part.rank,
        pickled=not contents.strange and not contents.problem,
        mark=mark_of(file),
    )


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
