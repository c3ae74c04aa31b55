"""Fetching from the hub, against a local server that speaks its routes: drops, ranges, wrong bytes, no room."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.errors import Conflict, DamagedModel, InvalidField, NotFound, Offline, StorageFull
from studio.library import hub as hub_module
from studio.library import room
from studio.library.first_models import FIRST_MODELS
from studio.library.hub import Hub
from studio.library.hub_names import Wanted, wanted
from studio.library.pulling import chosen, pull
from tests.library import header_files as files
from tests.library.fake_hub import FakeHub, served
from tests.library.header_files import write_header_file

WANTED = Wanted("owner/name", "ink.safetensors")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("HF_TOKEN", "secret")
    content = write_header_file(tmp_path / "there" / "ink.safetensors", files.SD1_INPAINTING).read_bytes()
    with served(FakeHub(content)) as fake:
        yield fake


@pytest.fixture
def hub(fake: FakeHub) -> Iterator[Hub]:
    with Hub(fake.address, pause_s=0.01) as hub:
        yield hub


def left(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_model_arrives_whole(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    target = pull(hub, WANTED, tmp_path / "models", lambda done, total: steps.append((done, total)))
    assert target.read_bytes() == fake.content and left(tmp_path / "models") == ["ink.safetensors"]
    assert steps[-1] == (len(fake.content), len(fake.content))
    assert set(fake.logins) == {"Bearer secret"}
    with pytest.raises(Conflict, match="is in the models folder already"):
        pull(hub, WANTED, tmp_path / "models")


def test_a_dropped_download_goes_on_where_it_ended(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    fake.drops = 2
    assert pull(hub, WANTED, tmp_path).read_bytes() == fake.content
    starts = [int(asked.removeprefix("bytes=").removesuffix("-") or 0) for asked in fake.ranges]
    assert len(starts) == 3 and starts == sorted(set(starts)) and starts[0] == 0


def test_the_next_command_goes_on_too(fake: FakeHub, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.drops = 1
    monkeypatch.setattr(hub_module.time, "sleep", lambda seconds: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        pull(hub, WANTED, tmp_path / "models")
    (part,) = left(tmp_path / "models")
    kept = (tmp_path / "models" / part).stat().st_size
    assert part.endswith(".part") and 0 < kept < len(fake.content)
    assert pull(hub, WANTED, tmp_path / "models").read_bytes() == fake.content
    assert fake.ranges[-1] == f"bytes={kept}-"


def test_a_server_without_ranges_begins_anew(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    fake.drops, fake.ignores_ranges = 1, True
    assert pull(hub, WANTED, tmp_path).read_bytes() == fake.content


def test_a_server_that_never_finishes_is_given_up_and_what_came_is_kept(
    fake: FakeHub, hub: Hub, tmp_path: Path
) -> None:
    fake.drops, fake.ignores_ranges = 10**6, True
    with pytest.raises(Offline, match="the same command goes on from there"):
        pull(hub, WANTED, tmp_path / "models")
    assert left(tmp_path / "models")[0].endswith(".part")


def test_wrong_bytes_are_thrown_away(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    fake.lies = True
    with pytest.raises(DamagedModel, match="its hash is"):
        pull(hub, WANTED, tmp_path / "models")
    assert left(tmp_path / "models") == []


def test_too_little_room_is_said_before_anything_is_fetched(
    fake: FakeHub, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = collections.namedtuple("usage", "total used free")(10, 9, 1)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda place: usage)
    with pytest.raises(StorageFull, match="MB are needed"):
        pull(hub, WANTED, tmp_path / "models")
    assert fake.ranges == [] and left(tmp_path / "models") == []


def test_what_is_not_there_or_locked_is_said(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is not on the hub"):
        pull(hub, Wanted("owner/name", "none.safetensors"), tmp_path)
    with pytest.raises(NotFound, match="licence must be accepted"):
        pull(hub, Wanted("gated/ink", "ink.safetensors"), tmp_path)
    with pytest.raises(InvalidField, match=r"a \.safetensors file"):
        pull(hub, Wanted("owner/name", "ink.ckpt"), tmp_path)


def test_a_repository_stands_for_its_one_file(fake: FakeHub, hub: Hub) -> None:
    assert hub.files(Wanted("owner/name")) == {"ink.safetensors": len(fake.content)}
    assert chosen(hub, Wanted("owner/name")) == WANTED
    with pytest.raises(InvalidField, match=r"several/name holds several files \(allowed: ink.safetensors .* MB"):
        chosen(hub, Wanted("several/name"))


def test_offline_is_one_clear_sentence(fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Hub("http://127.0.0.1:9", pause_s=0.01) as nobody, pytest.raises(Offline, match="works without a network"):
        pull(nobody, WANTED, tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with Hub(fake.address) as hub, pytest.raises(Offline, match="HF_HUB_OFFLINE is set"):
        pull(hub, WANTED, tmp_path)
    assert fake.logins == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("owner/name", Wanted("owner/name")),
        ("owner/name/sub/a.safetensors", Wanted("owner/name", "sub/a.safetensors")),
        ("https://huggingface.co/owner/name", Wanted("owner/name")),
        (
            "https://huggingface.co/owner/name/resolve/v2/a%20b.safetensors",
            Wanted("owner/name", "a b.safetensors", "v2"),
        ),
        ("https://huggingface.co/owner/name/blob/main/a.safetensors?x=1", Wanted("owner/name", "a.safetensors")),
        ("SDXL", Wanted("stabilityai/stable-diffusion-xl-base-1.0", "sd_xl_base_1.0.safetensors")),
    ],
)
def test_what_people_write_is_understood(text: str, expected: Wanted) -> None:
    assert wanted(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "name", "owner/name/../../etc/passwd", "owner/na me", "http://", "owner/..", "owner/name/a\0.safetensors"],
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(InvalidField, match="no model on the hub"):
        wanted(text)


def test_the_list_names_safetensors_only() -> None:
    assert all(first.file.endswith(".safetensors") and first.licence for first in FIRST_MODELS)
    assert len({first.name for first in FIRST_MODELS}) == len(FIRST_MODELS)
