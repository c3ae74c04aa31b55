"""A small client of the studio's own REST routes, for commands that find a server running and for scripts.

It speaks HTTP only: importing it loads neither torch nor gradio. Answers are dictionaries; `client_answers` has their
types. It is longer than most: one class with a short method for each thing that can be asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import quote

import httpx

from studio.client_answers import (
    ENDED,
    Change,
    Image,
    ImagePage,
    Job,
    Sampler,
    Schedule,
    Status,
    Stock,
    Upscaler,
    Validation,
)
from studio.errors import StudioError

PATIENCE_S = (0.1, 0.3, 1.0, 2.0, 4.0)
"""Pauses before a request is repeated whose answer broke off."""

_END = "-----END CERTIFICATE-----"


class ServerRefused(StudioError):
    """The server answered with an error; the message is the server's own."""

    def __init__(self, message: str, code: str = "error", status: int = 500) -> None:
        super().__init__(message)
        self.code = code
        self.http_status = status


class ServerGone(StudioError):
    """Nothing answers at that address."""

    code = "server_gone"


def only(certificate: Path) -> ssl.SSLContext:
    """What trusts the first certificate in ``certificate`` and no other, by whatever name the server is called.

    Raises:
        ServerGone: the file cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # it is known by sight: more than any name in it could say
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        text = certificate.read_text(encoding="ascii")
        first = text[: text.index(_END) + len(_END)]
        context.load_verify_locations(cadata=first[first.index("-----BEGIN CERT") :])
    except (OSError, ValueError, ssl.SSLError) as error:
        raise ServerGone(f"The certificate {certificate} of the studio cannot be read: {error}.") from error
    return context


@dataclass
class StudioClient:
    """One server, by its address such as ``http://127.0.0.1:7860``, and an API key (else that of ``STUDIO_KEY``).

    ``certificate`` (else that of ``STUDIO_CERTIFICATE``) is a PEM file: the server must show this very certificate,
    whoever signed it and whatever it is called. Without one, usual certificates count.
    """

    address: str
    timeout_s: float = 30.0
    key: str = field(default_factory=lambda: os.environ.get("STUDIO_KEY", ""), repr=False)
    certificate: str | Path | None = field(default_factory=lambda: os.environ.get("STUDIO_CERTIFICATE"))
    _http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        # trust_env=False: a proxy of the environment has no business between this machine and itself
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        self._http = httpx.Client(
            base_url=self.address,
            timeout=self.timeout_s,
            trust_env=False,
            headers=headers,
            verify=only(Path(self.certificate)) if self.certificate else True,
        )

    def __enter__(self) -> StudioClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def vary(self, image_id: str, variation: dict[str, Any]) -> Job:
        """Order variations of an image; answers the job. ``variation`` is the body of the route."""
        return cast(Job, self._json("POST", f"/api/v1/images/{image_id}/vary", variation))

    def submit(
        self,
        recipe: dict[str, Any],
        count: int = 1,
        job_id: str | None = None,
        presets: Sequence[str] = (),
        matrix: bool = False,
    ) -> Job:
        """Order pictures; answers the job. An order whose answer was lost is repeated, and never taken twice.

        With ``matrix`` the prompt is a prompt matrix, ``a|b|c``: ``count`` pictures of each combination.
        """
        chosen = job_id or secrets.token_hex(16)
        order = {"recipe": recipe, "count": count, "id": chosen, "presets": list(presets), "matrix": matrix}
        return cast(Job, self._json("POST", "/api/v1/jobs", order, repeatable=True))

    def submit_lines(
        self, recipe: dict[str, Any], lines: str, count: int = 1, batch_id: str | None = None
    ) -> list[Job]:
        """Order a job for each line of a text, or none; answers the jobs."""
        order = {"recipe": recipe, "lines": lines, "count": count, "id": batch_id}
        found: list[Job] = self._json("POST", "/api/v1/batches", order)["jobs"]
        return found

    def understand(self, text: str, **more: Any) -> dict[str, Any]:
        """How a prompt is understood; ``more`` are the other fields of the route."""
        return self._json("POST", "/api/v1/prompts/understand", {"text": text, **more})

    def wildcards(self) -> list[dict[str, Any]]:
        """Every wildcard file."""
        found: list[dict[str, Any]] = self._json("GET", "/api/v1/wildcards")["files"]
        return found

    def jobs(self, limit: int = 50) -> list[Job]:
        """Your newest jobs, newest first."""
        found: list[Job] = self._json("GET", f"/api/v1/jobs?limit={limit}")["jobs"]
        return found

    def job(self, job_id: str) -> Job:
        """A job as it stands."""
        return cast(Job, self._json("GET", f"/api/v1/jobs/{job_id}"))

    def cancel(self, job_id: str) -> Job:
        """Cancel what is not finished of a job."""
        return cast(Job, self._json("DELETE", f"/api/v1/jobs/{job_id}"))

    def retry(self, job_id: str) -> Job:
        """Queue the failed and cancelled pictures of a job again."""
        return cast(Job, self._json("POST", f"/api/v1/jobs/{job_id}/retry"))

    def queue(self) -> dict[str, Any]:
        """Your jobs in line, those that ended, what others have waiting, and your quota."""
        return self._json("GET", "/api/v1/queue")

    def pause(self, job_id: str) -> Job:
        """Take no more pictures of a job."""
        return cast(Job, self._json("POST", f"/api/v1/jobs/{job_id}/pause"))

    def resume(self, job_id: str) -> Job:
        """Go on with a paused job."""
        return cast(Job, self._json("POST", f"/api/v1/jobs/{job_id}/resume"))

    def move(self, job_id: str, place: int) -> Job:
        """Put a job at a place among your own; 1 is the next."""
        return cast(Job, self._json("POST", f"/api/v1/jobs/{job_id}/move", {"place": place}))

    def pause_all(self) -> int:
        """Pause all your jobs; how many that changed."""
        return int(self._json("POST", "/api/v1/queue/pause")["changed"])

    def resume_all(self) -> int:
        """Go on with all your jobs; how many that changed."""
        return int(self._json("POST", "/api/v1/queue/resume")["changed"])

    def clear_queue(self) -> int:
        """Show jobs that have ended no more in the queue; how many there were."""
        return int(self._json("POST", "/api/v1/queue/clear")["cleared"])

    def follow(self, job_id: str, after: int | None = None) -> Iterator[Job]:
        """Every change of a job until it has ended; a dropped connection is taken up again behind the last one seen.

        ``after`` is the `number` of a `Change` to go on behind.

        Raises:
            ServerGone: nothing answers any more.
        """
        while True:
            for change in self._changes(f"/api/v1/jobs/{job_id}/events", after):
                after = after if change.number is None else change.number
                yield change.job
                if change.job["state"] in ENDED:
                    return
            job = self.job(job_id)
            if job["state"] in ENDED:
                yield job
                return

    def events(self, after: int | None = None) -> Iterator[Change]:
        """Every change of all your jobs, without end; a dropped connection is taken up again, and nothing is missed.

        Raises:
            ServerGone: nothing answers any more.
        """
        while True:
            self.status()
            for change in self._changes("/api/v1/events", after):
                after = after if change.number is None else change.number
                yield change

    def preview(self, job_id: str, index: int = 0) -> bytes | None:
        """The latest live preview of a picture, a small JPEG; ``None`` when there is none now."""
        return self._send("GET", f"/api/v1/jobs/{job_id}/preview/{index}").content or None

    def put_source(self, data: bytes, kind: Literal["picture", "mask"] = "picture") -> dict[str, Any]:
        """Store a picture or mask (white to paint) from a file's bytes; ``sha256`` is how recipes name it."""
        answer: dict[str, Any] = self._send("POST", f"/api/v1/sources?kind={kind}", content=data).json()
        return answer

    def source_from_image(self, image_id: str) -> dict[str, Any]:
        """Store a picture of the gallery as a source."""
        return self._json("POST", f"/api/v1/sources/from-image/{image_id}")

    def source_file(self, sha256: str) -> bytes:
        """The PNG of a stored picture or mask."""
        return self._send("GET", f"/api/v1/sources/{sha256}/file").content

    def read_recipe(self, data: bytes) -> Stock:
        """What a picture (its file's bytes) or a text says of how it was made, compared with what the server has."""
        return cast(Stock, self._send("POST", "/api/v1/recipes/read", content=data).json())

    def parse_recipe(self, text: str) -> Stock:
        """The same for a text."""
        return cast(Stock, self._json("POST", "/api/v1/recipes/parse", {"text": text}))

    def resolve(self, recipe: dict[str, Any]) -> dict[str, Any]:
        """A recipe with every "auto" answered."""
        return self._json("POST", "/api/v1/recipes/resolve", recipe)

    def validate(self, recipe: dict[str, Any]) -> Validation:
        """Whether a recipe can be made: ``valid``, else the ``error``; and its ``infotext``."""
        return cast(Validation, self._json("POST", "/api/v1/recipes/validate", recipe))

    def count_tokens(self, text: str, checkpoint: str = "auto") -> tuple[int, int]:
        """Tokens a prompt uses, and tokens that fit into as many chunks as that takes."""
        answer = self._json("POST", "/api/v1/prompts/count", {"text": text, "checkpoint": checkpoint})
        return int(answer["used"]), int(answer["capacity"])

    def images(
        self,
        query: str = "",
        before: str | None = None,
        limit: int = 50,
        *,
        search: str = "",
        sort: str = "newest",
        offset: int = 0,
        binned: bool = False,
        favourites: bool = False,
    ) -> ImagePage:
        """A page of your images. ``query`` is plain words, ``search`` the search language (`steps>20 fav:yes -dog`)."""
        asked = httpx.QueryParams(
            query=query, search=search, sort=sort, offset=offset, limit=limit, binned=binned, favourites=favourites
        )
        asked = asked.set("before", before) if before else asked
        return cast(ImagePage, self._json("GET", f"/api/v1/images?{asked}"))

    def every_image(self, search: str = "", sort: str = "newest") -> Iterator[Image]:
        """All your images that match, one after the other, fetched a page at a time."""
        before: str | None = None
        while True:
            page = self.images(before=before, limit=200, search=search, sort=sort)
            yield from page["images"]
            before = page["next"]
            if before is None:
                return

    def favourite(self, image_id: str, favourite: bool = True) -> Image:
        """Mark an image, or take the mark off."""
        return cast(Image, self._json("POST", f"/api/v1/images/{image_id}/favourite", {"favourite": favourite}))

    def bin_images(self, image_ids: Sequence[str]) -> int:
        """Put images into the bin; how many moved."""
        return int(self._json("POST", "/api/v1/images/bin", {"ids": list(image_ids)})["count"])

    def restore_images(self, image_ids: Sequence[str]) -> int:
        """Take images out of the bin; how many moved."""
        return int(self._json("POST", "/api/v1/images/restore", {"ids": list(image_ids)})["count"])

    def thumbnail(self, image_id: str) -> bytes:
        """A small WebP of an image."""
        return self._send("GET", f"/api/v1/images/{image_id}/thumbnail").content

    def image(self, image_id: str) -> Image:
        """An image's recipe, infotext and place in the gallery."""
        return cast(Image, self._json("GET", f"/api/v1/images/{image_id}"))

    def import_folders(self, folders: list[str], labels: str = "none", dry_run: bool = False) -> dict[str, Any]:
        """Import folders of the server's machine; answers the ``survey``, and the ``import`` unless it is a dry run."""
        body = {"folders": folders, "labels": labels, "dry_run": dry_run}
        return self._json("POST", "/api/v1/imports", body)

    def import_state(self, import_id: str) -> dict[str, Any]:
        """How an import stands."""
        return self._json("GET", f"/api/v1/imports/{import_id}")

    def cancel_import(self, import_id: str) -> dict[str, Any]:
        """Stop an import; what came in stays."""
        return self._json("DELETE", f"/api/v1/imports/{import_id}")

    def import_picture(self, data: bytes, path: str = "", modified_ms: int = 0, labels: str = "none") -> dict[str, Any]:
        """Take a picture's file into the gallery; answers the ``outcome`` and the ``image``."""
        asked = httpx.QueryParams({"path": path, "modified_ms": modified_ms, "labels": labels})
        answer: dict[str, Any] = self._send("POST", f"/api/v1/images/import?{asked}", content=data).json()
        return answer

    def models(
        self,
        kind: str = "checkpoint",
        query: str = "",
        *,
        folder: str = "",
        usable: bool | None = None,
        refresh: bool = False,
    ) -> list[dict[str, Any]]:
        """The models of a kind, or of ``all``; those that ``query`` fits, in a ``folder``, or that are ``usable``."""
        asked = httpx.QueryParams(kind=kind, query=query, folder=folder, refresh=refresh)
        asked = asked if usable is None else asked.set("usable", usable)
        found: list[dict[str, Any]] = self._json("GET", f"/api/v1/models?{asked}")["models"]
        return found

    def model(self, model_id: str) -> dict[str, Any]:
        """A model's card, with what the header of its file says."""
        return self._json("GET", f"/api/v1/models/{model_id}")

    def write_on_model(self, model_id: str, **change: Any) -> dict[str, Any]:
        """Write on a model's card: ``notes``, a ``recipe`` to begin with, ``trigger_words``, a LoRA's ``weight``, a
        checkpoint's ``prediction`` and ``zero_snr``. ``None`` takes away what was written.
        """
        return self._json("PATCH", f"/api/v1/models/{model_id}", change)

    def set_model_picture(self, model_id: str, image_id: str) -> dict[str, Any]:
        """Show one of your images on a model's card."""
        return self._json("PUT", f"/api/v1/models/{model_id}/picture", {"image_id": image_id})

    def remove_model_picture(self, model_id: str) -> dict[str, Any]:
        """Take the picture that was put on a model's card away."""
        return self._json("DELETE", f"/api/v1/models/{model_id}/picture")

    def check_models(self, model_ids: Sequence[str] | None = None) -> dict[str, Any]:
        """Read models again from end to end in the background, all of them unless some are named; `checks` tells."""
        return self._json("POST", "/api/v1/models/checks", {"models": None if model_ids is None else [*model_ids]})

    def checks(self) -> dict[str, Any]:
        """How the models that are checked stand: ``state``, bytes, and ``problems`` by name."""
        return self._json("GET", "/api/v1/models/checks")

    def stop_checks(self) -> dict[str, Any]:
        """Stop checking; what was found stays on the cards. Where nothing is being checked, forget the round."""
        return self._json("DELETE", "/api/v1/models/checks")

    def model_check(self, model_id: str) -> dict[str, Any]:
        """How the check of one model stands, and what was found last: ``sound``, ``problem``, ``at``."""
        return self._json("GET", f"/api/v1/models/{model_id}/check")

    def residency(self) -> dict[str, Any]:
        """Which models take memory, what is free, and what changing to each checkpoint costs."""
        return self._json("GET", "/api/v1/models/residency")

    def unload(self) -> None:
        """Give back all memory that no picture is using."""
        self._json("POST", "/api/v1/models/unload")

    def samplers(self) -> list[Sampler]:
        """Every sampler with what a person needs to choose one."""
        found: list[Sampler] = self._json("GET", "/api/v1/samplers")["samplers"]
        return found

    def schedules(self) -> list[Schedule]:
        """Every schedule of noise levels."""
        found: list[Schedule] = self._json("GET", "/api/v1/schedules")["schedules"]
        return found

    def status(self) -> Status:
        """The version, the worker, its device, and how many jobs wait."""
        return cast(Status, self._json("GET", "/api/v1/status"))

    def presets(self) -> list[dict[str, Any]]:
        """Every preset."""
        found: list[dict[str, Any]] = self._json("GET", "/api/v1/presets")["presets"]
        return found

    def preset(self, name: str) -> dict[str, Any]:
        """One preset."""
        return self._json("GET", f"/api/v1/presets/{quote(name, safe='')}")

    def save_preset(self, preset: dict[str, Any]) -> dict[str, Any]:
        """Save a preset of your own; ``preset`` is the body of the route."""
        return self._json("POST", "/api/v1/presets", preset)

    def change_preset(self, name: str, **change: Any) -> dict[str, Any]:
        """Another ``title``, ``notes``, ``family`` … for one of your presets."""
        return self._json("PATCH", f"/api/v1/presets/{quote(name, safe='')}", change)

    def delete_preset(self, name: str) -> None:
        """Delete one of your presets."""
        self._send("DELETE", f"/api/v1/presets/{quote(name, safe='')}")

    def export_preset(self, name: str) -> bytes:
        """A preset as one TOML file, its picture in it."""
        return self._send("GET", f"/api/v1/presets/{quote(name, safe='')}/file").content

    def import_presets(self, data: bytes) -> dict[str, Any]:
        """Make presets of a file (a preset's TOML, or A1111's ``styles.csv``) your own; answers their ``names``."""
        answer: dict[str, Any] = self._send("POST", "/api/v1/presets/import", content=data).json()
        return answer

    def upscalers(self) -> list[Upscaler]:
        """Every upscaler: its name, its kind (``latent``, ``plain`` or ``model``) and its factor, 0 for any."""
        found: list[Upscaler] = self._json("GET", "/api/v1/upscalers")["upscalers"]
        return found

    def lineage(self, image_id: str) -> dict[str, Any]:
        """The images an image was made from (``parents``), and those made from it (``children``)."""
        return self._json("GET", f"/api/v1/images/{image_id}/lineage")

    def image_file(self, image_id: str, format: str = "png", quality: int | None = None) -> bytes:
        """The PNG of an image, or a copy as ``jpeg``, ``webp`` or ``avif`` that carries the same recipe."""
        asked = f"?format={format}" + (f"&quality={quality}" if quality is not None else "")
        return self._send("GET", f"/api/v1/images/{image_id}/file{asked}").content

    def _changes(self, path: str, after: int | None) -> Iterator[Change]:
        """The events of one connection, until it ends or drops. Raises `ServerRefused`."""
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        with (
            contextlib.suppress(httpx.TransportError),
            self._http.stream("GET", path, timeout=60.0, headers=headers) as answer,
        ):
            if answer.is_error:
                answer.read()
                raise self._refusal(answer)
            number, kind = None, ""
            for line in answer.iter_lines():
                if line.startswith("id:"):
                    number = int(line[3:])
                elif line.startswith("event:"):
                    kind = line[6:].strip()
                elif line.startswith("data:") and kind == "job":  # others only tell that the connection stands
                    yield Change(number, json.loads(line[5:]))
                elif not line:
                    number, kind = None, ""

    def _json(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, repeatable: bool = False
    ) -> dict[str, Any]:
        answer: dict[str, Any] = self._send(method, path, body, repeatable=repeatable).json()
        return answer

    def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        content: bytes | None = None,
        *,
        repeatable: bool = False,
    ) -> httpx.Response:
        """An answer that is no error; what may be repeated safely is, while none comes."""
        pauses_s = [*PATIENCE_S] if repeatable or method in ("GET", "DELETE") else []
        while True:
            try:
                answer = self._http.request(method, path, json=body, content=content)
                break
            except httpx.ConnectError as error:
                raise ServerGone(f"No studio answers at {self.address}: {error}.") from error
            except httpx.TransportError as error:
                if not pauses_s:
                    raise ServerGone(f"The studio at {self.address} broke off: {error}.") from error
                time.sleep(pauses_s.pop(0))
        if answer.is_error:
            raise self._refusal(answer)
        return answer

    def _refusal(self, answer: httpx.Response) -> ServerRefused:
        try:
            error = answer.json()["error"]
            return ServerRefused(error["message"], error["code"], answer.status_code)
        except (ValueError, KeyError, TypeError):
            return ServerRefused(f"The server answered {answer.status_code}.", status=answer.status_code)
