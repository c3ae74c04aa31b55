"""One training stage: a loop that can be stopped at any moment and goes on where it was.

Owns the time budget, the learning rate over it, the running average, stage files, progress lines and the loss curve.
What a step learns is the caller's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from studio.training.average import WeightAverage
from studio.training.checkpoint_file import read_stage, write_bytes, write_tensors
from studio.training.errors import StageDamaged
from studio.training.loss_curve import draw_loss_curve

SAVE_EVERY_S = 60.0
REPORT_EVERY_S = 15.0


@dataclass(frozen=True)
class StageSettings:
    """How long and how fast one stage learns. `minutes` is wall time over all its runs together."""

    name: str
    minutes: float
    learning_rate: float
    seed: int = 0
    average_decay: float = 0.999
    warm_up_steps: int = 200
    final_share: float = 0.02
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.99)


@dataclass
class Stage:
    """A resumable stage over `modules`, whose files lie in `out` under the stage's name.

    `learn(step, generator)` returns the loss of one step; it is called with gradients on. The generator is seeded by
    stage seed and step, so a resumed run sees what an uninterrupted one would have seen.
    """

    settings: StageSettings
    modules: dict[str, nn.Module]
    out: Path
    report: Callable[[str], None]
    step: int = 0
    spent_s: float = 0.0
    losses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        weights = [weight for module in self.modules.values() for weight in module.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(
            weights, lr=self.settings.learning_rate, betas=self.settings.betas, weight_decay=self.settings.weight_decay
        )
        self.average = WeightAverage(self.modules, self.settings.average_decay)
        if self.path.exists():
            self._load()

    @property
    def path(self) -> Path:
        return self.out / f"{self.settings.name}.safetensors"

    @property
    def finished(self) -> bool:
        return self.spent_s >= self.settings.minutes * 60

    def run(self, learn: Callable[[int, torch.Generator], Tensor], on_save: Callable[[], None] | None = None) -> None:
        """Train until the minutes are spent. On any interruption the last saved file is at most a minute old."""
        started = last_save = last_report = time.monotonic()
        before_s, recent = self.spent_s, []
        for module in self.modules.values():
            module.train()
        while not self.finished:
            generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.step)
            self._set_learning_rate()
            self.optimizer.zero_grad(set_to_none=True)
            loss = learn(self.step, generator)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.optimizer.param_groups[0]["params"], 1.0)
            self.optimizer.step()
            self.step += 1
            self.average.update(self.step)
            recent.append(loss.detach())
            now = time.monotonic()
            self.spent_s = before_s + now - started
            if now - last_report > REPORT_EVERY_S or self.finished:
                self.losses.append(float(torch.stack(recent).mean()))
                recent.clear()
                last_report = now
                self._say()
            if now - last_save > SAVE_EVERY_S or self.finished:
                self.save()
                last_save = time.monotonic()
                if on_save is not None:
                    on_save()
        self.average.copy_to(self.modules)

    def save(self) -> None:
        """Write the whole state: weights, average, optimiser, position. And draw the curve."""
        tensors = {f"average.{name}": weight for name, weight in self.average.weights.items()}
        for prefix, module in self.modules.items():
            tensors |= {f"weights.{prefix}.{name}": weight for name, weight in module.state_dict().items()}
        for index, entry in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in entry.items()}
        write_tensors(self.path, tensors, {"step": self.step, "spent_s": self.spent_s, "losses": self.losses})
        write_bytes(self.path.with_suffix(".png"), draw_loss_curve(self.losses, f"{self.settings.name}: loss"))

    def _load(self) -> None:
        tensors, state = read_stage(self.path)
        try:
            for prefix, module in self.modules.items():
                module.load_state_dict(_under(tensors, f"weights.{prefix}."))
            self.average.weights = {
                n: w.to(self.average.weights[n].device) for n, w in _under(tensors, "average.").items()
            }
            entries: dict[int, dict[str, Any]] = {}
            for name, tensor in _under(tensors, "optimizer.").items():
                index, _, key = name.partition(".")
                entries.setdefault(int(index), {})[key] = tensor
            self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": entries})
            self.step, self.spent_s, self.losses = int(state["step"]), float(state["spent_s"]), list(state["losses"])
        except (KeyError, ValueError, RuntimeError) as error:
            raise StageDamaged(self.path, str(error).splitlines()[0]) from error
        if self.finished:
            self.average.copy_to(self.modules)

    def _set_learning_rate(self) -> None:
        """Linear warm-up, then flat for half of the budget, then down by a cosine to `final_share` of it."""
        done = min(self.spent_s / (self.settings.minutes * 60), 1.0)
        fall = max(0.0, (done - 0.5) * 2)
        share = self.settings.final_share + (1 - self.settings.final_share) * 0.5 * (
            1 + float(torch.cos(torch.tensor(fall * torch.pi)))
        )
        warm = min(1.0, (self.step + 1) / self.settings.warm_up_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * share * warm

    def _say(self) -> None:
        left_s = max(0.0, self.settings.minutes * 60 - self.spent_s)
        self.report(
            f"{self.settings.name}: step {self.step}, loss {self.losses[-1]:.4f}, "
            f"{self.step / max(self.spent_s, 1e-9):.2f} steps/s, {left_s / 60:.1f} min left"
        )


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
