"""``Hub``: asks the Hugging Face hub what there is, and fetches a file, with resume and its hash checked after.

It speaks the hub's ``resolve`` routes: a HEAD tells size, commit and (in ``X-Linked-Etag``) the SHA-256 of a large
file; a GET with ``Range`` goes on where a broken download ended. Only what somebody named is ever asked for. Where a
model goes, and which files make one, is `pulling`'s.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from studio.errors import (
    DamagedModel,
    NotFound,
    Offline,
    StorageError,
    StorageFull,
    StudioError,
)
from studio.library.header import read_header
from studio.library.hub_names import Wanted

ENDPOINT = "https://huggingface.co"
Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes there will be, and while the hash is checked with all of them;
whatever it raises ends the download, and what came is kept.
"""

_BLOCK_BYTES = 1 << 20
_TRIES = 6
_PAUSE_S = 1.0
_MOST_PAGES = 30
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_SHA1 = re.compile(r"^[0-9a-f]{40}$")


@dataclass(frozen=True)
class Offered:
    """What the hub says of a file. A large one is known by its SHA-256, a small one by git's hash of it
    (``blob_sha1``); the other of the two is empty.
    """

    size_bytes: int
    sha256: str = ""
    commit: str = ""
    blob_sha1: str = ""


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

    def tree(self, what: Wanted) -> dict[str, Offered]:
        """Every file of a repository by its path. Raises as `offered` does."""
        route = f"/api/models/{what.repository}/tree/{quote(what.revision, safe='')}?recursive=true"
        found: dict[str, Offered] = {}
        for _ in range(_MOST_PAGES):
            answer = self._ask("GET", route, what)
            for entry in _entries(answer):
                if entry.get("type", "file") == "file":
                    found[str(entry.get("path", ""))] = _offered_of(entry, answer.headers.get("X-Repo-Commit", ""))
            following = urlsplit(answer.links.get("next", {}).get("url", ""))
            if not following.path:
                break
            route = f"{following.path}?{following.query}"
        return found

    def files(self, what: Wanted) -> dict[str, int]:
        """The safetensors files of a repository with their sizes. Raises as `offered` does."""
        return {path: one.size_bytes for path, one in self.tree(what).items() if path.endswith(".safetensors")}

    def read(self, what: Wanted) -> bytes:
        """A small file, such as a configuration, at once. Raises as `offered` does."""
        return self._ask("GET", self._route(what), what, follow=True).content

    def offered(self, what: Wanted) -> Offered:
        """What the hub says of the file.

        Raises:
            Offline: the hub does not answer, or the environment says to stay offline.
            NotFound: there is no such file, or it needs a login.
        """
        headers = self._ask("HEAD", self._route(what), what).headers
        size = headers.get("X-Linked-Size") or headers.get("Content-Length") or "0"
        etag = (headers.get("X-Linked-Etag") or headers.get("ETag") or "").removeprefix("W/").strip('"')
        large = etag if _SHA256.match(etag) else ""
        return Offered(int(size), large, headers.get("X-Repo-Commit", ""), etag if _SHA1.match(etag) else "")

    def fetch(self, what: Wanted, offered: Offered, part: Path, progress: Progress) -> None:
        """Fetch a file into ``part``, going on with what is there, and compare its hash.

        Raises:
            StorageFull, StorageError: it cannot be written.
            DamagedModel: what came is not what the hub says it is; it was thrown away.
            Offline, NotFound: as `offered` says.
        """
        self._fetch(what, part, offered.size_bytes, progress)
        _check(part, offered, PurePosixPath(what.file).name, progress)

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

    def _ask(self, method: str, route: str, what: Wanted, *, follow: bool = False) -> httpx.Response:
        if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
            raise Offline("HF_HUB_OFFLINE is set, so nothing is fetched from the hub. Unset it to fetch models.")
        try:
            answer = self._http.request(method, self.endpoint + route, follow_redirects=follow)
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
    wanted_hash = offered.sha256 or offered.blob_sha1
    # git hashes a file behind a line of its own (git-scm.com/book, "Git Objects")
    digest = hashlib.sha256() if offered.sha256 else hashlib.sha1(b"blob %d\0" % offered.size_bytes)
    with part.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
            progress(offered.size_bytes, offered.size_bytes)
    problem = read_header(part).problem if name.lower().endswith(".safetensors") else None
    if wanted_hash and digest.hexdigest() != wanted_hash:
        problem = f"its hash is {digest.hexdigest()[:10]} instead of {wanted_hash[:10]}."
    if problem:
        part.unlink()
        raise DamagedModel(f"What came as {name} is not sound: {problem} It was thrown away; try again.")


def _entries(answer: httpx.Response) -> list[Mapping[str, Any]]:
    try:
        entries = answer.json()
    except ValueError:
        entries = None
    if not isinstance(entries, list):
        raise NotFound(f"The hub's list of files cannot be understood ({answer.url.host}).")
    return [entry for entry in entries if isinstance(entry, dict)]


def _offered_of(entry: Mapping[str, Any], commit: str) -> Offered:
    """A file as the list of a repository tells it: ``lfs.oid`` is the SHA-256 of a large one."""
    large = entry.get("lfs")
    size, linked = entry.get("size"), str(large.get("oid", "")) if isinstance(large, dict) else ""
    blob = "" if isinstance(large, dict) else str(entry.get("oid", ""))
    size_bytes = size if type(size) is int and size >= 0 else 0
    return Offered(size_bytes, linked if _SHA256.match(linked) else "", commit, blob if _SHA1.match(blob) else "")


def _unwritten(part: Path, error: OSError) -> StudioError:
    if error.errno == errno.ENOSPC:
        return StorageFull(f"The disk of {part.parent} is full. Make room; what came is kept and gone on with.")
    return StorageError(f"{part} cannot be written: {error.strerror or error}.")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
