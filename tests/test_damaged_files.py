"""Truncated, damaged and emptied files of a home: the studio starts, names what was reset, and lets nobody else in."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from studio.accounts.secrets import HomeSecret
from studio.cli import serve
from studio.cli.app import app as command_line
from studio.errors import SetupError
from studio.recipe import Recipe
from studio.recipe.events import Pixels
from studio.server import create_app
from studio.services import Studio, build_studio
from studio.settings import load_settings
from studio.settings_file import mend_settings_file, read_settings_file

ADDRESS = "http://localhost:7860"
FROM_HERE = {"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"}
PASSWORD = "correct horse battery"
SETTINGS = 'port = 7999\nmax_count = 7\nhost = "0.0.0.0"\nopen = true\nmax_side_px = 1024\n'

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda data: b"",
    "cut off": lambda data: data[: len(data) * 2 // 3 - 2],
    "zeros": lambda data: bytes(len(data)),
    "garbage": lambda data: bytes(range(7, 256)) * (len(data) // 200 + 1),
}
STATE_FILES = ("settings.toml", "studio.db", "secret.key", "cache/model-hashes.json", "cache/model-checks.json")


@contextlib.contextmanager
def studio_at(home: Path) -> Iterator[Studio]:
    studio = build_studio(load_settings(home=home, engine="fake", password_cost="cheap"))
    try:
        yield studio
    finally:
        studio.close()


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with every file of state, and one picture."""
    home = tmp_path_factory.mktemp("used") / "home"
    home.mkdir()
    (home / "settings.toml").write_text(SETTINGS)
    (home / "cache").mkdir()
    (home / "cache" / "model-hashes.json").write_text('{"/models/a.safetensors": {"sha256": "0", "stamp": [1, 2]}}')
    (home / "cache" / "model-checks.json").write_text('{"/models/a.safetensors": {"at": "", "stamps": [[1, 2]]}}')
    with studio_at(home) as studio:
        recipe = studio.resolve(Recipe(prompt="a walrus", steps=2, seed=1))
        image = studio.gallery.add(Pixels(64, 64, bytes(64 * 64 * 3)), recipe, {}, "local", "first", 0)
        studio.gallery.favourite("local", image.id, True)
    return home


@pytest.fixture
def home(used: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(used, tmp_path / "home"))


def notices(studio: Studio) -> list[str]:
    answer = TestClient(create_app(studio, page=False), base_url=ADDRESS).get("/api/v1/status")
    return [notice["text"] for notice in answer.json()["notices"]]


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_damaged_files_are_set_aside_and_named_and_the_rest_goes_on(home: Path, damage: str) -> None:
    spoiled = {}
    for name in STATE_FILES:
        file = home / name
        spoiled[name] = DAMAGES[damage](file.read_bytes())
        file.write_bytes(spoiled[name])
        os.utime(file, (0, 0))  # an empty database is waited for while somebody may be making it
    with studio_at(home) as studio:
        said = notices(studio)
        assert [image.prompt for image in studio.gallery.list("local").images] == ["a walrus"]
        assert studio.submit(Recipe(prompt="a seal", steps=2)).count == 1
    asides = []
    for name in STATE_FILES:
        (aside,) = (home / name).parent.glob(f"{Path(name).name}.damaged-*")
        assert aside.read_bytes() == spoiled[name]
        assert [text for text in said if str(aside) in text and text.startswith(Path(name).name)], name
        asides.append(aside)
    with studio_at(home) as studio:
        assert notices(studio) == said  # until somebody has looked at them
        for aside in asides:
            aside.unlink()
        assert notices(studio) == []


def test_doctor_names_what_was_set_aside(home: Path) -> None:
    (home / "secret.key").write_bytes(b"")
    with studio_at(home):
        pass
    (aside,) = home.glob("secret.key.damaged-*")
    result = CliRunner().invoke(command_line, ["doctor", "--home", str(home)])
    assert result.exit_code == 1
    assert f"as {aside}. A new one was made" in result.output


def test_whole_lines_of_a_settings_file_still_count_but_none_that_lets_others_in(home: Path) -> None:
    file = home / "settings.toml"
    file.write_bytes(SETTINGS.encode() + b'device = "cp')
    settings = load_settings(home=home)
    assert (settings.port, settings.max_count, settings.max_side_px) == (7999, 7, 1024)
    assert (settings.host, settings.open) == ("127.0.0.1", False)
    with studio_at(home):
        pass
    assert read_settings_file(file).values == {"port": 7999, "max_count": 7, "max_side_px": 1024}


