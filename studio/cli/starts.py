"""The files that ``--init`` and ``--mask`` name: one picture, or a folder of them with masks of the same names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studio.errors import InvalidField, StorageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")
"""Files of a folder that are taken for pictures; a file that is named itself may end in anything."""


@dataclass(frozen=True)
class Start:
    """A picture to start from, and the mask over it if there is one."""

    picture: Path
    mask: Path | None = None


def find_starts(init: Path | None, mask: Path | None) -> list[Start]:
    """The pictures to start from, none without ``init``; all are looked for before any is made.

    Raises:
        InvalidField: a file or folder that is not there, a folder without pictures, a picture without its mask.
    """
    if init is None:
        if mask is not None:
            raise InvalidField("mask", "a mask needs a picture under it", "--init FILE beside it")
        return []
    masks = _masks(mask)
    if not init.is_dir():
        if mask is not None and mask.is_dir():
            return [Start(_existing("init", init), _mask_of(init, mask, masks))]
        return [Start(_existing("init", init), mask and _existing("mask", mask))]
    pictures = _pictures_in("init", init)
    if mask is None or not mask.is_dir():
        return [Start(picture, mask and _existing("mask", mask)) for picture in pictures]
    return [Start(picture, _mask_of(picture, mask, masks)) for picture in pictures]


def read_file(path: Path) -> bytes:
    """The bytes of a file. Raises `StorageError`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}.") from error


def _masks(mask: Path | None) -> dict[str, Path]:
    if mask is None or not mask.is_dir():
        return {}
    return {file.stem: file for file in _pictures_in("mask", mask)}


def _mask_of(picture: Path, folder: Path, masks: dict[str, Path]) -> Path:
    if picture.stem not in masks:
        raise InvalidField("mask", f"there is none for {picture.name} in {folder}", "a file of the same name for each")
    return masks[picture.stem]


def _existing(flag: str, path: Path) -> Path:
    if not path.is_file():
        raise InvalidField(flag, f"there is no file {path}", "a picture, or a folder of pictures")
    return path


def _pictures_in(flag: str, folder: Path) -> list[Path]:
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    except OSError as error:
        raise StorageError(f"The folder {folder} cannot be read: {error.strerror or error}.") from error
    if not files:
        raise InvalidField(flag, f"there is no picture in {folder}", f"files that end in {', '.join(SUFFIXES)}")
    return files
