"""`Presets`: found in their folders, so that a new file is seen at once; kept, changed, handed on and taken in.

Files are read again only when they changed. Everybody gets what ships and what lies in the home's ``presets``; what
somebody saves is theirs alone, and stands before one of the same name. It changes nobody's but a person's own.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studio.errors import Conflict, InvalidField, NotFound, Refused
from studio.presets.thumbnails import small_picture
from studio.recipe.preset_files import checked, parse_preset, read_preset, thumbnail_in, write_preset
from studio.recipe.presets import Origin, Preset, in_order, name_for
from studio.recipe.style_files import looks_like_styles, read_styles
from studio.store.files import in_words, write_atomic

SUFFIX = ".toml"
PICTURE_SUFFIX = ".webp"
MOST_OWN = 2_000


@dataclass(frozen=True)
class Imported:
    """What a file brought: names of the new presets, and sentences about what of it could not be taken."""

    names: tuple[str, ...]
    problems: tuple[str, ...] = ()


class Presets:
    """The presets in three kinds of folder. Safe to share between threads.

    ``folder_of`` answers where a person's own lie, ``lacking`` what a preset names that is not here; its answers hold
    as long as ``revision`` answers the same.
    """

    def __init__(
        self,
        shipped: Path,
        home: Path,
        folder_of: Callable[[str], Path],
        lacking: Callable[[Preset], str | None] = lambda preset: None,
        revision: Callable[[], int] = lambda: 0,
    ) -> None:
        self._shared: tuple[tuple[Path, Origin], ...] = ((shipped, "shipped"), (home, "home"))
        self._folder_of = folder_of
        self._lacking = lacking
        self._revision = revision
        self._read: dict[Path, tuple[object, Preset]] = {}
        self._writing = threading.Lock()

    def of(self, owner: str) -> Mapping[str, Preset]:
        """Every preset that somebody may use, by name, in order."""
        found: dict[str, Preset] = {}
        for folder, origin in (*self._shared, (self._folder_of(owner), "own")):
            found |= {preset.name: preset for preset in self._in(folder, origin)}
        return {preset.name: preset for preset in in_order(found.values())}

    def get(self, owner: str, name: str) -> Preset:
        """One of them, by its very name. Raises `NotFound`, for another person's too."""
        try:
            return self.of(owner)[name]
        except KeyError:
            raise NotFound(f"There is no preset {name[:80]!r} here.") from None

    def defaults(self, owner: str, family: str) -> list[Preset]:
        """What an untouched form begins with: first what is for every checkpoint, then what is for ``family``.

        A person's own stand in for those of the home that serve the same.
        """
        found = [preset for preset in self.of(owner).values() if preset.default_for and not preset.problem]
        by_use = {preset.default_for: preset for preset in sorted(found, key=lambda one: one.origin == "own")}
        return [by_use[use] for use in ("any", family) if use in by_use]

    def save(self, owner: str, preset: Preset, picture: bytes | None = None, *, replaces: bool = False) -> Preset:
        """Keep a preset as somebody's own, under a name made of its title.

        Raises:
            InvalidField: something in it cannot be.
            Conflict: they have one of that title, and ``replaces`` is off; or too many.
            StorageError: the home cannot be written.
        """
        try:
            return self._save(owner, preset, picture, replaces=replaces)
        except _Taken:
            words = f"You have a preset called {preset.title!r} already. Choose another title, or replace it."
            raise Conflict(words) from None

    def _save(self, owner: str, preset: Preset, picture: bytes | None, *, replaces: bool) -> Preset:
        """Raises `_Taken` where `save` says so."""
        preset = checked(replace(preset, name=name_for(preset.title)))
        small = small_picture(picture) if picture else None
        with self._writing:
            there = self._own_files(owner)
            if preset.name in there and not replaces:
                raise _Taken
            if len(there) >= MOST_OWN and preset.name not in there:
                raise Conflict(f"More than {MOST_OWN:,} presets cannot be kept. Delete some first.")
            self._write(owner, preset, small)
        return self.get(owner, preset.name)

    def change(self, owner: str, name: str, **changes: Any) -> Preset:
        """Change something about one of somebody's own; its file keeps its name.

        Raises:
            NotFound: there is no such preset.
            Refused: it is everybody's.
            InvalidField: something in it cannot be.
        """
        with self._writing:
            present = self._own(owner, name)
            if present.problem and not present.fields:
                raise Conflict(f"{present.title} cannot be read, so it cannot be changed: {present.problem}.")
            changed = checked(replace(present, **changes))
            if not changed.title:
                raise InvalidField("title", "is missing", "some letters or digits")
            self._write(owner, changed, None)
        return self.get(owner, name)

    def delete(self, owner: str, name: str) -> None:
        """Delete one of somebody's own. Raises `NotFound`, `Refused`, `StorageError`."""
        with self._writing:
            self._own(owner, name)
            file = self._folder_of(owner) / f"{name}{SUFFIX}"
            try:
                file.unlink()
                file.with_suffix(PICTURE_SUFFIX).unlink(missing_ok=True)
            except OSError as error:
                raise in_words(error, file) from error

    def export(self, owner: str, name: str) -> bytes:
        """A preset as one TOML file, its picture in it. Raises `NotFound`, `Conflict` for one that cannot be read."""
        preset = self.get(owner, name)
        if preset.problem and not preset.fields:
            raise Conflict(f"{preset.title} cannot be read, so it cannot be exported: {preset.problem}.")
        picture = preset.thumbnail.read_bytes() if preset.thumbnail else None
        return write_preset(replace(preset, default_for=""), picture)

    def take_in(self, owner: str, data: bytes, file_name: str = "") -> Imported:
        """Keep the presets of a file as somebody's own: a preset's TOML, or A1111's ``styles.csv``.

        A title that they have already gets a number.

        Raises:
            InvalidField: the file is neither.
        """
        if looks_like_styles(data) or file_name.lower().endswith(".csv"):
            styles = read_styles(data)
            names = [self._take(owner, style.preset, None) for style in styles if style.preset]
            problems = [f"line {style.line}, {style.name}: {style.problem}" for style in styles if style.problem]
            if not styles:
                raise InvalidField("file", "there is no style in it", "columns name, prompt and negative_prompt")
            return Imported(tuple(names), tuple(problems))
        preset = parse_preset(data, Path(file_name).stem or "imported")
        picture = thumbnail_in(data)
        return Imported((self._take(owner, replace(preset, default_for=""), picture),))

    def _take(self, owner: str, preset: Preset, picture: bytes | None) -> str:
        title = preset.title
        for number in range(2, MOST_OWN + 2):
            with contextlib.suppress(_Taken):
                return self._save(owner, replace(preset, title=title), picture, replaces=False).name
            title = f"{preset.title[:70]} {number}"
        raise Conflict(f"More than {MOST_OWN:,} presets cannot be kept. Delete some first.")

    def _own(self, owner: str, name: str) -> Preset:
        preset = self.get(owner, name)
        if preset.origin != "own":
            raise Refused(f"{preset.title} is there for everybody. Save it as your own first, then change that.")
        return preset

    def _own_files(self, owner: str) -> set[str]:
        return {file.stem for file in self._folder_of(owner).glob(f"*{SUFFIX}")}

    def _write(self, owner: str, preset: Preset, picture: bytes | None) -> None:
        """Write a person's preset; it takes the place of whichever was their default for the same."""
        folder = self._folder_of(owner)
        if preset.default_for:
            for other in self._in(folder, "own"):
                if other.default_for == preset.default_for and other.name != preset.name:
                    write_atomic(folder / f"{other.name}{SUFFIX}", write_preset(replace(other, default_for="")))
        if picture:
            write_atomic(folder / f"{preset.name}{PICTURE_SUFFIX}", picture)
        write_atomic(folder / f"{preset.name}{SUFFIX}", write_preset(preset))

    def _in(self, folder: Path, origin: Origin) -> Iterator[Preset]:
        if not folder.is_dir():
            return
        for file in sorted(folder.glob(f"*{SUFFIX}")):
            picture = file.with_suffix(PICTURE_SUFFIX)
            stamp = (_stamp(file), _stamp(picture), self._revision())
            known = self._read.get(file)
            if known is None or known[0] != stamp:
                known = (stamp, self._looked_at(file, picture, origin, f"{stamp[0]}{stamp[1]}"))
                self._read[file] = known
            yield known[1]

    def _looked_at(self, file: Path, picture: Path, origin: Origin, version: str) -> Preset:
        preset = replace(
            read_preset(file),
            origin=origin,
            thumbnail=picture if picture.is_file() else None,
            version=version,
        )
        return replace(preset, problem=preset.problem or self._lacking(preset))


class _Taken(Exception):
    """A title that somebody has a preset of already."""


def _stamp(file: Path) -> str:
    try:
        found = file.stat()
    except OSError:
        return ""
    # The number as well: of two writes within one tick of the disk's clock, the second makes another file.
    return f"{found.st_mtime_ns:x}{found.st_size:x}{found.st_ino:x}"
