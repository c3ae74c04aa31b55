"""``Library``: every model below its folders, found, described, hashed and answered by name.

It reads folders and never writes into them; only hashes go into the cache folder. A scan raises nothing: what is
wrong with a model stands on its card, and is raised when somebody chooses it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from studio.errors import Cancelled, DamagedModel, NotFound, UnknownCheckpoint
from studio.library import naming
from studio.library.about import entries_of
from studio.library.card import KINDS, Kind, ModelCard
from studio.library.card_fields import CORRECTABLE, Change, check_change
from studio.library.checking import Outcomes, read_again, stamps_in_order
from studio.library.corrected import corrected
from studio.library.diffusers_folder import size_of
from studio.library.facts import facts_of
from studio.library.fitting_vaes import fits, with_fitting_vaes
from studio.library.hashes import Hashes
from studio.library.header import read_header
from studio.library.line import Progress
from studio.library.own_cards import OwnCards
from studio.library.pictures import made_small, small_picture
from studio.library.scanner import Scanner
from studio.library.shelf import Shelf
from studio.library.single_file import SAFETENSORS
from studio.library.twins import folded
from studio.library.watching import INTERVAL_S, Stamps, Watcher, stamps_of, unless_changed_since
from studio.recipe import CheckpointFacts

if TYPE_CHECKING:
    from typing_extensions import Unpack

log = logging.getLogger(__name__)

AUTO = "auto"
_DEFAULTS = ("sampler", "steps", "guidance_scale", "clip_skip", "vae")
"""Fields of a person's own recipe that also answer "auto"."""

STARTER = "starter"
"""The name of the checkpoint that people meet first; ``auto`` prefers any of their own that can be used."""


