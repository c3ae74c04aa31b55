"""Engines that misbehave in ways the shipped fake does not; workers make them by name."""

from __future__ import annotations

import faulthandler
import os
import signal
import time
from pathlib import Path

from studio.engine.fake import FakeEngine, create_fake_engine
from studio.errors import SetupError, UnsupportedModel
from studio.recipe.events import Event, ModelLoading, PictureOrder


def refuses_to_start() -> FakeEngine:
    raise SetupError("There is no such device. Choose --device cpu.")


def dies_while_starting() -> FakeEngine:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def starts_once_there_is(file: str) -> FakeEngine:
    if not Path(file).exists():
        raise SetupError(f"{Path(file).name} is missing.")
    return create_fake_engine(seconds_per_step=0.001)


class _Troubled(FakeEngine):
    def submit(self, order: PictureOrder) -> None:
        if "!unsupported" in order.recipe.prompt:
            raise UnsupportedModel("This is a model for sound.")
        super().submit(order)

    def step(self) -> list[Event]:
        prompts = [picture.order.recipe.prompt for picture in self._waiting]
        if "!patient" in prompts and prompts.count("!loadcrash") < 2:
            time.sleep(0.005)
            return []
        for picture in self._waiting:
            if "!loadcrash" in picture.order.recipe.prompt:
                if self._loading is None:
                    self._loading = (None, picture.order.job_id, 0)  # type: ignore[assignment]
                    return [ModelLoading("toy", 0.5, picture.order.job_id)]
                os.kill(os.getpid(), signal.SIGKILL)
        for picture in self._live:
            if "!defect" in picture.order.recipe.prompt:
                raise ZeroDivisionError("a defect of the engine")
        return super().step()


def troubled() -> FakeEngine:
    """Dies while loading for ``!loadcrash`` (``!patient`` waits for two of these), lets an error out for ``!defect``,
    refuses ``!unsupported``.
    """
    return _Troubled("cpu", 4, 0.005)


class _Talkative(FakeEngine):
    def step(self) -> list[Event]:
        if self._live and "!segfault" in self._live[0].order.recipe.prompt:
            faulthandler._sigsegv()  # type: ignore[attr-defined]
        return super().step()


def talkative() -> FakeEngine:
    """Writes to both of its streams as native libraries do, and crashes as they do for ``!segfault``."""
    os.write(1, b"said on stdout\n")
    os.write(2, b"half a line\rthe other half\n")
    return _Talkative("cpu", 4, 0.005)
