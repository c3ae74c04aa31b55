"""Models on their way: what is told of them, stopping and going on, restarts, and pickles made into safetensors."""

from __future__ import annotations

import collections
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import torch

from studio.errors import Conflict, DamagedModel, InvalidField, NotFound, StorageFull, UnsupportedModel
from studio.library import Library, conversion, room
from studio.library import arrivals as arriving
from studio.library.arrivals import Arrival, Arrivals
from studio.library.header import read_header
from studio.library.hub import Hub
from studio.library.hub_names import Wanted
from tests.library import header_files as files
from tests.library import pickles
from tests.library.fake_hub import FakeHub, served
from tests.library.header_files import write_header_file

WANTED = Wanted("owner/name", "ink.safetensors")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    content = write_header_file(tmp_path / "there" / "ink.safetensors", files.SD1_INPAINTING).read_bytes()
    with served(FakeHub(content)) as fake:
        yield fake


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    library = Library([tmp_path / "models"], tmp_path / "cache", hash_ahead=False)
    library.scan()
    yield library
    library.close()


@pytest.fixture
def make(tmp_path: Path, fake: FakeHub, library: Library) -> Iterator[Callable[[], Arrivals]]:
    made: list[Arrivals] = []

    def make() -> Arrivals:
        hub = lambda: Hub(fake.address, pause_s=0.01)  # noqa: E731
        made.append(Arrivals(tmp_path / "models", tmp_path / "cache", library.scan, hub))
        return made[-1]

    yield make
    for arrivals in made:
        arrivals.close()


def wait(arrivals: Arrivals, until: Callable[[Arrival], bool]) -> Arrival:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for arrival in arrivals.list():
            if until(arrival):
                return arrival
        time.sleep(0.01)
    raise TimeoutError(str(arrivals.list()))


def ended(arrival: Arrival) -> bool:
    return arrival.state in ("done", "failed", "stopped")


def test_a_model_arrives_and_is_in_the_library(make: Callable[[], Arrivals], fake: FakeHub, library: Library) -> None:
    fake.drops = 2
    arrivals = make()
    assert arrivals.pull(WANTED).state == "waiting"
    done = wait(arrivals, ended)
    assert (done.state, done.problem, done.done_bytes) == ("done", "", len(fake.content))
    assert len(fake.ranges) == 3
    assert [card.name for card in library.checkpoints()] == ["ink"]
    arrivals.pull(WANTED)
    again = wait(arrivals, lambda one: one.state == "failed")
    assert "is in the models folder already" in again.problem


def test_it_can_be_stopped_and_gone_on_with_even_after_a_restart(
    make: Callable[[], Arrivals], fake: FakeHub, tmp_path: Path
) -> None:
    fake.pause_s = 0.05
    arrivals = make()
    first = arrivals.pull(WANTED)
    assert arrivals.pull(WANTED).id == first.id and len(arrivals.list()) == 1, "asking twice is harmless"
    underway = wait(arrivals, lambda one: 0 < one.done_bytes < one.size_bytes)
    assert underway.state == "running" and underway.as_dict()["checking"] is False
    assert arrivals.remove(first.id).state == "stopped"
    arrivals.close()
    (part,) = (tmp_path / "models").iterdir()
    kept = part.stat().st_size
    assert 0 < kept < len(fake.content)

    again = make()
    assert [(one.id, one.state) for one in again.list()] == [(first.id, "stopped")]
    fake.pause_s = 0
    again.pull(WANTED)
    assert wait(again, ended).state == "done"
    assert fake.ranges[-1] == f"bytes={kept}-"
    assert [file.name for file in (tmp_path / "models").iterdir()] == ["ink.safetensors"]
    assert make().list() == [], "what is done is not told of after a restart"


def test_one_that_was_running_when_the_studio_ended_stands_there_as_stopped(
    make: Callable[[], Arrivals], fake: FakeHub
) -> None:
    fake.pause_s = 0.05
    arrivals = make()
    arrivals.pull(WANTED)
    wait(arrivals, lambda one: one.done_bytes > 0)
    arrivals.close()
    assert [one.state for one in make().list()] == ["stopped"]


def test_forgetting_one_throws_away_what_came(make: Callable[[], Arrivals], fake: FakeHub, tmp_path: Path) -> None:
    fake.pause_s = 0.05
    arrivals = make()
    arrival = arrivals.pull(WANTED)
    wait(arrivals, lambda one: one.done_bytes > 0)
    arrivals.remove(arrival.id)
    arrivals.close()
    assert len(list((tmp_path / "models").iterdir())) == 1
    arrivals.remove(arrival.id)
    assert arrivals.list() == [] and list((tmp_path / "models").iterdir()) == []
    with pytest.raises(NotFound, match="no longer on the list"):
        arrivals.remove(arrival.id)


