"""``studio bench``: what the studio costs, measured in one run against the plain way."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from studio.cli.flags import AsJson, Device, Home, Models
from studio.errors import GenerationFailed, SetupError

if TYPE_CHECKING:
    from studio.client import StudioClient
    from studio.engine.bench_models import SwapReport

app = typer.Typer(help="Measure the studio on this machine.", no_args_is_help=True)

START_TIMEOUT_S = 300.0


@app.callback()
def bench() -> None:
    """Measure the studio on this machine."""


@dataclass(frozen=True)
class HouseReport:
    """Medians in seconds: one picture by diffusers, and one ordered over HTTP until its file is saved and told."""

    checkpoint: str
    steps: int
    size_px: int
    repeats: int
    plain_s: float
    house_s: float

    @property
    def ratio(self) -> float:
        """The whole house's time in diffusers' times: 1.1 is 10% more."""
        return self.house_s / self.plain_s


@app.command("overhead")
def overhead(
    model: Annotated[str, typer.Option(help="Checkpoint by name, file name or hash.")] = "auto",
    steps: Annotated[int, typer.Option(min=1, max=1000, help="Sampling steps.")] = 20,
    size: Annotated[int | None, typer.Option(help="Side in pixels; the checkpoint's own by default.")] = None,
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Pictures each way.")] = 7,
    home: Home = None,
    models: Models = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Compare a plain diffusers call with the engine alone and with the whole house: HTTP, queue, worker, saving."""
    from studio.engine.bench import TOGETHER, bench_overhead
    from studio.services import build_library
    from studio.settings import load_settings

    settings = load_settings(home=home, models=models or None, device=device)
    checkpoint = build_library(settings).find(model)
    engine = bench_overhead(checkpoint.path, steps, size, repeats, settings.device)
    house = bench_house(checkpoint.path, engine.steps, engine.size_px, repeats, settings.device)
    if as_json:
        ratios = {"ratio": engine.ratio, "together_ratio": engine.together_ratio}
        answer = {"engine": {**asdict(engine), **ratios}, "house": {**asdict(house), "ratio": house.ratio}}
        typer.echo(json.dumps(answer, indent=2))
        return
    typer.echo(
        f"{checkpoint.name}, {engine.steps} steps at {engine.size_px} px on {engine.device}; medians of {repeats}"
    )
    typer.echo(f"plain diffusers call        {engine.plain_s:8.3f} s   1.00")
    typer.echo(f"engine alone                {engine.engine_s:8.3f} s   {engine.ratio:.2f}")
    typer.echo(f"{TOGETHER} pictures at once          {engine.together_s:8.3f} s   {engine.together_ratio:.2f} of one")
    typer.echo(f"plain diffusers call, again {house.plain_s:8.3f} s   1.00")
    typer.echo(f"HTTP, queue, worker, saving {house.house_s:8.3f} s   {house.ratio:.2f}")


