"""What `studio train-starter` and `python -m studio.training` do, as plain functions.

Owns the defaults and the words printed at the end; the stages are in `recipe.py`.
"""

from __future__ import annotations

import time
from pathlib import Path

from studio.training.artwork import load_artwork
from studio.training.checkpoint_file import write_bytes
from studio.training.drawing import load_pipeline
from studio.training.evaluation import Evaluation, evaluate_checkpoint
from studio.training.model_card import ATTRIBUTION, figures_table, write_card
from studio.training.recipe import DEFAULT_MINUTES, export_running, find_look, go_on, make_lora, make_starter

TITLE = "Latent Studio starter"
MADE_BY = "studio train-starter --out DIR"


def say(line: str) -> None:
    """Print a progress line with the time, at once, also into a pipe."""
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def train_starter(
    out: Path,
    minutes: float | None = None,
    device: str = "auto",
    artwork: Path | None = None,
    source: Path | None = None,
    look: str | None = None,
    count: int | None = None,
) -> Path:
    """Make a starter checkpoint in `out/export`, judge it and write its card; returns the folder.

    `minutes` of training in all (evaluation comes on top). `source` is an exported checkpoint to go on from, with
    `look` restyling its pictures. `count` limits how many held-out combinations are judged. Interrupted, the same
    call goes on where it was. Raises TrainingError.
    """
    spent = DEFAULT_MINUTES if minutes is None else minutes
    if source is None:
        folder = make_starter(out, spent, device, artwork, say)
        title, made_by = TITLE, MADE_BY
    else:
        folder = go_on(source, out, spent, device, artwork, look, say)
        title = f"{TITLE}, {look}" if look else TITLE
        made_by = f"{MADE_BY} --from {source.name}" + (f" --look {look}" if look else "")
    evaluate(folder, artwork=artwork, out=out, count=count, title=title, made_by=made_by, look=look)
    return folder


def evaluate(
    directory: Path,
    artwork: Path | None = None,
    out: Path | None = None,
    count: int | None = None,
    title: str = TITLE,
    made_by: str = MADE_BY,
    device: str = "cpu",
    look: str | None = None,
) -> Evaluation:
    """Judge an exported checkpoint on the held-out combinations, print the figures and write card and grid beside the
    weights.

    `out` keeps the artwork between calls (the checkpoint's parent folder without it). Raises CheckpointUnreadable,
    ArtworkMissing.
    """
    art = load_artwork(out if out is not None else directory.parent, artwork)
    evaluation = evaluate_checkpoint(directory, art, say, count, device, None if look is None else find_look(look))
    write_card(directory, evaluation, title, made_by, load_pipeline(directory, device))
    write_bytes(directory / "ATTRIBUTION.md", ATTRIBUTION.encode())
    print(figures_table(evaluation.figures), flush=True)
    return evaluation


def train_lora(
    source: Path, out: Path, look: str = "ink", minutes: float = 10.0, device: str = "auto", artwork: Path | None = None
) -> Path:
    """Train a LoRA of a look over an exported checkpoint and return its file. Raises TrainingError."""
    return make_lora(source, out, minutes, device, artwork, look, say)


def export_now(out: Path) -> Path:
    """Export what a training that still runs has learnt so far, to try it out. Raises StageDamaged."""
    return export_running(out, say)
