"""One frozen ``Settings``: defaults, then ``settings.toml`` in the home, then ``STUDIO_*`` variables, then flags.

Each setting is one line of name, type, default and sentence; the sentence is what the docs and ``studio doctor`` show.
Inner layers never read it: ``services`` hands them values. A damaged file stops nothing, see `settings_file`; a value
that is not allowed does, because its default may be wider than what was meant.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydantic
from pydantic import Field
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from studio.errors import SetupError
from studio.paths import Paths
from studio.settings_file import read_settings_file


class Settings(BaseSettings):
    """Everything that can be set about a running studio."""

    model_config = SettingsConfigDict(env_prefix="STUDIO_", frozen=True, extra="ignore")

    home: Path | None = Field(None, description="Folder of settings, database, pictures and models.")
    host: str = Field("127.0.0.1", description="Address to listen on; 127.0.0.1 is this machine only.")
    port: int = Field(7860, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    models: list[Path] = Field(default_factory=list, description="Further folders to look for models in, read only.")
    device: str = Field(
        "auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="Device to compute on: auto, cpu, cuda or cuda:N."
    )
    open: bool = Field(False, description="Allow listening beyond this machine without a login (with a warning).")
    allowed_hosts: list[str] = Field(
        default_factory=list, description="Further names by which browsers reach this studio, behind a proxy say."
    )
    tls: str = Field(
        "off", pattern="^(off|auto)$", description="auto: speak TLS with a certificate that the studio makes itself."
    )
    tls_certificate: Path | None = Field(None, description="Certificate to speak TLS with, a PEM file.")
    tls_key: Path | None = Field(None, description="Key of that certificate, a PEM file without a password.")
    password_cost: str = Field(
        "normal", pattern="^(normal|cheap)$", description="Work that a password's hash takes; cheap is for tests only."
    )
    browser: bool = Field(False, description="Open the page in a browser once it answers.")
    default_checkpoint: str = Field(
        "auto", description="Checkpoint for recipes that name none; auto takes your first own one, else the starter."
    )
    max_side_px: int = Field(2048, ge=64, le=16384, description="Largest width or height of a picture, in pixels.")
    max_count: int = Field(64, ge=1, le=10000, description="Most pictures in one job.")
    max_upload_mb: int = Field(
        100, ge=1, le=4000, description="Largest file of a source picture or mask, in megabytes."
    )
    live_pictures: int = Field(8, ge=1, le=64, description="Most pictures that share one network call.")
    member_waiting_pictures: int = Field(
        1000, ge=0, description="Most pictures of one member that wait at a time; 0: no limit."
    )
    member_pictures_per_hour: int = Field(
        0, ge=0, description="Most pictures that one member may order within an hour; 0: no limit."
    )
    member_megapixel_steps: int = Field(
        0, ge=0, description="Most work of one picture of a member, in millions of pixels times steps; 0: no limit."
    )
    guest_waiting_pictures: int = Field(
        40, ge=0, description="Most pictures of one guest that wait at a time; 0: no limit."
    )
    guest_pictures_per_hour: int = Field(
        120, ge=0, description="Most pictures that one guest may order within an hour; 0: no limit."
    )
    guest_megapixel_steps: int = Field(
        150, ge=0, description="Most work of one picture of a guest, in millions of pixels times steps; 0: no limit."
    )
    idle_unload_minutes: float = Field(
        15, ge=0, le=10000, description="Minutes without work after which models give their memory back; 0: never."
    )
    device_memory_mb: int = Field(
        0, ge=0, description="Most memory of the GPU for models, in megabytes; 0 takes a share of what is free."
    )
    host_memory_mb: int = Field(
        0, ge=0, description="Most host memory for models, in megabytes; 0 takes a share of what is free."
    )
    disk_warning_mb: int = Field(
        2000, ge=0, description="Free room on the disk, in megabytes, below which people are warned; 0: never."
    )
    disk_floor_mb: int = Field(
        300, ge=0, description="Free room on the disk, in megabytes, below which no new picture is begun; 0: no bound."
    )
    bin_days: int = Field(0, ge=0, le=36500, description="Days after which what lies in the bin is deleted; 0: never.")
    unused_days: int = Field(
        30, ge=0, le=36500, description="Days after which uploads that nothing refers to are deleted; 0: never."
    )
    backup_folder: Path | None = Field(None, description="Folder that backups go to, best on another drive.")
    backup_hours: float = Field(
        0, ge=0, le=10000, description="Hours between two backups made by the studio itself; 0: none."
    )
    backup_keep: int = Field(14, ge=1, le=10000, description="How many backups of the studio's own are kept.")
    log_mb: float = Field(5, gt=0, le=10000, description="Size at which the log file is put away and a new one begun.")
    log_files: int = Field(5, ge=1, le=1000, description="How many log files are kept.")
    preview_every_steps: int = Field(2, ge=0, le=100, description="Steps between two live previews; 0 shows none.")
    engine: str = Field(
        "torch", pattern="^(torch|fake)$", description="torch makes pictures; fake is for trying the page."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        named = init_settings().get("home") or env_settings().get("home")
        file = read_settings_file(Paths.at(Path(named) if named else None).settings_file)
        return init_settings, env_settings, InitSettingsSource(settings_cls, file.values)

    @property
    def speaks_tls(self) -> bool:
        """Whether the studio's addresses begin with https."""
        return self.tls == "auto" or self.tls_certificate is not None

    @property
    def paths(self) -> Paths:
        return Paths.at(self.home)

    def remarks(self) -> list[str]:
        """A sentence for each line of the settings file that does nothing. Raises `OSError`."""
        return read_settings_file(self.paths.settings_file).unknown(type(self).model_fields)


def load_settings(**flags: Any) -> Settings:
    """The settings in force; ``flags`` left at ``None`` do not count.

    Raises:
        SetupError: a value that is not allowed, or an unreadable settings file, named with its place.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except pydantic.ValidationError as error:
        raise SetupError("\n".join(_sentence(wrong) for wrong in error.errors())) from error
    except OSError as error:
        file = Paths.at(given.get("home")).settings_file
        raise SetupError(
            f"The settings file {file} cannot be read: {error.strerror}. Check who may read it, or move it away."
        ) from error


def _sentence(wrong: Any) -> str:
    name = ".".join(str(part) for part in wrong["loc"])
    return f"The setting {name!r} (STUDIO_{name.upper()}) cannot be {wrong['input']!r}: {wrong['msg']}."
