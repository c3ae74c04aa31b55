"""``ModelCard``: the card of one model file or folder, with everything the studio knows of it without loading it.

A card is a frozen value; it opens no file. What is wrong with a model stands on its card (`problem`) and is raised
only when somebody chooses it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from studio.errors import DamagedModel, ModelError, UnsupportedModel
from studio.library.about import About
from studio.recipe.model import AUTO, OWN_VAE
from studio.recipe.vae_choice import without_vae

Layout = Literal["diffusers", "single-file"]
Prediction = Literal["epsilon", "v_prediction"]
Trouble = Literal["damaged", "unsupported"]
Kind = Literal[
    "checkpoint", "unet", "vae", "text-encoder", "lora", "embedding", "controlnet", "upscaler", "unknown"
]  # fmt: skip
Family = Literal["sd1", "sd2", "sdxl", "sdxl-refiner", "sd3", "sd3.5", "flux", "other", "unknown"]

FAMILIES: tuple[Family, ...] = get_args(Family)

KINDS: tuple[Kind, ...] = get_args(Kind)
"""Every kind of model there is, in the order they are shown."""

SHORT_HASH_CHARACTERS = 10
"""A1111 shows and writes the first ten hexadecimal characters of a checkpoint's SHA-256 (Civitai's AutoV2)."""

ADAPTER_HASH_CHARACTERS = 12
"""A1111 writes twelve of a LoRA's or embedding's hash into a picture's text (Civitai's AutoV3)."""


@dataclass(frozen=True)
class OwnDefaults:
    """What a checkpoint's own ``studio.toml`` says; ``None`` leaves the answer to the family."""

    title: str | None = None
    notes: str | None = None
    sampler: str | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    clip_skip: int | None = None
    vae: str | None = None
    size_px: int | None = None
    prediction: Prediction | None = None
    zero_snr: bool | None = None


@dataclass(frozen=True)
class Checked:
    """What was found when all of a model was last read: ``at`` is when (ISO 8601, UTC), ``problem`` a sentence, or
    ``None`` where it is sound.
    """

    at: str
    problem: str | None = None