class Library:
    """The models of some folders. All methods may be called from any thread.

    ``folders`` come in order of preference, a person's own first; ``shipped`` come last. ``cache`` is where hashes are
    remembered. ``default`` is the checkpoint that ``auto`` means; itself ``auto``, it is the first usable one that did
    not ship, paints whole pictures and has a VAE, else the starter. Of a folder that is not there `problems` tells,
    unless it ``may_be_missing``. ``hash_ahead`` computes missing hashes in a thread after each scan. ``own_cards`` is
    the folder of what a person writes on cards, by default one in the cache.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        cache: Path,
        default: str = AUTO,
        *,
        shipped: Sequence[Path] = (),
        may_be_missing: Sequence[Path] = (),
        hash_ahead: bool = True,
        own_cards: Path | None = None,
    ) -> None:
        self._folders = (*folders, *shipped)
        self._shipped = tuple(shipped)
        self._cache = cache
        self._hashes = Hashes(cache)
        self._outcomes = Outcomes(cache)
        self._own_cards = OwnCards(own_cards or cache / "model-cards")
        self._default = default
        self._hash_ahead = hash_ahead
        self._lock = threading.Lock()
        self._scanning = threading.Lock()
        self._watcher: Watcher | None = None
        self._watched: Stamps = {}
        self._revision = 0
        self._cards: tuple[ModelCard, ...] = ()
        self._bare: dict[Path, ModelCard] = {}
        self._problems: tuple[str, ...] = ()
        self._hasher: threading.Thread | None = None
        self._scanner = Scanner(self._folders, may_be_missing)
        self._closed = False

    def scan(self) -> None:
        """Look again at what there is. Raises nothing: see `Checkpoint.problem` and `problems`.

        Whoever asks for models meanwhile is answered from the last scan at once.
        """
        with self._scanning:
            before, began_ns = stamps_of(self._watched), time.time_ns()
            found = self._scanner.scan()
            cards = with_fitting_vaes(naming.with_unique_names(folded(found.cards)))
            watched = [*self._folders, *found.folders]
            watched += [file for card in cards for file in card.files] + list(found.beside)
            watched += [self._own_cards.folder, *self._own_cards.read()]
            # What changed while it was read keeps its former stamp, so the watch looks at it once more.
            known = {place: before[place] for place in watched if place in before}
            stamps = {**unless_changed_since(began_ns, stamps_of(watched)), **known}
            with self._lock:
                self._revision += cards != self._cards
                self._cards, self._problems, self._watched = cards, found.problems, stamps
                self._bare = {card.path: card for card in cards}
                if self._hash_ahead and not self._closed and (self._hasher is None or not self._hasher.is_alive()):
                    self._hasher = threading.Thread(target=self._hash_all, name="model hashes", daemon=True)
                    self._hasher.start()

    def watch(self, interval_s: float = INTERVAL_S) -> None:
        """Look again by itself whenever a folder or a model changes. Harmless when repeated."""
        if self._watcher is None and not self._closed:
            self._watcher = Watcher(lambda: self._watched, self.scan, interval_s)
            self._watcher.start()

    def close(self) -> None:
        """Stop watching and hashing. Harmless when repeated."""
        self._closed = True
        self._hashes.stop()
        if self._watcher is not None:
            self._watcher.stop()
        if self._hasher is not None:
            self._hasher.join(timeout=5)

    @property
    def revision(self) -> int:
        """A number that grows whenever a scan finds something else than the one before."""
        return self._revision

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about folders that could not be read in the last scan."""
        return self._problems

    def models(self) -> tuple[ModelCard, ...]:
        """Every model of every kind, with its hash where it is known by now."""
        self._outcomes.look()
        return tuple(self._with_known_hash(card) for card in self._cards)

    def checkpoints(self) -> tuple[ModelCard, ...]:
        """Every checkpoint, usable or not, and every file so damaged that nobody can say what it was."""
        return self._shelf("checkpoint").cards

    def bare_checkpoints(self, names: Collection[str]) -> tuple[ModelCard, ...]:
        """The checkpoints of these names as their files tell of them, without hash and what a person wrote: at once."""
        return tuple(card for card in self._cards if card.kind == "checkpoint" and card.name in names)

    def parts(self, kind: Kind) -> tuple[ModelCard, ...]:
        """Every model of one kind, usable or not."""
        return self._shelf(kind).cards

    def upscalers(self) -> tuple[ModelCard, ...]:
        """The upscalers that the engine can run: each with its name, path, ``factor`` and its hash if known by now."""
        return tuple(card for card in self.parts("upscaler") if card.usable)

    def find(self, name: str = AUTO, *, hashed: bool = True) -> ModelCard:
        """The checkpoint called ``name``.

        It may be called by its name or file name in any case, as ``name [hash]``, by the beginning of its hash (8
        characters or more), or ``auto``. With ``hashed`` the card has its hash, computed now if need be, which takes
        seconds for gigabytes the first time.

        Raises:
            UnknownCheckpoint: nothing answers to that name; the message lists what there is.
            DamagedModel, UnsupportedModel: it is there and cannot be used; the message says why.
        """
        return self._sound(lambda: self._chosen(name), hashed)

    def part(self, kind: Kind, name: str, *, hashed: bool = True) -> ModelCard:
        """The LoRA, VAE, embedding or upscaler called ``name``: by name, file name, the name it was trained under,
        ``name [hash]`` or the beginning of a hash, A1111's twelve characters of a LoRA's among them.

        Raises:
            UnknownPart: nothing of that kind answers to that name; the message lists what there is.
            DamagedModel, UnsupportedModel: it is there and cannot be used; the message says why.
        """
        return self._sound(lambda: self._shelf(kind).find(name), hashed)

    def picture(self, model_id: str) -> bytes:
        """A small WebP of the model's picture, from beside it or inside it. Raises `NotFound` where there is none."""
        return small_picture(self.by_id(model_id), self._cache)

    def metadata(self, model_id: str) -> dict[str, str]:
        """What a file's header says, each entry cut short; empty for folders and for files that say nothing."""
        card = self.by_id(model_id)
        is_readable = card.layout == "single-file" and card.path.suffix.lower() == SAFETENSORS
        return entries_of(read_header(card.path).metadata) if is_readable else {}

    def write(self, model_id: str, **change: Unpack[Change]) -> ModelCard:
        """Write on a model's card; what is left out stays, and ``None`` takes away. It is kept in the home.

        Raises:
            NotFound: the model is gone.
            InvalidField: a value that cannot be, or a field that means nothing on such a card.
            StorageError: the home cannot be written.
        """
        return self._write(model_id, change)

    def set_picture(self, model_id: str, picture: Path | None) -> ModelCard:
        """Show the picture in a file on a model's card, made small and kept in the home; ``None`` takes it away.

        Raises:
            NotFound: the model is gone, or the picture cannot be read.
            StorageError: the home cannot be written.
        """
        self.by_id(model_id)
        if picture is None:
            return self._write(model_id, {"picture": None})
        return self._write(model_id, {}, made_small(picture.read_bytes()))

    def _write(self, model_id: str, change: Change, picture: bytes | None = None) -> ModelCard:
        card = self.by_id(model_id)
        check_change(card, change)
        if not card.sha256 and card.trouble != "damaged" and self._own_cards.is_doubtful(card.name):
            card = self._hashed(card)
        self._own_cards.write(card.name, card.sha256, change, picture)
        with self._lock:
            self._revision += 1
        return self.by_id(model_id)

    def look_up(self, name: str, kind: Kind | None = None, *, hashed: bool = True) -> ModelCard:
        """The model of that name or hash, whatever is wrong with it: of one kind, or of the first kind that has one.
        With ``hashed`` the card has its hash, computed now if need be.

        Raises:
            NotFound: nothing answers to that name.
        """
        kinds = (kind,) if kind else KINDS
        for each in kinds:
            with contextlib.suppress(NotFound):
                card = self._shelf(each).find(name)
                return self._hashed(card) if hashed and card.trouble != "damaged" else card
        return self._shelf(kinds[0]).find(name)

    def verify(self, card: ModelCard, progress: Progress = lambda done, total: None) -> str | None:
        """What is wrong with a model when all of it is read again, in a sentence; ``None`` when it is sound.

        The card says so from then on, until its files change. ``progress`` is called with the bytes that were read,
        and what it raises ends the reading.
        """
        before = stamps_in_order(card)
        problem = read_again(card, self._hashes, progress)
        if card.files:  # else its card says all there is to say
            self._outcomes.keep(card, before, problem)
            with self._lock:
                self._revision += 1
        return problem

    def by_id(self, model_id: str) -> ModelCard:
        """The model of any kind that the routes call so. Raises `NotFound`."""
        for card in self._cards:
            if card.id == model_id:
                self._outcomes.look()
                return self._with_known_hash(card)
        raise NotFound("That model is no longer there. Look for models again.")

    def facts(self, name: str = AUTO, *, hashed: bool = True) -> CheckpointFacts:
        """What resolving a recipe needs to know of a checkpoint. Raises as `find` does, whose ``hashed`` this is."""
        return facts_of(self.find(name, hashed=hashed))

    def has_vae(self, card: ModelCard) -> bool:
        """Whether pictures can be made with a checkpoint although nobody names a VAE: it has its own, or one that its
        card chooses is here."""
        if not card.needs_vae:
            return True
        with contextlib.suppress(NotFound):
            return bool(card.chosen_vae) and fits(self._shelf("vae").find(card.chosen_vae), card.family)
        return False

    def _sound(self, choose: Callable[[], ModelCard], hashed: bool) -> ModelCard:
        """What ``choose`` chooses, checked to be still what the scan found; a replaced file is looked at again."""
        card = choose()
        if card.problem is not None:
            raise card.refusal()
        if not card.is_there:
            raise DamagedModel(f"{card.name} is no longer where it was found. Put it back, or look for models again.")
        if sum(size_of(file) for file in card.files) != card.size_bytes:
            self.scan()
            card = choose()
            if card.problem is not None:
                raise card.refusal()
        return self._hashed(card) if hashed else card

    def _shelf(self, kind: Kind) -> Shelf:
        return Shelf(kind, self.models(), self._hashed)

    def _chosen(self, name: str) -> ModelCard:
        if name.strip().casefold() in (AUTO, ""):
            return self._automatic()
        return self._shelf("checkpoint").find(name)

    def _automatic(self) -> ModelCard:
        if self._default.strip().casefold() not in (AUTO, ""):
            return self._chosen(self._default)
        checkpoints = [card for card in self.checkpoints() if card.usable and card.kind == "checkpoint"]
        there = [card for card in checkpoints if card.is_there]  # not gone since
        usable = [card for card in there if self.has_vae(card)] or there
        own = [card for card in usable if card.name != STARTER and not self._has_shipped(card)]
        starter = [card for card in usable if card.name == STARTER]
        whole = [card for card in own if not card.inpainting]
        if usable:
            return (whole or own or starter or usable)[0]
        raise UnknownCheckpoint(f"No checkpoint can be used. {self._why_none()}")

    def _has_shipped(self, card: ModelCard) -> bool:
        return any(card.path.is_relative_to(folder) for folder in self._shipped)

    def _why_none(self) -> str:
        cards = self.checkpoints()
        return f"{cards[0].name}: {cards[0].problem}" if cards else naming.what_there_is(cards, "")

    def _with_known_hash(self, card: ModelCard) -> ModelCard:
        sha256 = self._hashes.known(card.path, card.files) if card.files else ""
        return self._with_own(card, sha256)

    def _hashed(self, card: ModelCard) -> ModelCard:
        sha256 = self._hashes.compute(card.path, card.files)
        self._own_cards.learn(card.name, sha256)
        # What was written for the name may be another model's, now that the hash is known.
        return self._with_own(self._bare.get(card.path, card), sha256)

    def _with_own(self, card: ModelCard, sha256: str) -> ModelCard:
        """The card with its hash, and with what a person wrote on it, which goes before what its maker wrote."""
        own = self._own_cards.of(card.name, sha256)
        chosen = {name: own.recipe[name] for name in _DEFAULTS if name in own.recipe}
        card = corrected(card, own.prediction, own.zero_snr)
        weight = own.weight if card.kind == "lora" else None
        return replace(
            card,
            sha256=sha256,
            payload_sha256=self._hashes.known_payload(card.path) if sha256 else "",
            notes=own.notes,
            recipe=own.recipe,
            trigger_words=own.trigger_words or card.trigger_words,
            weight=card.weight if weight is None else weight,
            own=tuple(name for name in CORRECTABLE if getattr(own, name) not in (None, (), "")),
            picture=self._own_cards.picture_of(own) or card.picture,
            defaults=replace(card.defaults, **chosen),
            warning=" ".join(part for part in (card.warning, own.problem) if part) or None,
            checked=self._outcomes.of(card),
        )

    def _hash_all(self) -> None:
        done: tuple[ModelCard, ...] = ()
        while done is not self._cards:  # a scan may have found more meanwhile
            done = self._cards
            for card in sorted(done, key=lambda card: card.size_bytes):  # small ones first: many names soon
                if card.kind == "unknown" or card.trouble == "damaged":
                    continue
                try:
                    self._own_cards.learn(card.name, self._hashes.compute(card.path, card.files))
                except DamagedModel as error:
                    log.info("%s", error)
                except Cancelled:
                    return
