"""Little room on the disk: people are warned, at the floor nothing is begun, and what waits goes on by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from studio.errors import StorageFull
from studio.jobs.records import TakenPicture
from studio.recipe.events import JobState
from studio.server import create_app
from studio.services import build_studio
from studio.settings import load_settings
from studio.upkeep import room as rooms
from studio.upkeep.room import Room
from tests.jobs.parts import wait_for

MB = 1_000_000


def test_a_warning_comes_before_the_floor(tmp_path: Path) -> None:
    free = [3000]
    room = Room(tmp_path, 2000, 300, lambda folder: free[0] * MB)
    assert room.warning() is None
    for free[0], words in ((1999, "1,999 MB left. Empty the bin"), (299, "no new pictures are begun")):
        room = Room(tmp_path, 2000, 300, lambda folder: free[0] * MB)
        assert words in (room.warning() or "")
    with pytest.raises(StorageFull, match="299 MB"):
        room.check()
    Room(tmp_path, 0, 0, lambda folder: 0).check()  # no bounds
    Room(tmp_path / "gone", 2000, 300).check()  # a missing drive is told elsewhere


def test_at_the_floor_orders_are_refused_and_what_waits_goes_on_later(
    tmp_path: Path, toy_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "HOLDS_S", 0.0)
    monkeypatch.setattr("studio.jobs.dispatcher.PAUSE_S", 0.05)
    free = [3000]
    studio = build_studio(load_settings(home=tmp_path / "home", models=[toy_models], engine="fake"))
    studio.room._free_bytes_of = lambda folder: free[0] * MB
    with TestClient(create_app(studio, page=False), base_url="http://localhost:7860") as client:
        wait_for(lambda: studio.worker_status == "ready")
        take = studio.queue.next_pictures

        def taken_until_there_is_little_room(*arguments: int, **others: object) -> Sequence[TakenPicture]:
            taken = take(*arguments, **others)  # type: ignore[arg-type]
            if taken:
                monkeypatch.setattr(studio.queue, "next_pictures", take)
                free[0] = 200
            return taken

        monkeypatch.setattr(studio.queue, "next_pictures", taken_until_there_is_little_room)
        order = {"recipe": {"prompt": "a walrus", "steps": 30, "seed": 5}, "count": 12, "id": "long"}
        assert client.post("/api/v1/jobs", json=order).status_code == 202
        wait_for(lambda: studio.job("long").pictures[0].state is not JobState.QUEUED)
        refused = client.post("/api/v1/jobs", json={**order, "id": "next"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (507, "storage_full")
        told = client.get("/api/v1/status").json()
        assert told["free_disk_bytes"] == 200 * MB
        assert ["no new pictures are begun" in notice["text"] for notice in told["notices"]] == [True]
        wait_for(lambda: studio.job("long").done == 8)  # those that were on their way are finished
        wait_for(lambda: "no new pictures" in (studio.job("long").notice or ""))
        assert [one.state for one in studio.job("long").pictures[8:]] == [JobState.QUEUED] * 4
        free[0] = 3000
        wait_for(lambda: studio.job("long").done == 12)
        assert studio.job("long").notice is None
    assert studio.gallery.list("local").total == 12
