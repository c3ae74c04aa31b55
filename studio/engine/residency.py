"""What is where: weights in host memory, chassis on the device, each under a budget, least recently used out.

A slot is a chassis in the outfit of some pictures. A wanted outfit takes, in this order: the slot that wears it; an
idle slot of the same checkpoint, which only changes its adapters; a new chassis where there is room; an idle chassis of
the same architecture, whose weights are swapped in place; the room of what has not been used for longest. What pictures
are using is never touched. The weights of a slot stay in host memory, because adapters are patched from clean ones. It
owns the load in progress too, so that one call advances one stage.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from studio.engine.adapters import AdapterShelf
from studio.engine.architecture import architecture_of
from studio.engine.chassis import Chassis
from studio.engine.host_memory import HostMemory
from studio.engine.load import LoadedCheckpoint, Loading, assembling, inspect_checkpoint
from studio.engine.model_files import CheckpointFiles
from studio.engine.outfit import Outfit
from studio.engine.placement import Placement
from studio.engine.placement_plan import planned, sizes_on
from studio.engine.slots import KeptWeights, Slot, outfit_stamp, own_vae
from studio.engine.weights import Weights, read_weights
from studio.library.stamps import stamp
from studio.recipe.events import MemoryReport, Resident

SHARE_OF_MEMORY = 0.6
"""Of the free memory at the start: the rest is for activations, the page cache and other programs."""

Ended = TypeVar("Ended")

MOST_SLOTS = 4
"""Where slots take no memory of their own, a few still serve people who take turns; more are never in use at once."""


@dataclass(eq=False)
class _Load:
    outfit: Outfit
    stages: Loading


class Residency:
    """The checkpoints of one device. ``budget_bytes`` bounds the chassis on the device, ``host_budget_bytes`` the
    weights in host memory (on a CPU these are the same, and the first counts); a single one may exceed either.
    """

    def __init__(
        self,
        placement: Placement,
        budget_bytes: int | None = None,
        host_budget_bytes: int | None = None,
        adapters: AdapterShelf | None = None,
    ) -> None:
        self._placement = placement
        self._allowed_bytes = budget_bytes
        self._budget_bytes = budget_bytes or int(placement.free_bytes * SHARE_OF_MEMORY)
        host_bytes = self._budget_bytes if placement.on_cpu else int(placement.host_free_bytes * SHARE_OF_MEMORY)
        self._host_budget_bytes = host_budget_bytes or host_bytes
        self._adapters = adapters or AdapterShelf()
        self._memory = HostMemory(pinned=placement.pins)
        self._slots: list[Slot] = []
        self._kept: OrderedDict[Path, KeptWeights] = OrderedDict()
        self._spare: dict[str, Chassis] = {}
        self._seen: dict[Outfit, tuple[object, CheckpointFiles]] = {}
        self._load: _Load | None = None
        self._ahead: tuple[Path, Generator[float, None, Weights]] | None = None
        self.reads = 0

    # --- what is there ---

    @property
    def loading(self) -> Outfit | None:
        """The outfit being put on."""
        return self._load.outfit if self._load else None

    @property
    def reading_ahead(self) -> bool:
        """Whether weights are being read that nobody waits for yet."""
        return self._ahead is not None

    def get(self, outfit: Outfit) -> LoadedCheckpoint | None:
        """The networks in this outfit, if they are there and its files have not changed since."""
        slot = next((one for one in self._slots if one.outfit == outfit), None)
        if slot is None or slot.stamp != outfit_stamp(outfit):
            return None
        self._used(slot)
        return slot.loaded

    def residents(self) -> tuple[Resident, ...]:
        """Each checkpoint that takes memory: how much of it on the device and in host memory."""
        found = []
        for path, kept in reversed(self._kept.items()):
            on_device = sum(slot.size_bytes for slot in self._slots if slot.outfit.checkpoint == path)
            ready = any(slot.outfit.checkpoint == path for slot in self._slots)
            found.append(Resident(str(path), on_device, kept.weights.size_bytes, ready))
        return tuple(found)

    def report(self) -> MemoryReport:
        """What is where, the budgets, and what this process holds in all."""
        sums = self._placement.used_bytes, self._placement.host_bytes
        budgets = self._budget_bytes, self._host_budget_bytes
        return MemoryReport(*sums, self.residents(), *budgets, self._placement.free_bytes)

    # --- loading ---

    def begin(self, outfit: Outfit, in_use: Collection[Outfit]) -> bool:
        """Start to put an outfit on; False if what is in use leaves no room.

        Raises:
            ModelError: its files are damaged or of a kind the engine cannot run.
            OutOfMemory: the device cannot hold even its UNet.
        """
        files = self._inspected(outfit)
        self._forget_stale(outfit, in_use)
        placements = planned(files, self._placement, self._device_bytes, self._allowed_bytes)
        slot = self._free_slot(files, outfit, in_use)
        new_bytes = 0 if slot is not None or self._placement.on_cpu else _bytes_on(files, self._placement)
        if not self._make_room(files, new_bytes, slot, in_use):
            return False
        chassis = slot.chassis if slot is not None else self._spare.pop(architecture_of(files), None)
        if slot is not None:
            self._slots.remove(slot)
            if slot.outfit.checkpoint not in self._kept:
                slot.chassis.let_go()  # so that the next weights are read into the memory of these
        self._placement.release_cache()
        chassis = chassis or Chassis(files, placements)
        self._load = _Load(outfit, self._dressed(outfit, files, chassis))
        return True

    def advance(self) -> float:
        """Do the next stage of the load in progress; the fraction that is behind it, 1 when it is done.

        Raises:
            ModelError: as `begin`; the load is given up.
        """
        assert self._load is not None, "begin first"
        load = self._load
        try:
            return next(load.stages)
        except StopIteration:
            self._load = None
            return 1.0
        except BaseException:
            self._load = None
            raise

    def give_up(self) -> None:
        """Stop the load in progress and let go of what it holds."""
        if self._load is not None:
            self._load.stages.close()
            self._load = None
            self._placement.release_cache()

    def prefetch(self, outfit: Outfit) -> bool:
        """Begin to read a checkpoint's weights into host memory ahead of need, to be worn in this outfit; False if
        there is no room to spare.

        Raises:
            ModelError: as `begin`.
        """
        path = outfit.checkpoint
        kept = self._kept.get(path)
        if kept is not None and kept.stamp == stamp(path):
            return False
        files = self._inspected(outfit)
        placements = planned(files, self._placement, self._device_bytes, self._allowed_bytes)
        needed_bytes = _bytes_in_host(files, self._placement)
        worn = {slot.outfit.checkpoint for slot in self._slots}
        while self._host_bytes + needed_bytes > self._host_budget_bytes:
            idle = next((one for one in self._kept if one not in worn), None)
            if idle is None:
                return False
            del self._kept[idle]
        spare = self._spare.setdefault(architecture_of(files), Chassis(files, placements))
        self._ahead = (path, self._read(path, files, spare))
        return True

    def advance_prefetch(self) -> bool:
        """Read a piece more; False when there is nothing to read ahead."""
        if self._ahead is None:
            return False
        try:
            next(self._ahead[1])
        except StopIteration:
            self._ahead = None
        except BaseException:
            self._ahead = None
            raise
        return True

    # --- letting go ---

    def unload(self, in_use: Collection[Outfit] = ()) -> None:
        """Give all memory back that no picture is using: the device's first of all, and the host's."""
        self._slots = [slot for slot in self._slots if slot.outfit in in_use]
        worn = {slot.outfit.checkpoint for slot in self._slots}
        for path in [one for one in self._kept if one not in worn]:
            del self._kept[path]
        self._spare.clear()
        self._ahead = None
        self._adapters.clear()
        self._memory.keep(0)
        self._placement.release_cache()

    def release_idle(self, in_use: Collection[Outfit]) -> bool:
        """Give the device back what chassis take that no picture is using, so that one that is on its way fits; whether
        there was any. Their weights stay in host memory.
        """
        if self._placement.on_cpu:
            return False
        kept = [slot for slot in self._slots if slot.outfit in in_use]
        freed = len(kept) < len(self._slots)
        self._slots = kept
        self._placement.release_cache()
        return freed

    def clear(self) -> None:
        """Let go of everything."""
        self.give_up()
        self.unload()

    # --- stages ---

    def _dressed(self, outfit: Outfit, files: CheckpointFiles, chassis: Chassis) -> Loading:
        yield 0.0
        path = outfit.checkpoint
        kept = self._kept.get(path)
        if kept is None or kept.stamp != stamp(path):
            if self._ahead is not None and self._ahead[0] == path:
                reading, self._ahead = self._ahead[1], None
            else:
                reading = self._read(path, files, chassis)
            for fraction in reading:
                yield 0.9 * fraction
            kept = self._kept[path]
        self._kept.move_to_end(path)
        weights = kept.weights
        if outfit.vae is not None:
            vae = yield from _at(0.9, own_vae(outfit.vae, files, chassis, self._memory))
            weights = Weights({**weights.components, "vae": vae})
        yield from _at(0.9, chassis.putting(weights))
        yield from _at(0.95, chassis.wearing(self._adapters.patches(outfit, chassis)))
        read = kept.texts_with(tuple((one.path, one.text_weight) for one in outfit.adapters))
        own = (outfit.vae, stamp(outfit.vae) if outfit.vae else None)
        loaded = yield from _at(0.95, assembling(files, chassis, weights, outfit, read, kept.previews.get(own)))
        kept.previews[own] = loaded.preview
        self._slots.append(Slot(chassis, weights, outfit, outfit_stamp(outfit), loaded))
        return loaded

    def _read(self, path: Path, files: CheckpointFiles, chassis: Chassis) -> Generator[float, None, Weights]:
        as_of = stamp(path)
        weights = yield from read_weights(files, chassis.skeleton, chassis.placements, self._memory)
        self._kept[path] = KeptWeights(weights, as_of)
        self.reads += 1
        return weights

    def _inspected(self, outfit: Outfit) -> CheckpointFiles:
        bare = replace(outfit, adapters=())
        as_of = outfit_stamp(bare)
        found = self._seen.get(bare)
        if found is None or found[0] != as_of:
            files = inspect_checkpoint(outfit.checkpoint, outfit.prediction, outfit.zero_snr, outfit.vae)
            found = self._seen[bare] = (as_of, files)
        return found[1]

    # --- room ---

    def _free_slot(self, files: CheckpointFiles, outfit: Outfit, in_use: Collection[Outfit]) -> Slot | None:
        """The idle slot to change, if one is to be changed rather than another built."""
        alike = [one for one in self._slots if one.chassis.architecture == architecture_of(files)]
        idle = [one for one in alike if one.outfit not in in_use]
        same = next((one for one in idle if one.outfit.checkpoint == outfit.checkpoint), None)
        if same is not None or not idle:
            return same
        if self._placement.on_cpu:
            return idle[0] if len(self._slots) >= MOST_SLOTS else None
        fits = self._slot_bytes + _bytes_on(files, self._placement) <= self._budget_bytes
        return None if fits else idle[0]

    def _make_room(
        self, files: CheckpointFiles, device_bytes: int, taken: Slot | None, in_use: Collection[Outfit]
    ) -> bool:
        """Drop what has not been used for longest until both budgets are kept; False if what is in use is too much."""
        path = files.path
        # A slot that is changed in place takes no more than before, whatever the budget says.
        while device_bytes and self._slots and self._slot_bytes + device_bytes > self._budget_bytes:
            idle = next((one for one in self._slots if one is not taken and one.outfit not in in_use), None)
            if idle is None:
                return False
            self._slots.remove(idle)
        host_bytes = 0 if path in self._kept else _bytes_in_host(files, self._placement)
        busy = {one.checkpoint for one in in_use} | {path}
        while self._kept and self._host_bytes + host_bytes > self._host_budget_bytes:
            oldest = next((one for one in self._kept if one not in busy), None)
            if oldest is None:
                return not any(one != path for one in self._kept)
            del self._kept[oldest]
            self._slots = [one for one in self._slots if one is taken or one.outfit.checkpoint != oldest]
        self._memory.keep(max(self._host_budget_bytes - self._host_bytes, host_bytes))
        return True

    def _forget_stale(self, outfit: Outfit, in_use: Collection[Outfit]) -> None:
        """Weights whose file was replaced meanwhile; pictures that run with them end with them."""
        path = outfit.checkpoint
        kept = self._kept.get(path)
        if kept is not None and kept.stamp != stamp(path):
            del self._kept[path]
            self._slots = [one for one in self._slots if one.outfit.checkpoint != path]
        self._slots = [one for one in self._slots if one.outfit != outfit]

    def _used(self, slot: Slot) -> None:
        self._slots.remove(slot)
        self._slots.append(slot)
        self._kept.move_to_end(slot.outfit.checkpoint)

    @property
    def _slot_bytes(self) -> int:
        return sum(slot.size_bytes for slot in self._slots)

    @property
    def _host_bytes(self) -> int:
        patched = sum(slot.chassis.patched_bytes for slot in self._slots)
        return patched + sum(kept.weights.size_bytes for kept in self._kept.values())

    @property
    def _device_bytes(self) -> int:
        """What the device has to give in all: memory that is free or held for reuse, and what the chassis there would
        give back.
        """
        return self._placement.usable_bytes + self._slot_bytes


def _at(fraction: float, pieces: Generator[object, None, Ended]) -> Generator[float, None, Ended]:
    """Work in pieces, each of which leaves a load at this fraction."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            yield fraction
            ended: Ended = end.value
            return ended
        yield fraction


def _bytes_on(files: CheckpointFiles, placement: Placement) -> int:
    return sum(sizes_on(files, placement).values())


def _bytes_in_host(files: CheckpointFiles, placement: Placement) -> int:
    return files.parameter_count * placement.dtype.itemsize
