"""From noise to picture, without knowing any network: samplers, schedules, noise, and the catalogue a person chooses
from.

`run` and `schedule` are loaded on first use, so that `studio.sampling.catalogue` stays free of torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.sampling.driver import run
    from studio.sampling.registry import schedule

__all__ = ["run", "schedule"]


def __getattr__(name: str) -> object:
    if name == "run":
        from studio.sampling import driver

        return driver.run
    if name == "schedule":
        from studio.sampling import registry

        return registry.schedule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
