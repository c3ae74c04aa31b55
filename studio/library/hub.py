"""Fetches single model files from the Hugging Face hub: with resume, room checked before, and the hash checked after.

It speaks the hub's ``resolve`` routes: a HEAD tells size, commit and (in ``X-Linked-Etag``) the SHA-256 of a large
file; a GET with ``Range`` goes on where a broken download ended. A file appears under its name only when it is whole
and its hash is right. It refuses pickles. Only what somebody named is ever asked for.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

import httpx

from studio.errors import (
    Conflict,
    DamagedModel,
    InvalidField,
    NotFound,
    Offline,
    StorageError,
    StorageFull,
    StudioError,
)
from studio.library.first_models import FIRST_MODELS
from studio.library.header import read_header

ENDPOINT = "https://huggingface.co"
Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes there will be, and while the hash is checked with all of them;
whatever it raises ends the download, and what came is kept.
"""

_BLOCK_BYTES = 1 << 20
_SPARE_BYTES = 500_000_000
_TRIES = 6
_PAUSE_S = 1.0
_REPOSITORY = re.compile(r"^[\w.-]+/[\w.-]+$")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")


@dataclass(frozen=True)
class Wanted:
    """One file on the hub. ``file`` is empty where only a repository was named."""

    repository: str
    file: str = ""
    revision: str = "main"


@dataclass(frozen=True)
class Offered:
    """What the hub says of a file: ``sha256`` is empty for small ones, which the hub knows by another hash."""

    size_bytes: int
    sha256: str
    commit: str


def wanted(text: str, file: str = "") -> Wanted:
    """What somebody means: a short name of the list, ``owner/name``, ``owner/name/file`` or an address of the hub.

    Raises:
        InvalidField: it is none of these.
    """
    for first in FIRST_MODELS:
        if text.strip().casefold() == first.name:
            return Wanted(first.repository, first.file)
    parts = PurePosixPath(unquote(urlsplit(text.strip()).path)).parts
    parts = tuple(part for part in parts if part != "/")
    revision = "main"
    if len(parts) > 3 and parts[2] in ("resolve", "blob", "tree"):
        revision, parts = parts[3], (*parts[:2], *parts[4:])
    repository, inside = "/".join(parts[:2]), file or "/".join(parts[2:])
    if not _REPOSITORY.match(repository) or ".." in PurePosixPath(inside).parts:
        names = ", ".join(first.name for first in FIRST_MODELS)
        raise InvalidField("model", f"{text!r} is no model on the hub", f"owner/name, its address, or one of {names}")
    return Wanted(repository, inside, revision)


def parts_of(folder: Path, name: str) -> list[Path]:
    """What earlier tries left of a file of that name."""
    return [part for part in folder.glob(f".{glob.escape(name)}.*.part") if part.is_file()]