@dataclass(frozen=True)
class ModelCard:
    """One model of any kind, as found on disk.

    ``name`` is unique in its library. ``folder`` is where it lies below the folder that was given, empty at the top.
    ``native_size_px`` is the side it was trained at (0 where that means nothing).
    ``size_bytes`` counts its weight ``files`` alone, and so does ``sha256``: of the file itself, or, for a folder, of
    the lines ``<sha256>  <relative path>`` of its weight files in order of path (what ``sha256sum`` prints); it is
    empty until the hash is known. ``problem`` is a sentence for a person, ``trouble`` its sort; ``warning`` tells of
    something that was left out of account. ``tokenizer_dir`` holds vocabulary and merges where the checkpoint brings
    its own.

    ``needs_vae`` is true of a checkpoint that has no VAE of its own; ``fitting_vaes`` are then the names of those here
    to propose for it.

    ``form`` is how a part is built (``LoHa``, ``Real-ESRGAN``), empty for checkpoints; ``factor`` what an upscaler
    multiplies each side by, 0 where that cannot be told; ``vectors`` how many tokens of a prompt an embedding takes;
    ``rank`` a LoRA's; ``alias`` the name a LoRA was trained under, by which other people's prompts may call it;
    ``payload_sha256`` the hash of a safetensors file without its header, empty until it is known; ``kohya_hash`` the
    same as its trainer wrote it into the metadata.

    ``pickled`` is true of a pickle that can be made into safetensors; ``mark`` is what it is known by again, and of a
    file that was made of one, that pickle's. ``replaces`` names the files of the pickles that need no card besides.

    ``about`` is what its maker says of it, ``picture`` one that lies beside it. ``notes`` and ``recipe`` (fields to
    begin with) are what a person wrote on the card; so are ``trigger_words``, a LoRA's ``weight`` and ``picture``, or
    else its maker's; so are ``prediction`` and ``zero_snr``, or else what the header was taken for. ``own`` names those
    of these five that a person wrote. ``checked`` is there where all of its files were read as they are now.
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
    form: str = ""
    factor: int = 0
    vectors: int = 0
    rank: int = 0
    alias: str = ""
    payload_sha256: str = ""
    kohya_hash: str = ""
    pickled: bool = False
    mark: str = ""
    replaces: tuple[str, ...] = ()
    about: About = field(default_factory=About)
    picture: Path | None = None
    notes: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    trigger_words: tuple[str, ...] = ()
    weight: float | None = None
    own: tuple[str, ...] = ()
    folder: str = ""
    checked: Checked | None = None
    needs_vae: bool = False
    fitting_vaes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """What the routes call it: opaque, and the same as long as it stays where it is."""
        return hashlib.sha256(str(self.path).encode(errors="surrogateescape")).hexdigest()[:16]

    @property
    def file_name(self) -> str:
        """The name of its file or folder, with suffix."""
        return self.path.name

    @property
    def short_hash(self) -> str:
        """The first ten hexadecimal characters of the hash, as A1111 writes it; empty until the hash is known."""
        return self.sha256[:SHORT_HASH_CHARACTERS]

    @property
    def adapter_hash(self) -> str:
        """The twelve characters by which A1111's texts name a LoRA or embedding; empty until the hash is known."""
        whole = self.sha256 if self.kind == "embedding" else self.kohya_hash or self.payload_sha256
        return whole[:ADAPTER_HASH_CHARACTERS]

    @property
    def title(self) -> str:
        """``name [hash]``, by which A1111's clients call a checkpoint; the bare name until the hash is known."""
        return f"{self.name} [{self.short_hash}]" if self.sha256 else self.name

    @property
    def usable(self) -> bool:
        """Whether pictures can be made with it: a checkpoint or a part without a problem, of a kind that is known."""
        return self.kind not in ("unknown", "unet", "text-encoder", "controlnet") and self.problem is None

    @property
    def chosen_vae(self) -> str:
        """The VAE that this card chooses for its checkpoint; empty where that is the checkpoint's own, or open."""
        chosen = self.defaults.vae or ""
        return "" if chosen.casefold() in (AUTO, OWN_VAE, "none") else chosen

    @property
    def remark(self) -> str:
        """What to know before it is used, in a sentence; empty where there is nothing."""
        is_open = self.kind == "checkpoint" and self.needs_vae and self.problem is None
        return without_vae(self.fitting_vaes, self.chosen_vae) if is_open else ""

    @property
    def is_there(self) -> bool:
        """Whether its files still are where the scan found them."""
        return all(file.is_file() for file in self.files)

    def refusal(self) -> ModelError:
        """The error to raise when somebody chooses this card in spite of its problem."""
        sort = UnsupportedModel if self.trouble == "unsupported" else DamagedModel
        return sort(f"{self.name} cannot be used. {self.problem}")

    def as_dict(self) -> dict[str, Any]:
        """The card as JSON values. Folders of this machine stay out of it: only the file's own name is told."""
        fields = asdict(self)
        for private in ("path", "files", "tokenizer_dir", "picture", "mark"):
            del fields[private]
        told: dict[str, Any] = _sayable(
            {
                "id": self.id,
                **fields,
                "file": self.file_name,
                "short_hash": self.short_hash,
                "adapter_hash": self.adapter_hash,
                "title": self.title,
                "usable": self.usable,
                "remark": self.remark,
                "chosen_vae": self.chosen_vae,
                "picture_id": self.picture.stem if self.picture and "picture" in self.own else "",
                "has_picture": self.picture is not None or self.about.has_picture,
            }
        )
        return told


def _sayable(value: Any) -> Any:
    """The same without halves of characters, which names of files and metadata may hold and JSON may not."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {_sayable(name): _sayable(inside) for name, inside in value.items()}
    return type(value)(map(_sayable, value)) if isinstance(value, (list, tuple)) else value


Checkpoint = ModelCard
"""The card of a model of kind ``checkpoint``, for those who ask for nothing else."""
