"""Brings models of the hub into the models folder: one file, or a whole pipeline folder.

It decides where one goes, asks whether there is room, and keeps what came hidden from the scan until it is whole and
every hash is right. What is there already is known by its bytes, never by a name alone. It refuses pickles.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studio.errors import Conflict, DamagedModel, InvalidField, ModelError, NotFound, StorageError
from studio.library.diffusers_folder import INDEX, folder_card, size_of
from studio.library.hashes import sha256_of
from studio.library.hub import Hub, Offered, Progress
from studio.library.hub_names import VARIANTS, Wanted, names_of, part_name, parts_of
from studio.library.pipelines import pipeline_files, problem_of
from studio.library.placing import put_in_place
from studio.library.room import make_room
from studio.library.single_file import SAFETENSORS

_SPARE_BYTES = 500_000_000
_MOST_SMALL_BYTES = 20_000_000

HashOf = Callable[[Path], str]
"""The SHA-256 of a file, or nothing where that would take too long to say; size alone must do then."""


@dataclass(frozen=True)
class Offer:
    """What the hub has of a wish: its ``files`` by their paths there, at one commit, and for a pipeline the
    ``problem`` that is known before anything is fetched.
    """

    what: Wanted
    files: Mapping[str, Offered]
    problem: str | None = None

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(one.size_bytes for one in self.files.values())

    @property
    def commit(self) -> str:
        """Where the files are asked for, so that all are of one state."""
        return next((one.commit for one in self.files.values() if one.commit), self.what.revision)

    def place(self, folder: Path, hash_of: HashOf = sha256_of) -> Path:
        """Where it goes in ``folder``.

        Raises:
            Conflict: it is there already, or all its names are taken by other models.
        """
        places = self._places(folder)
        for place in places:
            if not os.path.lexists(place):
                return place
            if self._is_at(place, hash_of):
                raise Conflict(f"{place.name} is in the models folder already. Move it away to fetch it again.")
        raise Conflict(f"{places[-1].name} is in the models folder already, and is another model. Move it away first.")

    def is_in(self, folder: Path, hash_of: HashOf = sha256_of) -> bool:
        """Whether it is in ``folder`` already, under one of its names."""
        return any(place.exists() and self._is_at(place, hash_of) for place in self._places(folder))

    def _places(self, folder: Path) -> list[Path]:
        suffix = "" if self.what.is_pipeline else SAFETENSORS
        return [folder / f"{name}{suffix}" for name in names_of(self.what)]

    def _is_at(self, place: Path, hash_of: HashOf) -> bool:
        pairs = [(place / path if self.what.is_pipeline else place, one) for path, one in self.files.items()]
        if any(size_of(file) != one.size_bytes for file, one in pairs):
            return False
        try:
            return all(hash_of(file) in ("", one.sha256) for file, one in pairs if one.sha256)
        except DamagedModel:
            return False


def offer_of(hub: Hub, what: Wanted, *, with_problem: bool = True) -> Offer:
    """What the hub has of it.

    Raises:
        InvalidField: no safetensors file, and no pipeline.
        UnsupportedModel, DamagedModel: a pipeline that cannot be fetched whole.
        Offline, NotFound: as `Hub.offered` says.
    """
    what.check()
    if not what.is_pipeline:
        return Offer(what, {what.file: hub.offered(what)})
    commit = hub.offered(what).commit
    at = replace(what, revision=commit or what.revision)
    tree = {path: replace(one, commit=commit) for path, one in hub.tree(at).items()}
    if INDEX not in tree:
        raise NotFound(f"{what.repository} is no diffusers folder: it has no {INDEX}.")
    index = _read(hub, at, tree, INDEX)
    files = pipeline_files(what.repository, _names_in(index, what), tree, what.variant)
    problem = problem_of(index, tree, lambda path: _read(hub, at, tree, path)) if with_problem else None
    return Offer(what, files, problem)


def pipelines_of(hub: Hub, what: Wanted, tree: Mapping[str, Offered], *, with_problem: bool = True) -> list[Offer]:
    """The pipeline folders that a repository of these files can be fetched as: full precision, and half if it has it;
    none where a part has no safetensors weights.
    """
    if INDEX not in tree:
        return []
    offers: list[Offer] = []
    with contextlib.suppress(ModelError):
        index = _read(hub, what, tree, INDEX)
        names = _names_in(index, what)
        for variant in VARIANTS:
            files = pipeline_files(what.repository, names, tree, variant)
            if not offers or files.keys() != offers[0].files.keys():
                offers.append(Offer(replace(what, file=INDEX, variant=variant), files))
        if with_problem:
            problem = problem_of(index, tree, lambda path: _read(hub, what, tree, path))
            return [replace(offer, problem=problem) for offer in offers]
    return offers


def chosen(hub: Hub, what: Wanted) -> Wanted:
    """``what`` with its file; where only a repository was named, the pipeline folder or the one file that it holds.

    Raises:
        InvalidField: it holds several files and is no pipeline; the message lists them.
        NotFound: it holds none that could be fetched.
        Offline: as `Hub.offered` says.
    """
    if what.file:
        return what
    tree = hub.tree(what)
    if pipelines_of(hub, what, tree, with_problem=False):
        return replace(what, file=INDEX)
    files = {path: one.size_bytes for path, one in tree.items() if path.endswith(SAFETENSORS)}
    top = {name: size for name, size in files.items() if "/" not in name} or files
    if not top:
        raise NotFound(f"{what.repository} holds no {SAFETENSORS} file.")
    if len(top) > 1:
        listed = ", ".join(f"{name} ({size / 1e6:,.0f} MB)" for name, size in sorted(top.items()))
        raise InvalidField("file", f"{what.repository} holds several files", listed)
    return replace(what, file=next(iter(top)))


def pull(
    hub: Hub, what: Wanted, folder: Path, progress: Progress = lambda done, total: None, offer: Offer | None = None
) -> Path:
    """Fetch it into ``folder``; what an earlier try left there is gone on with.

    Raises:
        Conflict: it is there already.
        StorageFull: there is not enough room; nothing was fetched.
        DamagedModel: what came is not what the hub says it is.
        Offline, NotFound: as `Hub.offered` says.
    """
    offer = offer or offer_of(hub, what, with_problem=False)
    target = offer.place(folder)
    content = "".join(f"{path} {one.sha256 or one.blob_sha1 or one.commit}\n" for path, one in offer.files.items())
    part = folder / part_name(what, content)
    make_room(folder, offer.size_bytes - _bytes_in(part), _SPARE_BYTES)
    if what.is_pipeline:
        _fetch_folder(hub, offer, part, progress)
    else:
        hub.fetch(replace(what, revision=offer.commit), offer.files[what.file], part, progress)
    while not put_in_place(part, target):  # somebody put another model there meanwhile
        target = offer.place(folder)
    throw_away(folder, what)
    return target


def throw_away(folder: Path, what: Wanted) -> None:
    """Delete what tries to fetch it left."""
    for part in parts_of(folder, what):
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                part.unlink()


def _read(hub: Hub, what: Wanted, tree: Mapping[str, Offered], path: str) -> bytes:
    """A configuration of the repository."""
    if tree[path].size_bytes > _MOST_SMALL_BYTES:
        raise DamagedModel(f"{path} of {what.repository} is far too large for a configuration.")
    return hub.read(replace(what, file=path))


def _names_in(index: bytes, what: Wanted) -> Mapping[str, Any]:
    try:
        names = json.loads(index)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, dict):
        raise DamagedModel(f"{INDEX} of {what.repository} cannot be understood.")
    return names


def _fetch_folder(hub: Hub, offer: Offer, part: Path, progress: Progress) -> None:
    """Every file under its path in ``part``, each whole before it has its name there."""
    done, whole = 0, offer.size_bytes
    for path, offered in offer.files.items():
        place = part / path
        before = done
        done += offered.size_bytes
        if place.exists():
            progress(done, whole)
            continue
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{place.parent} cannot be written: {error.strerror or error}.") from error
        coming = place.with_name(f".{place.name}.part")
        hub.fetch(
            replace(offer.what, file=path, revision=offer.commit), offered, coming,
            lambda came, _, before=before: progress(before + came, whole),  # type: ignore[misc]
        )  # fmt: skip
        coming.rename(place)
    card = folder_card(part)
    if card.trouble == "damaged":
        shutil.rmtree(part, ignore_errors=True)
        raise DamagedModel(f"What came of {offer.what.repository} is not sound: {card.problem}")


def _bytes_in(part: Path) -> int:
    if not part.is_dir():
        return size_of(part)
    return sum(size_of(file) for file in part.rglob("*") if file.is_file())
