"""``Checkpoint``: the card of one model file or folder, with everything the studio knows of it without loading it.

A card is a frozen value; it opens no file. What is wrong with a model stands on its card (`problem`) and is raised
only when somebody chooses it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from studio.errors import DamagedModel, ModelError, UnsupportedModel

Layout = Literal["diffusers", "single-file"]
Prediction = Literal["epsilon", "v_prediction"]
Trouble = Literal["damaged", "unsupported"]
Kind = Literal[
    "checkpoint", "unet", "vae", "text-encoder", "lora", "embedding", "controlnet", "upscaler", "unknown"
]  # fmt: skip
Family = Literal["sd1", "sd2", "sdxl", "sdxl-refiner", "sd3", "sd3.5", "flux", "other", "unknown"]

SHORT_HASH_CHARACTERS = 10
"""A1111 shows and writes the first ten hexadecimal characters of a checkpoint's SHA-256."""


@dataclass(frozen=True)
class OwnDefaults:
    """What a checkpoint's own ``studio.toml`` says; ``None`` leaves the answer to the family."""

    title: str | None = None
    notes: str | None = None
    sampler: str | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    clip_skip: int | None = None
    size_px: int | None = None


@dataclass(frozen=True)
class Checkpoint:
    """One model as found on disk.

    ``name`` is unique in its library. ``native_size_px`` is the side it was trained at (0 where that means nothing).
    ``size_bytes`` counts its weight ``files`` alone, and so does ``sha256``: of the file itself, or, for a folder, of
    the lines ``<sha256>  <relative path>`` of its weight files in order of path (what ``sha256sum`` prints); it is
    empty until the hash is known. ``problem`` is a sentence for a person, ``trouble`` its sort; ``warning`` tells of
    something that was left out of account. ``tokenizer_dir`` holds vocabulary and merges where the checkpoint brings
    its own.
    """

    name: str
    path: Path
    layout: Layout
    kind: Kind
    family: Family
    prediction: Prediction = "epsilon"
    zero_snr: bool = False
    inpainting: bool = False
    native_size_px: int = 0
    precision: str = ""
    files: tuple[Path, ...] = ()
    size_bytes: int = 0
    sha256: str = ""
    problem: str | None = None
    trouble: Trouble | None = None
    warning: str | None = None
    tokenizer_dir: Path | None = None
    defaults: OwnDefaults = field(default_factory=OwnDefaults)

    @property
    def short_hash(self) -> str:
        """The first ten hexadecimal characters of the hash, as A1111 writes it; empty until the hash is known."""
        return self.sha256[:SHORT_HASH_CHARACTERS]

    @property
    def title(self) -> str:
        """``name [hash]``, by which A1111's clients call a checkpoint; the bare name until the hash is known."""
        return f"{self.name} [{self.short_hash}]" if self.sha256 else self.name

    @property
    def usable(self) -> bool:
        """Whether pictures can be made with it."""
        return self.kind == "checkpoint" and self.problem is None

    def refusal(self) -> ModelError:
        """The error to raise when somebody chooses this card in spite of its problem."""
        sort = UnsupportedModel if self.trouble == "unsupported" else DamagedModel
        return sort(f"{self.name} cannot be used. {self.problem}")

    def as_dict(self) -> dict[str, Any]:
        """The card as JSON values. Folders of this machine stay out of it: only the file's own name is told."""
        fields = asdict(self)
        for private in ("path", "files", "tokenizer_dir"):
            del fields[private]
        return {
            **fields,
            "file": self.path.name,
            "short_hash": self.short_hash,
            "title": self.title,
            "usable": self.usable,
        }
