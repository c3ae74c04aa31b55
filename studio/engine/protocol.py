"""What a worker drives: an engine takes orders at any time and answers with events, one small piece of work a call.

Two engines exist: ``studio.engine.build.create_engine`` computes pictures, ``studio.engine.fake.create_fake_engine``
draws gradients. This module imports no tensor library, so the web side and its tests may use it.
"""

from __future__ import annotations

from typing import Protocol

from studio.recipe.events import CancelOrder, Event, PictureOrder, PreloadOrder, WorkerReady


class Engine(Protocol):
    """Makes pictures step by step. One thread drives it; no call blocks longer than one piece of work."""

    @property
    def idle(self) -> bool:
        """True when there is nothing to compute and no event waiting: calling `step` now would answer an empty list."""

    def submit(self, order: PictureOrder) -> None:
        """Take a picture in; it starts at one of the next steps. What is wrong with it comes back as an event."""

    def cancel(self, order: CancelOrder) -> None:
        """Stop a job's pictures, or one of them: the next `step` answers `PictureCancelled` for each that was there."""

    def preload(self, order: PreloadOrder) -> None:
        """Load a checkpoint when nothing else is to do."""

    def unload(self) -> None:
        """Give back all memory that no picture is using; the next `step` reports what is left."""

    def step(self) -> list[Event]:
        """Do one piece of work (some loading and one network call, or one decoding) and say what happened."""

    def describe(self) -> WorkerReady:
        """The device that computes."""

    def close(self) -> None:
        """Let go of all memory. The engine cannot be used afterwards; calling it twice is harmless."""