@app.command("models")
def models_command(
    first: Annotated[str, typer.Argument(help="Checkpoint by name, file name or hash.")] = "starter",
    second: Annotated[str, typer.Argument(help="Another of the same family.")] = "starter-night",
    made: Annotated[
        str | None, typer.Option(help="Instead: two of random weights in the real size of sd1, sd2 or sdxl.")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="Of the made files: fp16, as most are, or fp32, which a CPU reads as they are.")
    ] = "fp16",
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Swaps each way.")] = 7,
    home: Home = None,
    models: Models = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Swap two checkpoints, and compare with one copy of their bytes and with reading their files."""
    from studio.engine.bench_models import bench_swaps
    from studio.engine.made_checkpoints import made_checkpoints
    from studio.services import build_library
    from studio.settings import load_settings

    settings = load_settings(home=home, models=models or None, device=device)
    with contextlib.ExitStack() as stack:
        if made:
            paths = stack.enter_context(made_checkpoints(made, precision))
        else:
            library = build_library(settings)
            paths = library.find(first).path, library.find(second).path
        report = bench_swaps(*paths, repeats, settings.device)
    if as_json:
        ratios = {"warm_ratio": report.warm_ratio, "cold_ratios": report.cold_ratios, "host_growth": report.host_growth}
        typer.echo(json.dumps({**asdict(report), **ratios}, indent=2))
        return
    _print_swaps(report)


def _print_swaps(report: SwapReport) -> None:
    megabytes = report.size_bytes / 1e6
    typer.echo(f"{megabytes:,.0f} MB of weights on {report.device}; medians of {report.repeats}")
    typer.echo(f"one copy of the bytes       {report.copy_s:8.3f} s   1.00")
    typer.echo(f"warm swap by copying        {report.warm_s:8.3f} s   {report.warm_ratio:.2f}")
    if report.pointed_s:
        typer.echo(f"warm swap by pointing       {report.pointed_s:8.3f} s   {report.pointed_s / report.copy_s:.2f}")
    typer.echo(f"a whole switch, warm        {report.switch_s:8.3f} s   {report.switch_s / report.copy_s:.2f}")
    for cold in report.cold:
        whole_s = cold.read_s + cold.copy_s
        where = "in the system's cache" if cold.cached else "dropped from the cache before each reading"
        typer.echo(f"{report.file_bytes / 1e6:,.0f} MB of files, {where}")
        typer.echo(f"  reading them, and a copy  {whole_s:8.3f} s   1.00")
        typer.echo(f"  cold swap by copying      {cold.copying_s:8.3f} s   {cold.copying_ratio:.2f}")
        if cold.pointing_s:
            typer.echo(f"  cold swap by pointing     {cold.pointing_s:8.3f} s   {cold.pointing_ratio:.2f}")
    typer.echo(f"first reading, fresh memory {report.first_s:8.3f} s")
    typer.echo(f"host memory, 5 to 50 swaps  {report.host_growth:+8.1%}")
    typer.echo(f"device memory, 5 to 50      {report.device_growth_bytes / 1e6:+8.1f} MB")
    traces = report.traces
    same = "the same bytes" if traces.same_picture and traces.changed_by_loras else "NOT the same"
    typer.echo(f"a picture, three LoRAs, three swaps, the picture: {same}")
    same = "bit-identical" if traces.same_weights else "NOT the same"
    grown = f", {traces.device_growth_bytes / 1e6:+.1f} MB on the device"
    typer.echo(f"a LoRA put on and off {traces.worn_times} times leaves the weights {same}{grown}")


def bench_house(checkpoint: Path, steps: int, size_px: int, repeats: int, device: str) -> HouseReport:
    """Take turns between a plain call here and an order to a server of its own, on a home folder that goes afterwards.

    Raises:
        SetupError: the server did not start.
        GenerationFailed: a picture could not be made.
    """
    from studio.engine.bench import bench_recipe, plain_pipeline, timed_plain
    from studio.engine.placement import choose_placement

    placement = choose_placement(device)
    pipeline = plain_pipeline(checkpoint, placement)
    recipe = bench_recipe(steps, size_px)
    order = recipe.to_recipe().model_dump(mode="json") | {"checkpoint": checkpoint.name}
    plain, house = [], []
    with _server(checkpoint, device) as client:
        for turn in range(repeats + 1):
            plain.append(timed_plain(pipeline, recipe, placement))
            house.append(_timed_order(client, order | {"seed": turn}))
    medians = statistics.median(plain[1:]), statistics.median(house[1:])
    return HouseReport(checkpoint.name, steps, size_px, repeats, *medians)


def _timed_order(client: StudioClient, order: dict[str, object]) -> float:
    began = time.perf_counter()
    job = client.submit(order)
    for state in client.follow(job["id"]):
        job = state
    if job["state"] != "done":
        raise GenerationFailed(f"The picture of the measurement failed: {job['pictures'][0]['error']}")
    return time.perf_counter() - began


@contextlib.contextmanager
def _server(checkpoint: Path, device: str) -> Iterator[StudioClient]:
    """A server of its own on a temporary home, without previews, which a plain call has not either."""
    from studio.cli.running import client_at
    from studio.store.lock import running_address

    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        home = Path(folder)
        (home / "settings.toml").write_text("preview_every_steps = 0\n", encoding="utf-8")
        flags = ["--port", "0", "--home", folder, "--models", str(checkpoint.parent), "--device", device]
        command = [sys.executable, "-m", "studio", "serve", *flags]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while not (address := running_address(home)):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SetupError("The server of the measurement did not start. `studio doctor` may say why.")
                time.sleep(0.1)
            with client_at(address, home) as client:
                yield client
        finally:
            process.terminate()
            process.wait(30)