def test_a_full_disk_costs_no_whole_line_of_a_damaged_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(SETTINGS.encode() + b'device = "cp')

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            mend_settings_file(file)
    assert [path.name for path in tmp_path.iterdir()] == ["settings.toml"]
    assert mend_settings_file(file) is not None  # once there is room
    assert read_settings_file(file).values == {"port": 7999, "max_count": 7, "max_side_px": 1024}


def test_a_value_and_a_name_that_are_none_are_told_in_a_sentence_each(home: Path) -> None:
    (home / "settings.toml").write_text("port = 99999\nmax_count = 0\n")
    with pytest.raises(SetupError) as error:
        load_settings(home=home)
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == [
        "The setting 'port' (STUDIO_PORT) cannot be 99999",
        "The setting 'max_count' (STUDIO_MAX_COUNT) cannot be 0",
    ]
    (home / "settings.toml").write_text("max_cuont = 3\n")
    with studio_at(home) as studio:
        (said,) = notices(studio)
    assert "There is no setting 'max_cuont'" in said and "'max_count'" in said


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_zeros_are_no_key(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "secret.key"
    before = HomeSecret(file)
    session = before.sign("local", 1)
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    after = HomeSecret(file)
    assert after.machine_key != before.machine_key and after.unsign(session) is None
    assert HomeSecret(file).machine_key == after.machine_key
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [*DAMAGES, "gone"])
def test_accounts_that_are_lost_leave_the_door_shut(
    home: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with studio_at(home) as studio:
        studio.accounts.add("anna", "admin", PASSWORD)
    file = home / "studio.db"
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(DAMAGES[damage](file.read_bytes()))
        os.utime(file, (0, 0))
    with studio_at(home) as studio:
        client = TestClient(create_app(studio, page=False), base_url=ADDRESS, follow_redirects=False)
        if not studio.accounts.people.exist():
            told = client.post("/login", data={"name": "anna", "password": PASSWORD}, headers=FROM_HERE)
            assert (told.status_code, "studio users add" in told.text) == (401, True)
        for path in ("/api/v1/images", "/api/v1/status", "/api/v1/me", "/", "/docs", "/people"):
            assert client.get(path).status_code == 401, path
        assert client.get("/healthz").status_code == 200
    serve.refuse_unguarded(load_settings(home=home, host="0.0.0.0"))  # beyond this machine, but nobody gets in
    capsys.readouterr()
    with studio_at(home) as studio:
        if not studio.accounts.people.exist():
            studio.accounts.add("berta", "admin", PASSWORD)
            assert studio.accounts.log_in("berta", PASSWORD, "here").role == "admin"
            studio.accounts.remove("berta")
            assert studio.accounts.caller(None, None, "here") is not None  # the last one went on purpose


def test_a_studio_whose_settings_are_in_doubt_stays_on_this_machine(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "settings.toml").write_bytes(b"open = tr")
    for _ in range(2):  # also at the next start, when the damaged file is a whole one again
        kept = serve.kept_in(load_settings(home=home, host="0.0.0.0", open=True))
        assert kept.host == "127.0.0.1"
        assert "listens on this machine only" in capsys.readouterr().err
        with studio_at(home):
            pass
    next(home.glob("settings.toml.damaged-*")).unlink()
    assert serve.kept_in(load_settings(home=home, host="0.0.0.0", open=True)).host == "0.0.0.0"


def test_a_card_that_cannot_be_read_is_not_written_over(tmp_path: Path) -> None:
    from studio.library.own_cards import OwnCards

    cards = OwnCards(tmp_path)
    cards.write("toy", "", {"notes": "good at hands"})
    (file,) = tmp_path.iterdir()
    file.write_text('notes = "half of what I wro')
    cards.read()
    assert "cannot be read" in (cards.of("toy", "").problem or "")
    cards.write("toy", "", {"notes": "new"})
    (aside,) = tmp_path.glob("toy.toml.damaged-*")
    assert "half of what I wro" in aside.read_text()
    assert [path.name for path in cards.read()] == ["toy.toml"]
