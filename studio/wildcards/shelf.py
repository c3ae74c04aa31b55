"""The wildcard files of a studio: those that ship, and the home's own, which win where they have the same name.

Files are read again when they have changed, so an editor beside the studio is as good as the page. `entries` answers
for a name or a pattern (``*`` within a folder, ``**`` across folders), in the order of names and lines.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from studio.errors import InvalidField, NotFound, UnknownWildcard
from studio.prompt.unfold import Entry
from studio.store.files import in_words, write_atomic
from studio.wildcards.reading import MAX_FILE_CHARACTERS, MAX_FOLDERS, FileContent, read_file, read_text

SUFFIXES = (".txt", ".yaml", ".yml")
_SEGMENT = re.compile(r"\w(?:[\w .-]*\w)?")
MAX_SEGMENT_CHARACTERS = 80


@dataclass(frozen=True)
class WildcardFile:
    """A file: its ``name`` (``colours.txt``), whether it is one's own, whether one that ships lies under it, and the
    names it gives prompts with how many entries each has. ``problem`` is None for one that can be read.
    """

    name: str
    own: bool
    ships: bool
    names: Mapping[str, int] = field(default_factory=dict)
    problem: str | None = None

    def as_dict(self) -> dict[str, object]:
        """The file for JSON."""
        names = [{"name": name, "entries": count} for name, count in self.names.items()]
        return {"file": self.name, "own": self.own, "ships": self.ships, "names": names, "problem": self.problem}


class Shelf:
    """The wildcards of ``shipped`` and ``own``. Safe to share between threads."""

    def __init__(self, shipped: Path, own: Path) -> None:
        self._shipped, self._own = shipped, own
        self._read: dict[Path, tuple[tuple[int, ...], FileContent]] = {}
        self._lock = threading.Lock()

    def files(self) -> list[WildcardFile]:
        """Every file, by name."""
        shipped, own = _found(self._shipped), _found(self._own)
        return [
            self._file(name, (own if name in own else shipped)[name], own=name in own, ships=name in shipped)
            for name in sorted({**shipped, **own})
        ]

    def snapshot(self) -> Callable[[str], Sequence[Entry]]:
        """What names mean now: a function from name or pattern to entries, whatever happens to the files later.

        It raises `UnknownWildcard`.
        """
        lists = self._lists()
        return lambda name: entries(lists, name)

    def names(self) -> dict[str, tuple[Entry, ...]]:
        """Every name that a prompt can call, with its entries."""
        return self._lists()

    def text(self, name: str) -> str:
        """The text of a file. Raises `NotFound`."""
        path = self._path(name)
        try:
            return path.read_bytes().decode("utf-8-sig", errors="replace")
        except OSError as error:
            raise in_words(error, path) from error

    def file(self, name: str) -> WildcardFile:
        """One file. Raises `NotFound`."""
        known = file_name(name)
        found = next((one for one in self.files() if one.name == known), None)
        if found is None:
            raise _missing(name)
        return found

    def write(self, name: str, text: str) -> WildcardFile:
        """Make or change a file of one's own; one that ships stays as it is beneath it.

        Raises:
            InvalidField: a name that cannot be one in a prompt, or a text that cannot be read.
            StorageError: it cannot be written.
        """
        known = file_name(name)
        _check_name(known)
        if len(text) > MAX_FILE_CHARACTERS:
            raise InvalidField("text", f"{len(text):,} characters are too many", f"up to {MAX_FILE_CHARACTERS:,}")
        try:
            data = text.replace("\r\n", "\n").encode("utf-8")
        except UnicodeEncodeError:
            raise InvalidField("text", "contains half of a surrogate pair, which no file can keep") from None
        content = read_text(text, Path(known).suffix)
        if content.problem:
            raise InvalidField("text", content.problem)
        write_atomic(self._own / known, data)
        return self.file(known)

    def remove(self, name: str) -> None:
        """Delete a file of one's own; one that ships comes back from under it.

        Raises:
            NotFound: there is no such file.
            InvalidField: it ships with the studio.
        """
        known = file_name(name)
        path = _found(self._own).get(known)
        if path is None:
            self._path(known)
            raise InvalidField("name", f"{known} ships with the studio and stays", "a file of your own")
        try:
            path.unlink()
        except OSError as error:
            raise in_words(error, path) from error

    def _lists(self) -> dict[str, tuple[Entry, ...]]:
        lists: dict[str, tuple[Entry, ...]] = {}
        for folder in (self._shipped, self._own):
            for name, path in sorted(_found(folder).items()):
                for inside, found in self._content(path).lists.items():
                    lists[inside or name.rpartition(".")[0]] = found
        return lists

    def _file(self, name: str, path: Path, *, own: bool, ships: bool) -> WildcardFile:
        content = self._content(path)
        names = {inside or name.rpartition(".")[0]: len(found) for inside, found in content.lists.items()}
        return WildcardFile(name, own, ships, names, content.problem)

    def _content(self, path: Path) -> FileContent:
        try:
            stat = path.stat()
            # the number as well: of two writes within one tick of the disk's clock, the second makes another file
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            with self._lock:
                known = self._read.get(path)
            if known is not None and known[0] == stamp:
                return known[1]
            content = (
                FileContent(problem="This file is too large to be a wildcard.")
                if stat.st_size > 4 * MAX_FILE_CHARACTERS
                else read_file(path.read_bytes(), path.suffix)
            )
        except OSError as error:
            return FileContent(problem=str(in_words(error, path)))
        with self._lock:
            self._read[path] = (stamp, content)
        return content

    def _path(self, name: str) -> Path:
        known = file_name(name)
        path = _found(self._own).get(known) or _found(self._shipped).get(known)
        if path is None:
            raise _missing(name)
        return path


def entries(lists: Mapping[str, Sequence[Entry]], name: str) -> Sequence[Entry]:
    """The entries of a name, or of all names that a pattern fits, each text once. A plain name is also found in a
    folder: ``cats`` is ``animals/cats`` where there is no other. Raises `UnknownWildcard` with the nearest names.
    """
    wanted = name.strip("/")
    if wanted in lists:
        return lists[wanted]
    for pattern in (wanted, f"**/{wanted}"):
        fits = _pattern(pattern)
        fitting = [one for one in sorted(lists) if fits.fullmatch(one)]
        if fitting:
            found = {entry.text: entry for one in fitting for entry in lists[one]}
            return tuple(found.values())
    near = get_close_matches(wanted, lists, n=3, cutoff=0.4)
    known = f"near it: {', '.join(near)}" if near else "write \\__ for two plain underscores"
    raise UnknownWildcard(f"There is no wildcard {name[:60]!r} ({known}).")


def file_name(name: str) -> str:
    """The file that a name stands for: ``colours`` is ``colours.txt``."""
    clean = name.strip().strip("/")
    return clean if clean.endswith(SUFFIXES) else f"{clean}.txt"


def _check_name(name: str) -> None:
    segments = name.rpartition(".")[0].split("/")
    good = all(_SEGMENT.fullmatch(one) and len(one) <= MAX_SEGMENT_CHARACTERS and "__" not in one for one in segments)
    if not good or len(segments) > MAX_FOLDERS or any(one.startswith("_") for one in segments):
        raise InvalidField(
            "name", f"{name[:80]!r} cannot be the name of a wildcard", "letters, digits, - and _, folders with /"
        )


def _found(folder: Path) -> dict[str, Path]:
    return {file.relative_to(folder).as_posix(): file for file in _walk(folder, MAX_FOLDERS)}


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        return
    for path in inside:
        if path.name.startswith("."):
            continue
        if path.is_dir() and depth > 1:
            yield from _walk(path, depth - 1)
        elif path.suffix in SUFFIXES and path.is_file():
            yield path


def _pattern(text: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/?|\*|\?)", text)
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts), re.IGNORECASE)


def _missing(name: str) -> NotFound:
    return NotFound(f"There is no wildcard file {name[:80]!r}.")
