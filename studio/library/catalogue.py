"""``Library``: every model below its folders, found, described, hashed and answered by name.

It reads folders and never writes into them; only hashes go into the cache folder. A scan raises nothing: what is
wrong with a model stands on its card, and is raised when somebody chooses it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from studio.errors import Cancelled, DamagedModel, UnknownCheckpoint
from studio.library import naming
from studio.library.card import Checkpoint
from studio.library.diffusers_folder import folder_card, size_of
from studio.library.facts import facts_of
from studio.library.hashes import Hashes, stamp_of
from studio.library.single_file import own_defaults_of, single_file_card
from studio.library.walk import walk
from studio.recipe import CheckpointFacts

log = logging.getLogger(__name__)

AUTO = "auto"
STARTER = "starter"
"""The name of the checkpoint that people meet first; ``auto`` prefers any of their own that can be used."""

_WHOLE_HASH = 64
_SMALL_BYTES = 1_000_000_000  # read in a second or two; a foreign hash must not make a request read the whole library


class Library:
    """The models of some folders. All methods may be called from any thread.

    ``folders`` come in order of preference, a person's own first; ``shipped`` come last. ``cache`` is where hashes are
    remembered. ``default`` is the checkpoint that ``auto`` means; itself ``auto``, it is the first usable one that did
    not ship, else the starter. ``hash_ahead`` computes missing hashes in a thread after each scan.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        cache: Path,
        default: str = AUTO,
        *,
        shipped: Sequence[Path] = (),
        hash_ahead: bool = True,
    ) -> None:
        self._folders = (*folders, *shipped)
        self._shipped = tuple(shipped)
        self._hashes = Hashes(cache)
        self._default = default
        self._hash_ahead = hash_ahead
        self._lock = threading.Lock()
        self._cards: tuple[Checkpoint, ...] = ()
        self._problems: tuple[str, ...] = ()
        self._hasher: threading.Thread | None = None
        self._seen: dict[Path, tuple[object, Checkpoint]] = {}
        self._closed = False

    def scan(self) -> None:
        """Look again at what there is. Raises nothing: see `Checkpoint.problem` and `problems`."""
        problems: list[str] = []
        cards = naming.with_unique_names(self._found(problems))
        with self._lock:
            self._cards, self._problems = cards, tuple(problems)
            if self._hash_ahead and not self._closed and (self._hasher is None or not self._hasher.is_alive()):
                self._hasher = threading.Thread(target=self._hash_all, name="model hashes", daemon=True)
                self._hasher.start()

    def close(self) -> None:
        """Stop hashing. Harmless when repeated."""
        self._closed = True
        self._hashes.stop()
        if self._hasher is not None:
            self._hasher.join(timeout=5)

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about folders that could not be read in the last scan."""
        return self._problems

    def models(self) -> tuple[Checkpoint, ...]:
        """Every model of every kind, with its hash where it is known by now."""
        return tuple(self._with_known_hash(card) for card in self._cards)

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Every checkpoint, usable or not, and every file so damaged that nobody can say what it was."""
        return tuple(card for card in self.models() if _listed(card))

    def find(self, name: str = AUTO, *, hashed: bool = True) -> Checkpoint:
        """The checkpoint called ``name``.

        It may be called by its name or file name in any case, as ``name [hash]``, by the beginning of its hash (8
        characters or more), or ``auto``. With ``hashed`` the card has its hash, computed now if need be, which takes
        seconds for gigabytes the first time.

        Raises:
            UnknownCheckpoint: nothing answers to that name; the message lists what there is.
            DamagedModel, UnsupportedModel: it is there and cannot be used; the message says why.
        """
        card = self._chosen(name)
        if card.problem is not None:
            raise card.refusal()
        if any(not file.is_file() for file in card.files):
            raise DamagedModel(f"{card.name} is no longer where it was found. Put it back, or look for models again.")
        if sum(size_of(file) for file in card.files) != card.size_bytes:  # replaced since the scan
            self.scan()
            card = self._chosen(name)
            if card.problem is not None:
                raise card.refusal()
        return self._hashed(card) if hashed else card

    def facts(self, name: str = AUTO) -> CheckpointFacts:
        """What resolving a recipe needs to know of a checkpoint. Raises as `find` does."""
        return facts_of(self.find(name))

    def _found(self, problems: list[str]) -> Iterator[Checkpoint]:
        seen: set[Path] = set()
        for root in self._folders:
            for find in walk(root, problems.append):
                real = Path(os.path.realpath(find.path))  # unlike resolve(), it raises nothing on a loop of links
                if real in seen:
                    continue
                seen.add(real)
                yield folder_card(find.path) if find.is_folder else self._file_card(find.path)

    def _file_card(self, file: Path) -> Checkpoint:
        """The card of a file; one that has not changed since the last scan is not read again."""
        stamp = tuple(stamp_of(place) for place in (file, own_defaults_of(file)))
        seen = self._seen.get(file)
        if seen is None or seen[0] != stamp:
            seen = self._seen[file] = stamp, single_file_card(file)
        return seen[1]

    def _chosen(self, name: str) -> Checkpoint:
        if name.strip().casefold() in (AUTO, ""):
            return self._automatic()
        cards = self.models()
        bare, wanted_hash = naming.split_title(name)
        prefix = wanted_hash or naming.as_hash(bare)
        card = None if wanted_hash else naming.by_name(cards, bare)
        if card is None and prefix:
            card = self._by_hash(prefix, bare if wanted_hash else "")
        if card is None:
            raise UnknownCheckpoint(self._unknown(name, bare))
        if not _listed(card):
            raise UnknownCheckpoint(f"{card.name} is a model of kind {card.kind}, not a checkpoint.")
        return card

    def _automatic(self) -> Checkpoint:
        if self._default.strip().casefold() not in (AUTO, ""):
            return self._chosen(self._default)
        usable = [card for card in self.models() if card.usable]
        own = [card for card in usable if card.name != STARTER and not self._has_shipped(card)]
        starter = [card for card in usable if card.name == STARTER]
        if usable:
            return (own or starter or usable)[0]
        raise UnknownCheckpoint(f"No checkpoint can be used. {self._why_none()}")

    def _has_shipped(self, card: Checkpoint) -> bool:
        return any(card.path.is_relative_to(folder) for folder in self._shipped)

    def _by_hash(self, prefix: str, likely: str) -> Checkpoint | None:
        """By what is known; else by computing within reason: files of that name, small ones, all for a whole hash."""
        cards = [card for card in self.checkpoints() if card.trouble != "damaged"]
        known = next((card for card in cards if card.sha256.startswith(prefix)), None)
        if known is not None:
            return known
        missing = [card for card in cards if not card.sha256]
        for card in sorted(missing, key=lambda card: card.size_bytes):
            same_name = card.name.casefold() == likely.casefold()
            if not (same_name or len(prefix) == _WHOLE_HASH or (not likely and card.size_bytes <= _SMALL_BYTES)):
                continue
            try:
                hashed = self._hashed(card)
            except DamagedModel:
                continue
            if hashed.sha256.startswith(prefix):
                return hashed
        return None

    def _unknown(self, name: str, bare: str) -> str:
        cards = self.checkpoints()
        same = naming.by_name(cards, bare) if bare != name.strip() else None
        if same is not None:
            return f"{same.name} is there, but its weights are not those of {name!r}: its hash is {same.short_hash}."
        shown = name if len(name) <= 80 else name[:77] + "..."
        return f"No checkpoint is called {shown!r}. {naming.what_there_is(cards, bare)}"

    def _why_none(self) -> str:
        cards = self.checkpoints()
        return f"{cards[0].name}: {cards[0].problem}" if cards else naming.what_there_is(cards, "")

    def _with_known_hash(self, card: Checkpoint) -> Checkpoint:
        return replace(card, sha256=self._hashes.known(card.path, card.files)) if card.files else card

    def _hashed(self, card: Checkpoint) -> Checkpoint:
        return replace(card, sha256=self._hashes.compute(card.path, card.files))

    def _hash_all(self) -> None:
        done: tuple[Checkpoint, ...] = ()
        while done is not self._cards:  # a scan may have found more meanwhile
            done = self._cards
            for card in done:
                if not _listed(card) or card.trouble == "damaged":
                    continue
                try:
                    self._hashes.compute(card.path, card.files)
                except DamagedModel as error:
                    log.info("%s", error)
                except Cancelled:
                    return


def _listed(card: Checkpoint) -> bool:
    return card.kind in ("checkpoint", "unet") or (card.kind == "unknown" and card.problem is not None)
