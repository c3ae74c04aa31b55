"""Models on their way into the library: fetched from the hub or converted from pickles, one after the other.

It owns the line of them and what is told of each, so that any page may look at any time. What was not finished when
the studio ended is remembered and stands there as stopped; what came of it is kept and gone on with. How a file is
fetched is `hub`'s, how one is converted `conversion`'s.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from studio.errors import Cancelled, NotFound, StudioError
from studio.library.card import ModelCard
from studio.library.conversion import SPARE_BYTES, convert, place_for
from studio.library.hub import Hub
from studio.library.hub_names import Wanted
from studio.library.pulling import pull, throw_away
from studio.library.room import make_room

log = logging.getLogger(__name__)

Way = Literal["pull", "convert"]
State = Literal["waiting", "running", "done", "failed", "stopped"]
ACTIVE = ("waiting", "running")

KEPT_FILE = "arrivals.json"
_SPEED_EVERY_S = 0.5
_NEWEST_SHARE = 0.3
_MOST_ENDED: Mapping[State, int] = {"done": 20, "failed": 500}
"""What went wrong is told of longer: of many at once, each one's reason is wanted."""


@dataclass(frozen=True)
class Arrival:
    """One model on its way. ``source`` is the repository or the pickle, ``file`` what is fetched or made of it, and
    ``made`` what it is called in the models folder, once it is there; ``model_id`` names the pickle of a conversion.
    ``size_bytes`` is 0 until it is known.
    """

    id: str
    way: Way
    source: str
    file: str
    revision: str = "main"
    model_id: str = ""
    state: State = "waiting"
    done_bytes: int = 0
    size_bytes: int = 0
    bytes_per_s: float = 0.0
    problem: str = ""
    variant: str = ""
    made: str = ""

    @property
    def wanted(self) -> Wanted:
        """What is fetched."""
        return Wanted(self.source, self.file, self.revision, self.variant)

    @property
    def name(self) -> str:
        """The name that it has in the models folder, or will have unless another model has it."""
        return self.made or (self.wanted.shown if self.way == "pull" else self.file)

    @property
    def checking(self) -> bool:
        """All bytes are there, and are compared with what the hub says of them."""
        return self.way == "pull" and self.state == "running" and 0 < self.size_bytes <= self.done_bytes

    def as_dict(self) -> dict[str, Any]:
        """As the routes answer it."""
        left = (self.size_bytes - self.done_bytes) / self.bytes_per_s if self.bytes_per_s else None
        running = self.state == "running" and not self.checking
        told = {"name": self.name, "checking": self.checking, "seconds_left": left if running else None}
        return {**asdict(self), **told}


