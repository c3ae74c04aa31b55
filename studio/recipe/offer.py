"""What resolving a recipe asks of the studio: an `Offer`, and the facts it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class CheckpointFacts:
    """What resolving needs to know of a checkpoint. ``prediction`` and ``zero_snr`` are what a person says of its
    network, whatever its file is taken for; empty and ``None`` where nobody says so. ``needs_vae``: it has no VAE of
    its own, and ``fitting_vaes`` are those here that may serve.
    """

    name: str
    sha256: str
    family: str
    native_size_px: int
    default_sampler: str
    default_steps: int
    default_guidance_scale: float
    default_clip_skip: int = 1
    default_vae: str = ""
    prediction: str = ""
    zero_snr: bool | None = None
    needs_vae: bool = False
    fitting_vaes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SamplerFacts:
    """What resolving needs to know of a sampler: its canonical name and what "automatic" means for it."""

    name: str
    default_schedule: str
    default_eta: float


@dataclass(frozen=True)
class SourceFacts:
    """What resolving needs to know of a stored picture. ``is_black`` and ``is_white`` say so of a whole mask."""

    width_px: int
    height_px: int
    has_alpha: bool = False
    is_black: bool = False
    is_white: bool = False


@dataclass(frozen=True)
class UpscalerFacts:
    """What resolving needs to know of an upscaler: its canonical name, the sha256 of its file (empty for those that
    need none), and its own factor (0 for any).
    """

    name: str
    sha256: str = ""
    factor: int = 0


@dataclass(frozen=True)
class VaeFacts:
    """What resolving needs to know of a VAE: its canonical name and the sha256 of its file."""

    name: str
    sha256: str


class Offer(Protocol):
    """What this studio has to offer; ``services`` makes one from the library and the sampler catalogue."""

    @property
    def max_side_px(self) -> int:
        """The largest width or height, in pixels."""

    def checkpoint(self, name: str) -> CheckpointFacts:
        """The checkpoint of that name, hash or "auto". Raises `UnknownCheckpoint`."""

    def vae(self, name: str, family: str) -> VaeFacts:
        """The VAE of that name or hash, for a checkpoint of ``family``. Raises `UnknownPart`, and `InvalidField` for
        one that is made for another family."""

    def sampler(self, name: str) -> SamplerFacts:
        """The sampler of that name or alias; an old combined name answers its schedule too. Raises `UnknownSampler`."""

    def schedule(self, name: str) -> str:
        """The canonical name of a schedule. Raises `UnknownSampler`."""

    def source(self, sha256: str) -> SourceFacts:
        """The stored picture of that hash. Raises `NotFound`."""

    def upscaler(self, name: str, *, latent: bool) -> UpscalerFacts:
        """The upscaler of that name, ``None`` too; latent ones only when ``latent``. Raises `UnknownPart`."""
