"""``studio prompt explain``: how a prompt is read, before it costs a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from studio.cli.flags import AsJson, Home, Models

app = typer.Typer(help="Prompts: how one is read.", no_args_is_help=True)


@app.callback()
def prompt() -> None:
    """Prompts: how one is read."""


@app.command("explain")
def explain(
    text: Annotated[str, typer.Argument(help="The prompt, in quotes.")],
    negative: Annotated[bool, typer.Option("--negative", help="Read it as a negative prompt.")] = False,
    model: Annotated[str, typer.Option(help="Checkpoint whose tokens are counted.")] = "auto",
    steps: Annotated[int | None, typer.Option(help="Sampling steps; by default the checkpoint's own.")] = None,
    seed: Annotated[int, typer.Option(help="With which chance chooses the words of a template.")] = 0,
    home: Home = None,
    models: Models = None,
    as_json: AsJson = False,
) -> None:
    """Say how a prompt is understood: weights, chunks, what changes when, LoRAs, and what is wrong where."""
    from studio.prompts import Prompts
    from studio.services import build_library, build_wildcards
    from studio.settings import load_settings
    from studio.understanding import understand

    settings = load_settings(home=home, models=models or None)
    prompts = Prompts(build_library(settings), build_wildcards(settings.paths))
    said = understand(prompts, text, "negative_prompt" if negative else "prompt", model, steps, seed).as_dict()
    typer.echo(json.dumps(said, indent=2, ensure_ascii=False) if as_json else "\n".join(_lines(said)))
    if any(mark["kind"] == "problem" for mark in said["marks"]):
        raise typer.Exit(1)


def _lines(said: dict[str, Any]) -> Iterator[str]:
    if said["template"] and said["parts"]:
        yield f"With seed {said['seed']}: {said['text']}"
    for mark in said["marks"]:
        where = f"column {mark['start'] + 1}: " if mark["start"] is not None else ""
        yield f"{'!' if mark['kind'] == 'problem' else '-'} {where}{mark['message']}"
    if said["tokens"]:
        yield f"{said['tokens']['used']} of {said['tokens']['capacity']} tokens"
    for number, part in enumerate(said["parts"], start=1):
        if len(said["parts"]) > 1 or part["weight"] != 1:
            yield f"Part {number}, weight {part['weight']:g}"
        for stage in part["stages"]:
            if len(part["stages"]) > 1:
                yield f"Steps {stage['first_step']} to {stage['last_step']}"
            yield from (f"  {_chunk(chunk)}" for chunk in stage["chunks"])
        if part["shown_until_step"] < said["steps"]:
            yield f"  and so on, until step {said['steps']}"
    for lora in said["loras"]:
        if not lora["problem"]:
            yield f"LoRA {lora['name']}: UNet {lora['unet_weight']:g}, text encoder {lora['text_weight']:g}"
    if said["embeddings"]:
        yield f"Embeddings: {', '.join(said['embeddings'])}"


def _chunk(chunk: dict[str, Any]) -> str:
    words = (
        f"({piece['text']}:{piece['weight']:.4g})" if piece["weight"] != 1 else piece["text"]
        for piece in chunk["pieces"]
    )
    return "".join(words) or "(nothing)"
