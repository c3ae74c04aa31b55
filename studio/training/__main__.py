"""`python -m studio.training`: train, evaluate, export, without the rest of the studio."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from studio.errors import StudioError
from studio.training.command import evaluate, export_now, train_lora, train_starter


def main(arguments: list[str] | None = None) -> int:
    """Run one of the commands; 0 when it was done, 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m studio.training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="make a checkpoint, judge it and write its card")
    train.add_argument("--from", dest="source", type=Path, help="an exported checkpoint to go on from")
    train.add_argument("--look", help="restyle the pictures: night or ink")
    train.add_argument("--count", type=int, help="how many held-out combinations to judge")
    lora = commands.add_parser("lora", help="make a LoRA over a checkpoint")
    lora.add_argument("--from", dest="source", type=Path, required=True)
    lora.add_argument("--look", default="ink")
    for command in (train, lora):
        command.add_argument("--out", type=Path, required=True, help="where stage files and the result go")
        command.add_argument("--minutes", type=float)
        command.add_argument("--device", default="auto")
    judge = commands.add_parser("evaluate", help="judge an exported checkpoint")
    judge.add_argument("directory", type=Path)
    judge.add_argument("--out", type=Path)
    judge.add_argument("--count", type=int)
    judge.add_argument("--look", help="judge against pictures in this look: night or ink")
    for command in (train, lora, judge):
        command.add_argument("--artwork", type=Path, help="a folder with the font and the npm package")
    commands.add_parser("export", help="export a training that still runs").add_argument(
        "--out", type=Path, required=True
    )
    chosen = parser.parse_args(arguments)
    try:
        _run(chosen)
    except StudioError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _run(chosen: argparse.Namespace) -> None:
    if chosen.command == "train":
        train_starter(
            chosen.out, chosen.minutes, chosen.device, chosen.artwork, chosen.source, chosen.look, chosen.count
        )
    elif chosen.command == "lora":
        minutes = 10.0 if chosen.minutes is None else chosen.minutes
        train_lora(chosen.source, chosen.out, chosen.look, minutes, chosen.device, chosen.artwork)
    elif chosen.command == "evaluate":
        evaluate(chosen.directory, chosen.artwork, chosen.out, chosen.count, look=chosen.look)
    else:
        export_now(chosen.out)


if __name__ == "__main__":
    sys.exit(main())