class Arrivals:
    """The models on their way into ``folder``. All methods may be called from any thread.

    ``kept_in`` is the folder where unfinished ones are remembered, ``arrived`` is called whenever one is there.
    """

    def __init__(
        self,
        folder: Path,
        kept_in: Path,
        arrived: Callable[[], None],
        make_hub: Callable[[], Hub] = Hub,
    ) -> None:
        self._folder, self._kept_file = folder, kept_in / KEPT_FILE
        self._arrived, self._make_hub = arrived, make_hub
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._all: dict[str, Arrival] = {one.id: one for one in _kept(self._kept_file)}
        self._pickles: dict[str, Path] = {}
        self._to_stop: set[str] = set()
        self._thread: threading.Thread | None = None
        self._closed = False

    # --- what is asked for ---

    def list(self) -> list[Arrival]:
        """Every one of them: those on their way in their order, then those that ended."""
        with self._lock:
            return sorted(self._all.values(), key=lambda one: one.state not in ACTIVE)

    def pull(self, what: Wanted) -> Arrival:
        """Fetch a file or a pipeline folder of the hub, or go on with it. Asking again for one on its way is harmless.

        Raises:
            InvalidField: no safetensors file, and no pipeline.
        """
        what.check()
        return self._enqueue(Arrival(what.key, "pull", what.repository, what.file, what.revision, variant=what.variant))

    def convert(self, card: ModelCard) -> Arrival:
        """Make safetensors of a pickled model. Asking again for one on its way is harmless.

        Raises:
            UnsupportedModel: it is no pickle, or asks for more than weights.
            Conflict: what would be made of it is there.
        """
        target = place_for(card.path, self._folder)
        arrival = Arrival(
            hashlib.sha256(f"convert {card.id}".encode()).hexdigest()[:16],
            "convert", card.file_name, target.name, model_id=card.id, size_bytes=card.size_bytes,
        )  # fmt: skip
        with self._lock:
            self._pickles[arrival.id] = card.path
        return self._enqueue(arrival)

    def convert_all(self, cards: Sequence[ModelCard]) -> tuple[Sequence[Arrival], dict[str, str]]:
        """Make safetensors of several, one after the other. Those that cannot be are answered by their file's name,
        with a sentence.

        Raises:
            StorageFull: there is no room for all of them.
        """
        make_room(self._folder, sum(card.size_bytes for card in cards), SPARE_BYTES)
        begun: Sequence[Arrival] = ()
        refused: dict[str, str] = {}
        for card in cards:
            try:
                begun = (*begun, self.convert(card))
            except StudioError as error:
                refused[card.file_name] = str(error)
        return begun, refused

    def remove(self, arrival_id: str) -> Arrival:
        """Stop one on its way, and keep what came; forget one that ended, and throw away what came of it.

        Raises:
            NotFound: there is none of that id.
        """
        with self._changed:
            arrival = self._all.get(arrival_id)
            if arrival is None:
                raise NotFound("That download is no longer on the list.")
            if arrival.state in ACTIVE:
                self._to_stop.add(arrival_id)
                arrival = self._all[arrival_id] = replace(arrival, state="stopped", bytes_per_s=0.0)
            else:
                del self._all[arrival_id]
                if arrival.way == "pull" and arrival.state != "done":
                    throw_away(self._folder, arrival.wanted)
            self._keep()
            return arrival

    def close(self) -> None:
        """Stop; what is on its way is gone on with when somebody asks for it. Harmless when repeated."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=5)

    # --- the line ---

    def _enqueue(self, arrival: Arrival) -> Arrival:
        with self._changed:
            known = self._all.get(arrival.id)
            if known is not None and known.state in ACTIVE:
                return known
            self._all.pop(arrival.id, None)
            self._all[arrival.id] = arrival
            for state, most in _MOST_ENDED.items():
                for old in [one.id for one in self._all.values() if one.state == state][:-most]:
                    del self._all[old]
            self._keep()
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="models on their way", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return arrival

    def _work(self) -> None:
        while True:
            with self._changed:
                arrival = next((one for one in self._all.values() if one.state == "waiting"), None)
                if self._closed:
                    return
                if arrival is None:
                    self._changed.wait()
                    continue
                self._to_stop.discard(arrival.id)
                arrival = self._all[arrival.id] = replace(arrival, state="running")
            self._end(arrival.id, self._fetched(arrival))

    def _fetched(self, arrival: Arrival) -> str | None:
        """Do it; what went wrong, in a sentence, and ``None`` for one that was stopped."""
        try:
            if arrival.way == "convert":
                pickle = self._pickles[arrival.id]
                place = place_for(pickle, self._folder)
                made = convert(pickle, place, stopped=lambda: self._is_stopped(arrival.id))
            else:
                with self._make_hub() as hub:
                    made = pull(hub, arrival.wanted, self._folder, self._progress(arrival.id))
            self._change(arrival.id, made=made.name)
            self._arrived()
            return ""
        except Cancelled:
            return None
        except (StudioError, OSError) as error:
            log.info("%s did not arrive: %s", arrival.name, error)
            return str(error)

    def _progress(self, arrival_id: str) -> Callable[[int, int], None]:
        said_s, said_bytes, speed = time.monotonic(), -1, 0.0

        def progress(done: int, total: int) -> None:
            nonlocal said_s, said_bytes, speed
            if self._is_stopped(arrival_id):
                raise Cancelled("It was stopped; what came is kept.")
            now_s = time.monotonic()
            if said_bytes >= 0 and now_s - said_s < _SPEED_EVERY_S and done < total:
                return
            if said_bytes >= 0 and now_s > said_s:
                newest = max(done - said_bytes, 0) / (now_s - said_s)
                speed = speed + _NEWEST_SHARE * (newest - speed) if speed else newest
            said_s, said_bytes = now_s, done
            self._change(arrival_id, done_bytes=done, size_bytes=total, bytes_per_s=speed)

        return progress

    def _is_stopped(self, arrival_id: str) -> bool:
        return self._closed or arrival_id in self._to_stop

    def _change(self, arrival_id: str, **changes: Any) -> None:
        with self._lock:
            if arrival_id in self._all and self._all[arrival_id].state == "running":
                self._all[arrival_id] = replace(self._all[arrival_id], **changes)

    def _end(self, arrival_id: str, problem: str | None) -> None:
        with self._lock:
            arrival = self._all.get(arrival_id)
            if arrival is not None and arrival.state == "running":
                state: State = "stopped" if problem is None else "failed" if problem else "done"
                whole = arrival.size_bytes if state == "done" else arrival.done_bytes
                self._all[arrival_id] = replace(
                    arrival, state=state, problem=problem or "", bytes_per_s=0.0, done_bytes=whole
                )
            self._keep()

    def _keep(self) -> None:
        """Remember those that are not done. Called with the lock."""
        unfinished = [asdict(one) for one in self._all.values() if one.way == "pull" and one.state != "done"]
        part = self._kept_file.with_suffix(".part")
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(unfinished), encoding="utf-8")
            part.replace(self._kept_file)
        except OSError as error:
            log.warning("Downloads are not remembered over a restart: %s", error)


def _kept(file: Path) -> list[Arrival]:
    """What was not finished when the studio ended; nothing where that cannot be read."""
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        return [_stopped(entry) for entry in entries]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("%s is not read: %s. Downloads that broke off are asked for anew.", file.name, error)
        return []


def _stopped(entry: Mapping[str, Any]) -> Arrival:
    arrival = Arrival(**entry)
    if arrival.state not in get_args(State):
        raise ValueError(f"{arrival.state!r} is no state")
    state: State = "stopped" if arrival.state in ACTIVE else arrival.state
    return replace(arrival, state=state, bytes_per_s=0.0)
