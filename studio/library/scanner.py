"""``Scanner``: walks the model folders and makes the cards; what has not changed since the last time is not read again.

It writes nothing and raises nothing: what is wrong with a model stands on its card, what with a folder in
`Scanned.problems`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from studio.library.card import ModelCard
from studio.library.diffusers_folder import folder_card
from studio.library.hashes import stamp_of
from studio.library.layouts import given_names, model_folders
from studio.library.pictures import picture_beside
from studio.library.sidecars import sidecars_beside
from studio.library.single_file import own_defaults_of, single_file_card
from studio.library.walk import walk


@dataclass(frozen=True)
class Scanned:
    """What one look found: the cards in order, sentences about folders that could not be read, every folder that was
    looked into, and the files beside models that were read with them.
    """

    cards: tuple[ModelCard, ...]
    problems: tuple[str, ...]
    folders: tuple[Path, ...]
    beside: tuple[Path, ...] = ()


class Scanner:
    """Looks through ``folders``, of which all but ``may_be_missing`` should be there. Not to be used by two threads at
    once.
    """

    def __init__(self, folders: Sequence[Path], may_be_missing: Sequence[Path] = ()) -> None:
        self._folders = tuple(folders)
        self._may_be_missing = frozenset(may_be_missing)
        self._seen: dict[Path, tuple[object, ModelCard]] = {}
        self._beside: list[Path] = []

    def scan(self) -> Scanned:
        """Look at everything. Two ways to one file give one card."""
        problems: list[str] = []
        folders: list[Path] = []
        self._beside = []
        cards = tuple(self._found(problems, folders.append))
        self._seen = {card.path: self._seen[card.path] for card in cards}
        return Scanned(cards, tuple(problems), tuple(folders), tuple(self._beside))

    def _found(self, problems: list[str], on_folder: Callable[[Path], None]) -> Iterator[ModelCard]:
        seen: set[Path] = set()
        listed: dict[Path, frozenset[str]] = {}

        def names_in(folder: Path) -> frozenset[str]:
            if folder not in listed:
                listed[folder] = frozenset(entry.name for entry in _entries(folder))
            return listed[folder]

        for given in self._folders:
            if given not in self._may_be_missing and not given.exists():
                problems.append(f"The folder {given} is not there. Is its drive connected, and the path right?")
            names = given_names(given)
            for root in model_folders(given):
                for find in walk(root, problems.append, on_folder):
                    real = Path(os.path.realpath(find.path))  # unlike resolve(), it raises nothing on a loop of links
                    if real in seen:
                        continue
                    seen.add(real)
                    card = (
                        self._folder_card(find.path, names_in, on_folder)
                        if find.is_folder
                        else self._file_card(find.path, names_in)
                    )
                    name = names.get(find.path) or names.get(find.path.parent) or card.name
                    folder = _folder_below(root, find.path)
                    yield replace(
                        card, name=name, folder=folder, picture=picture_beside(find.path, find.is_folder, names_in)
                    )

    def _file_card(self, file: Path, names_in: Callable[[Path], frozenset[str]]) -> ModelCard:
        """The card of a file; one that has not changed since the last scan, nor what lies beside it, is not read
        again.
        """
        sidecars = sidecars_beside(file, False, names_in)
        defaults = [own] if (own := own_defaults_of(file)).name in names_in(file.parent) else []
        self._beside += [*defaults, *sidecars]
        stamp = tuple((str(place), stamp_of(place)) for place in (file, *defaults, *sidecars))
        return self._remembered(file, stamp, lambda path: single_file_card(path, sidecars))

    def _folder_card(
        self, folder: Path, names_in: Callable[[Path], frozenset[str]], on_folder: Callable[[Path], None]
    ) -> ModelCard:
        """The same of a pipeline folder, by its files and those of its parts."""
        sidecars = sidecars_beside(folder, True, names_in)
        self._beside += sidecars
        parts = [folder, *(Path(entry.path) for entry in _entries(folder) if entry.is_dir())]
        for part in parts:
            on_folder(part)
        files = [Path(entry.path) for part in parts for entry in _entries(part) if not entry.is_dir()]
        stamp = tuple((str(file), *(stamp_of(file) or ())) for file in [*files, *sidecars])
        return self._remembered(folder, stamp, lambda path: folder_card(path, sidecars))

    def _remembered(self, path: Path, stamp: object, describe: Callable[[Path], ModelCard]) -> ModelCard:
        seen = self._seen.get(path)
        if seen is None or seen[0] != stamp:
            seen = self._seen[path] = stamp, describe(path)
        return seen[1]


def _folder_below(root: Path, path: Path) -> str:
    """Where a model lies below the folder of models, with slashes; nothing of what is above that is told."""
    outer = path.parent
    if outer.name == "snapshots" and outer.parent.name.startswith("models--"):  # the hub's cache: no place to speak of
        outer = outer.parent.parent
    return outer.relative_to(root).as_posix().removeprefix(".") if outer.is_relative_to(root) else ""


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, in the order of names; nothing where it may not be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
