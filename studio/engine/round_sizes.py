"""How many samples one network call may hold: as many as the memory has been seen to take.

A call that ran out of memory is made again with half as many, down to one; a size that went well for a while is tried
larger again, because what else uses the memory may have ended. On a device that tells its peaks, the size is chosen
before anything fails. It owns these numbers and calls no network.
"""

from __future__ import annotations

from dataclasses import dataclass

WELL_BEFORE_LARGER = 50
SPARE_SHARE = 0.1
"""Of the free memory: allocators round up."""


@dataclass
class _Size:
    most: int
    went_well: int = 0


class RoundSizes:
    """The most samples of a call by its ``kind``: what its samples have in common, their size above all."""

    def __init__(self) -> None:
        self._sizes: dict[object, _Size] = {}
        self._bytes_per_cell: dict[object, float] = {}

    def most(self, kind: object, cells: int = 0, free_bytes: int | None = None) -> int | None:
        """The most samples of ``cells`` latent cells each, with so much memory free; ``None`` where nothing is known
        against any number.
        """
        known = self._sizes.get(kind)
        limits = [known.most] if known is not None else []
        per_sample = self._bytes_per_cell.get(kind, 0.0) * cells
        if free_bytes is not None and per_sample:
            limits.append(max(int(free_bytes * (1 - SPARE_SHARE) / per_sample), 1))
        return min(limits, default=None)

    def ran_out(self, kind: object, samples: int) -> bool:
        """A call of that many samples did not fit; whether it is worth trying a smaller one."""
        if samples <= 1:
            return False
        self._sizes[kind] = _Size(samples // 2)
        return True

    def went_well(self, kind: object, samples: int, cells: int = 0, peak_bytes: int = 0) -> None:
        """A call of that many samples fitted, and took ``peak_bytes`` while it ran (0: nobody measured it)."""
        if peak_bytes and samples * cells:
            used = peak_bytes / (samples * cells)
            self._bytes_per_cell[kind] = max(self._bytes_per_cell.get(kind, 0.0), used)
        known = self._sizes.get(kind)
        if known is None or samples < known.most:
            return
        known.went_well += 1
        if known.went_well >= WELL_BEFORE_LARGER:
            known.most, known.went_well = known.most * 2, 0

    def forget(self) -> None:
        """Memory was given back: what is known against a size no longer holds."""
        self._sizes.clear()