class Hub:
    """The hub at ``endpoint``, by default the one that ``HF_ENDPOINT`` names, else Hugging Face's."""

    def __init__(self, endpoint: str | None = None, pause_s: float = _PAUSE_S) -> None:
        self.endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
        self._pause_s = pause_s
        token = os.environ.get("HF_TOKEN", "")
        # httpx takes the header off when the hub sends elsewhere for the bytes
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(headers=headers, timeout=httpx.Timeout(30.0), follow_redirects=False)

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def files(self, what: Wanted) -> Mapping[str, int]:
        """The safetensors files of a repository with their sizes. Raises as `offered` does."""
        route = f"/api/models/{what.repository}/tree/{quote(what.revision, safe='')}?recursive=true"
        answer = self._ask("GET", route, what)
        entries = answer.json()
        return {
            str(entry["path"]): int(entry.get("size", 0))
            for entry in entries
            if isinstance(entry, dict) and str(entry.get("path", "")).endswith(".safetensors")
        }

    def chosen(self, what: Wanted) -> Wanted:
        """``what`` with its file; where only a repository was named, the one file that it holds.

        Raises:
            InvalidField: it holds several; the message lists them.
            NotFound: it holds none that could be fetched.
            Offline: as `offered` says.
        """
        if what.file:
            return what
        files = self.files(what)
        top = {name: size for name, size in files.items() if "/" not in name} or files
        if not top:
            raise NotFound(f"{what.repository} holds no .safetensors file.")
        if len(top) > 1:
            listed = ", ".join(f"{name} ({size / 1e6:,.0f} MB)" for name, size in sorted(top.items()))
            raise InvalidField("file", f"{what.repository} holds several files", listed)
        return Wanted(what.repository, next(iter(top)), what.revision)

    def offered(self, what: Wanted) -> Offered:
        """What the hub says of the file.

        Raises:
            Offline: the hub does not answer, or the environment says to stay offline.
            NotFound: there is no such file, or it needs a login.
        """
        headers = self._ask("HEAD", self._route(what), what).headers
        size = headers.get("X-Linked-Size") or headers.get("Content-Length") or "0"
        etag = (headers.get("X-Linked-Etag") or headers.get("ETag") or "").removeprefix("W/").strip('"')
        return Offered(int(size), etag if _SHA256.match(etag) else "", headers.get("X-Repo-Commit", ""))

    def pull(self, what: Wanted, folder: Path, progress: Progress = lambda done, total: None) -> Path:
        """Fetch the file into ``folder``; what an earlier try left there is gone on with.

        Raises:
            Conflict: a file of that name is there.
            StorageFull: there is not enough room; nothing was fetched.
            DamagedModel: what came is not what the hub says it is.
            Offline, NotFound: as `offered` says.
        """
        name = PurePosixPath(what.file).name
        if not name.lower().endswith(".safetensors"):
            raise InvalidField("file", f"{name or 'nothing'} cannot be fetched", "a .safetensors file")
        target = folder / name
        if target.exists():
            raise Conflict(f"{target} is there already. Move it away to fetch it again.")
        offered = self.offered(what)
        key = hashlib.sha256(f"{what}{offered.sha256}{offered.commit}".encode()).hexdigest()[:12]
        part = folder / f".{name}.{key}.part"
        _make_room(folder, offered.size_bytes - _size(part))
        self._fetch(what, part, offered.size_bytes, progress)
        _check(part, offered, name, progress)
        part.replace(target)
        return target

    def _fetch(self, what: Wanted, part: Path, size_bytes: int, progress: Progress) -> None:
        """Fetch until all is there; each drop is waited out and gone on from, as long as something comes."""
        failures = 0
        while (have := _size(part)) < size_bytes or not part.exists():
            said: object = "the connection ended"
            try:
                self._fetch_rest(what, part, have, size_bytes, progress)
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                said = error
            if _size(part) >= size_bytes:
                return
            failures = 0 if _size(part) > have else failures + 1
            if failures >= _TRIES:
                raise Offline(
                    f"The download of {what.file} broke off at {_size(part) // 10**6:,} of {size_bytes // 10**6:,} MB "
                    f"({said}). What came is kept: the same command goes on from there."
                )
            time.sleep(self._pause_s * (1 + failures))

    def _fetch_rest(self, what: Wanted, part: Path, have: int, size_bytes: int, progress: Progress) -> None:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        address = self.endpoint + self._route(what)
        with self._http.stream("GET", address, headers=headers, follow_redirects=True) as answer:
            answer.raise_for_status()
            resumed = answer.status_code == 206
            have = have if resumed else 0
            try:
                with part.open("ab" if resumed else "wb") as stream:
                    for block in answer.iter_raw():  # as they come: a drop must not cost what was gathered
                        stream.write(block)
                        have += len(block)
                        progress(have, size_bytes)
            except OSError as error:
                raise _unwritten(part, error) from error

    def _route(self, what: Wanted) -> str:
        return f"/{what.repository}/resolve/{quote(what.revision, safe='')}/{quote(what.file)}"

    def _ask(self, method: str, route: str, what: Wanted) -> httpx.Response:
        if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
            raise Offline("HF_HUB_OFFLINE is set, so nothing is fetched from the hub. Unset it to fetch models.")
        try:
            answer = self._http.request(method, self.endpoint + route)
            if answer.has_redirect_location and answer.headers["Location"].startswith("/"):  # the model was renamed
                answer = self._http.request(method, self.endpoint + answer.headers["Location"])
        except httpx.TransportError as error:
            raise Offline(
                f"The hub at {self.endpoint} does not answer ({error}). Check this machine's connection. Models can "
                "also be put into the models folder by hand; everything that is there works without a network."
            ) from error
        if answer.status_code in (401, 403):
            raise NotFound(
                f"{what.repository} does not exist, or its licence must be accepted on its page first; "
                "then set HF_TOKEN."
            )
        if answer.status_code >= 400:
            raise NotFound(f"{'/'.join(filter(None, (what.repository, what.file)))} is not on the hub.")
        return answer


def _check(part: Path, offered: Offered, name: str, progress: Progress) -> None:
    """Whether what came is what was offered; what is not is thrown away, else the next try would go on from it."""
    digest = hashlib.sha256()
    with part.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
            progress(offered.size_bytes, offered.size_bytes)
    problem = read_header(part).problem
    if offered.sha256 and digest.hexdigest() != offered.sha256:
        problem = f"its hash is {digest.hexdigest()[:10]} instead of {offered.sha256[:10]}."
    if problem:
        part.unlink()
        raise DamagedModel(f"What came as {name} is not sound: {problem} It was thrown away; try again.")


def _make_room(folder: Path, needed_bytes: int) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise StorageError(f"The folder {folder} cannot be used: {error.strerror or error}.") from error
    if free < needed_bytes + _SPARE_BYTES:
        raise StorageFull(
            f"{(needed_bytes + _SPARE_BYTES) // 10**6:,} MB are needed in {folder}, and {free // 10**6:,} MB are free."
        )


def _unwritten(part: Path, error: OSError) -> StudioError:
    if error.errno == errno.ENOSPC:
        return StorageFull(f"The disk of {part.parent} is full. Make room; what came is kept and gone on with.")
    return StorageError(f"{part} cannot be written: {error.strerror or error}.")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
