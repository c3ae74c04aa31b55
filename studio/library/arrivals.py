"""Models on their way into the library: fetched from the hub or converted from pickles, one after the other.

It owns what is told of each, so that any page may look at any time. What was not finished when the studio ended is
remembered and stands there as stopped; what came of it is kept and gone on with. How they follow each other is
`line`'s, how a file is fetched `hub`'s, how one is converted `conversion`'s.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from studio.errors import NotFound, StudioError
from studio.library.card import ModelCard
from studio.library.conversion import SPARE_BYTES, convert, place_for
from studio.library.hub import Hub
from studio.library.hub_names import Wanted
from studio.library.line import ACTIVE, Errand, Line, Progress, State
from studio.library.pulling import pull, throw_away
from studio.library.room import make_room

log = logging.getLogger(__name__)

Way = Literal["pull", "convert"]

KEPT_FILE = "arrivals.json"
_MOST_ENDED: Mapping[State, int] = {"done": 20, "failed": 500}
"""What went wrong is told of longer: of many at once, each one's reason is wanted."""


@dataclass(frozen=True, kw_only=True)
class Arrival(Errand):
    """One model on its way. ``source`` is the repository or the pickle, ``file`` what is fetched or made of it, and
    ``made`` what it is called in the models folder, once it is there; ``model_id`` names the pickle of a conversion.
    """

    way: Way
    source: str
    file: str
    revision: str = "main"
    model_id: str = ""
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
        left = None if self.checking else self.seconds_left
        return {**asdict(self), "name": self.name, "checking": self.checking, "seconds_left": left}


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
        self._pickles: dict[str, Path] = {}
        self._line: Line[Arrival] = Line("models on their way", self._fetch, _kept(self._kept_file), self._keep)

    def list(self) -> list[Arrival]:
        """Every one of them: those on their way in their order, then those that ended."""
        return self._line.list()

    def pull(self, what: Wanted) -> Arrival:
        """Fetch a file or a pipeline folder of the hub, or go on with it. Asking again for one on its way is harmless.

        Raises:
            InvalidField: no safetensors file, and no pipeline.
        """
        what.check()
        arrival = Arrival(
            id=what.key, way="pull", source=what.repository, file=what.file, revision=what.revision,
            variant=what.variant,
        )  # fmt: skip
        return self._line.add([arrival], _MOST_ENDED)[0]

    def convert(self, card: ModelCard) -> Arrival:
        """Make safetensors of a pickled model. Asking again for one on its way is harmless.

        Raises:
            UnsupportedModel: it is no pickle, or asks for more than weights.
            Conflict: what would be made of it is there.
        """
        target = place_for(card.path, self._folder)
        arrival = Arrival(
            id=hashlib.sha256(f"convert {card.id}".encode()).hexdigest()[:16], way="convert", source=card.file_name,
            file=target.name, model_id=card.id, size_bytes=card.size_bytes,
        )  # fmt: skip
        with self._lock:
            self._pickles[arrival.id] = card.path
        return self._line.add([arrival], _MOST_ENDED)[0]

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
        arrival = self._line.remove(arrival_id, self._forgotten)
        if arrival is None:
            raise NotFound("That download is no longer on the list.")
        return arrival

    def close(self) -> None:
        """Stop; what is on its way is gone on with when somebody asks for it. Harmless when repeated."""
        self._line.close()

    def _fetch(self, arrival: Arrival, progress: Progress) -> Mapping[str, Any]:
        if arrival.way == "convert":
            pickle = self._pickles[arrival.id]
            place = place_for(pickle, self._folder)
            made = convert(pickle, place, stopped=lambda: self._line.is_stopped(arrival.id))
        else:
            with self._make_hub() as hub:
                made = pull(hub, arrival.wanted, self._folder, progress)
        self._arrived()
        return {"made": made.name}

    def _forgotten(self, arrival: Arrival) -> None:
        if arrival.way == "pull" and arrival.state != "done":
            throw_away(self._folder, arrival.wanted)

    def _keep(self, arrivals: Sequence[Arrival]) -> None:
        """Remember those that are not done."""
        unfinished = [asdict(one) for one in arrivals if one.way == "pull" and one.state != "done"]
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
