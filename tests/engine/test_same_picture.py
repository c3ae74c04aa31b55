"""A picture is the same alone or among strangers: byte for byte in exact mode, else within 1/255 on every channel."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from studio.engine.build import create_engine
from studio.recipe.events import Event, PictureDone, PictureFailed, PictureOrder
from studio.sampling.catalogue import SAMPLERS
from tests.engine.recipes import finish, order

PROMPTS = ("a red cat", "a dog AND the blue face :0.7", "[cat|dog] on a green background", "a (cat:1.3), photo")


def mixed(checkpoint: Path, exact: bool, count: int = 40) -> list[PictureOrder]:
    """Twenty samplers twice, with steps from 3 to 8, changing prompts, guidance and seeds."""
    return [
        order(
            checkpoint,
            f"job{index}",
            sampler=SAMPLERS[index % len(SAMPLERS)].name,
            schedule=("automatic", "karras")[index // len(SAMPLERS) % 2],
            steps=3 + index * 7 % 6,
            prompt=PROMPTS[index % len(PROMPTS)],
            guidance_scale=(5.0, 1.0, 6.0)[index % 3],
            seed=1000 + index,
            eta=SAMPLERS[index % len(SAMPLERS)].default_eta,
            exact=exact,
        )
        for index in range(count)
    ]


def made(orders: list[PictureOrder], live_pictures: int) -> dict[str, bytes]:
    engine = create_engine("cpu", live_pictures=live_pictures)
    for one in orders:
        engine.submit(one)
    return pixels(finish(engine))


def pixels(events: list[Event]) -> dict[str, bytes]:
    failed = [event for event in events if isinstance(event, PictureFailed)]
    assert not failed, failed
    return {event.job_id: event.pixels.data for event in events if isinstance(event, PictureDone)}


@pytest.fixture(scope="module")
def alone(toy: Path) -> dict[str, bytes]:
    """Each of the forty as the only picture on its way."""
    return made(mixed(toy, exact=True), live_pictures=1)


def test_exact_mode_gives_the_same_bytes_among_strangers(toy: Path, alone: dict[str, bytes]) -> None:
    strangers = [
        PictureOrder(f"stranger {one.job_id}", 0, one.recipe.for_picture(500), toy) for one in mixed(toy, exact=False)
    ]
    among = made([one for pair in zip(mixed(toy, exact=True), strangers, strict=True) for one in pair], 8)
    assert len(alone) == 40
    assert {job: among[job] for job in alone} == alone


def test_else_every_channel_is_within_one_level(toy: Path, alone: dict[str, bytes]) -> None:
    together = made(mixed(toy, exact=False), live_pictures=8)
    assert len(together) == 40
    for job, data in together.items():
        apart = np.frombuffer(data, np.uint8).astype(int) - np.frombuffer(alone[job], np.uint8)
        assert np.abs(apart).max() <= 1, job


def test_two_processes_agree(toy: Path, alone: dict[str, bytes]) -> None:
    code = (
        "import hashlib, json, sys, pathlib\n"
        "from tests.engine.test_same_picture import made, mixed\n"
        "orders = mixed(pathlib.Path(sys.argv[1]), exact=True)[5:14]\n"
        "print(json.dumps({job: hashlib.sha256(data).hexdigest() for job, data in made(orders, 4).items()}))\n"
    )
    answer = subprocess.run([sys.executable, "-c", code, str(toy)], capture_output=True, text=True, check=True)
    other = json.loads(answer.stdout.splitlines()[-1])
    assert len(other) == 9
    assert other == {job: hashlib.sha256(alone[job]).hexdigest() for job in other}