def test_what_goes_wrong_is_one_sentence(
    make: Callable[[], Arrivals], fake: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.lies = True
    arrivals = make()
    arrivals.pull(WANTED)
    failed = wait(arrivals, ended)
    assert failed.state == "failed" and "its hash is" in failed.problem
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    arrivals.pull(WANTED)
    failed = wait(arrivals, ended)
    assert failed.problem.startswith("HF_HUB_OFFLINE is set, so nothing is fetched")
    with pytest.raises(InvalidField, match=r"a \.safetensors file"):
        arrivals.pull(Wanted("owner/name", "ink.ckpt"))


@pytest.mark.parametrize("content", [b"no json", b"{}", b"[1]", b'[{"id": "x"}]', b'[{"state": 3}]', b"\xff"])
def test_a_spoilt_memory_costs_the_memory_only(make: Callable[[], Arrivals], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "arrivals.json").write_bytes(content)
    assert make().list() == []


def test_what_is_remembered_holds_no_folder_of_this_machine(
    make: Callable[[], Arrivals], fake: FakeHub, tmp_path: Path
) -> None:
    fake.lies = True
    arrivals = make()
    arrivals.pull(WANTED)
    wait(arrivals, ended)
    (kept,) = json.loads((tmp_path / "cache" / "arrivals.json").read_text())
    assert str(tmp_path) not in json.dumps(kept)


def test_a_pickle_is_converted_beside_it_and_stays(
    make: Callable[[], Arrivals], library: Library, tmp_path: Path
) -> None:
    (tmp_path / "models").mkdir()
    torch.save({"emb_params": torch.ones(2, 768)}, tmp_path / "models" / "word.pt")
    library.scan()
    (card,) = library.models()
    arrivals = make()
    arrivals.convert(card)
    assert wait(arrivals, ended).state == "done"
    assert sorted(file.name for file in (tmp_path / "models").iterdir()) == ["word.pt", "word.safetensors"]
    told = [(one.name, one.file_name, one.usable, one.replaces) for one in library.parts("embedding")]
    assert told == [("word", "word.safetensors", True, ("word.pt",))]
    with pytest.raises(Conflict):
        arrivals.convert(card)


def test_what_came_to_be_there_while_a_pickle_was_converted_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "word.pt", tmp_path / "word.safetensors"
    torch.save({"emb_params": torch.ones(2, 768)}, source)

    def converted(source: Path, part: Path, stopped: Callable[[], bool]) -> None:
        write_header_file(part, files.SD1_INPAINTING)
        target.write_bytes(b"another")

    monkeypatch.setattr(conversion, "_run", converted)
    made = conversion.convert(source, target)
    assert target.read_bytes() == b"another"
    assert made != target and not read_header(made).problem
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([source.name, target.name, made.name])


def test_a_defect_costs_one_and_not_all_that_come_after_it(
    make: Callable[[], Arrivals], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch, asked = arriving.pull, []

    def fetched(hub: Hub, what: Wanted, *more: object) -> Path:
        asked.append(what)
        if len(asked) == 1:
            raise httpx.TooManyRedirects("round and round")
        return fetch(hub, what, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(arriving, "pull", fetched)
    arrivals = make()
    arrivals.pull(WANTED)
    assert "The log has the details" in wait(arrivals, ended).problem
    arrivals.pull(WANTED)
    assert wait(arrivals, lambda one: one.state == "done").name == "ink.safetensors"


def test_many_pickles_are_converted_one_after_the_other_and_each_failure_is_named(
    make: Callable[[], Arrivals], library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    for number in range(30):
        torch.save({"emb_params": torch.full((1, 768), float(number))}, models / f"word{number:02}.pt")
    pickles.HOSTILE["system"](models / "evil.ckpt", tmp_path / "ran")
    library.scan()
    running: list[int] = []

    def converted(source: Path, target: Path, stopped: Callable[[], bool]) -> Path:
        running.append(sum(one.state == "running" for one in arrivals.list()))
        raise DamagedModel(f"{source.name} is odd.")

    monkeypatch.setattr("studio.library.arrivals.convert", converted)
    arrivals = make()
    begun, refused = arrivals.convert_all(library.models())
    assert len(begun) == 30 and list(refused) == ["evil.ckpt"] and "would run" in refused["evil.ckpt"]
    wait(arrivals, lambda one: one.source == "word29.pt" and ended(one))
    problems = {one.source: one.problem for one in arrivals.list()}
    assert problems == {f"word{number:02}.pt": f"word{number:02}.pt is odd." for number in range(30)}
    assert running == [1] * 30
    arrivals.convert(next(card for card in library.models() if card.file_name == "word00.pt"))
    assert len(arrivals.list()) == 30, "another one in the line makes no reason forgotten"
    usage = collections.namedtuple("usage", "total used free")(10, 9, 1)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda place: usage)
    with pytest.raises(StorageFull, match="MB are needed"):
        arrivals.convert_all(library.models())


def test_a_hostile_pickle_is_refused_before_anything_reads_it(
    make: Callable[[], Arrivals], library: Library, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    (tmp_path / "models").mkdir()
    pickles.HOSTILE["system"](tmp_path / "models" / "evil.ckpt", marker)
    library.scan()
    (card,) = library.models()
    with pytest.raises(UnsupportedModel, match="would run"):
        make().convert(card)
    assert not marker.exists()
