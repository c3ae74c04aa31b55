"""Where things are: the home folder with everything a person makes, and the assets that ship with the studio.

It only names places; making folders is the business of whoever writes into them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs

PACKAGE_DIR = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Paths:
    """The layout of a home folder. Every path is absolute."""

    home: Path

    @classmethod
    def at(cls, home: Path | None = None) -> Paths:
        """The layout under ``home``, by default the platform's user data directory."""
        chosen = home if home is not None else Path(platformdirs.user_data_dir("latent-studio", appauthor=False))
        return cls(chosen.expanduser().resolve())

    @property
    def database(self) -> Path:
        return self.home / "studio.db"

    @property
    def secret_file(self) -> Path:
        """What signs sessions; whoever can read it may use the studio."""
        return self.home / "secret.key"

    @property
    def certificate(self) -> Path:
        """The certificate that the studio made itself; it may be shown to anybody."""
        return self.home / "tls" / "certificate.pem"

    @property
    def certificate_key(self) -> Path:
        """The key of that certificate, which only its owner may read."""
        return self.home / "tls" / "key.pem"

    @property
    def settings_file(self) -> Path:
        return self.home / "settings.toml"

    @property
    def images(self) -> Path:
        """Finished pictures, in folders by day."""
        return self.home / "images"

    @property
    def thumbnails(self) -> Path:
        return self.home / "thumbnails"

    @property
    def blobs(self) -> Path:
        """Source pictures and masks, named by content hash."""
        return self.home / "blobs"

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def model_cards(self) -> Path:
        """What a person wrote on the cards of models."""
        return self.home / "model-cards"

    @property
    def presets(self) -> Path:
        """Presets that are there for everybody."""
        return self.home / "presets"

    def presets_of(self, owner: str) -> Path:
        """The presets of one person, named by an id that holds no separator."""
        assert owner and owner.replace("-", "").replace("_", "").isalnum(), owner
        return self.home / "people" / owner / "presets"

    @property
    def wildcards(self) -> Path:
        """Lists of words that prompts call by ``__name__``."""
        return self.home / "wildcards"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def cache(self) -> Path:
        """What can be made again: hashes, preview maps."""
        return self.home / "cache"


def shipped(name: str) -> Path:
    """The folder ``assets`` or ``presets`` that ships: in an installed wheel, else beside the package in a checkout."""
    inside = PACKAGE_DIR / "_shipped" / name
    return inside if inside.is_dir() else PACKAGE_DIR.parent / name
