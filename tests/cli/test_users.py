"""`studio users`, and that nobody serves the network without a login by mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from studio.cli.app import app
from studio.cli.serve import refuse_unguarded
from studio.errors import StudioError
from studio.settings import load_settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STUDIO_PASSWORD_COST", "cheap")
    return tmp_path / "home"


def users(home: Path, *words: str, typed: str = "correct horse\n") -> str:
    answer = CliRunner().invoke(app, ["users", *words, "--home", str(home)], input=typed)
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return answer.output


def test_people_from_first_to_last(home: Path) -> None:
    assert "anna is admin now" in users(home, "add", "anna", "--password-stdin")
    assert "ben is member now" in users(home, "add", "ben", "--password-stdin")
    assert users(home, "list").split("\n")[:2] == ["admin   anna", "member  ben"]
    assert users(home, "key", "ben").startswith("studio_")
    assert "/join?invitation=" in users(home, "invite", "--address", "http://studio.local:7860")
    users(home, "password", "ben", "--password-stdin", typed="another one\n")
    assert "ben is admin now" in users(home, "role", "ben", "admin")
    users(home, "role", "ben", "member")
    with pytest.raises(StudioError, match="only admin"):
        users(home, "remove", "anna")
    users(home, "remove", "ben")
    users(home, "remove", "anna")
    assert users(home, "list") == ""


def test_what_cannot_be_is_refused_in_words(home: Path) -> None:
    with pytest.raises(StudioError, match="8 to 200 characters"):
        users(home, "add", "anna", "--password-stdin", typed="short\n")
    with pytest.raises(StudioError, match="first account"):
        users(home, "add", "anna", "--role", "guest", "--password-stdin")
    users(home, "add", "anna", "--password-stdin")
    with pytest.raises(StudioError, match="already"):
        users(home, "add", "ANNA", "--password-stdin")
    with pytest.raises(StudioError, match="nobody called"):
        users(home, "password", "ben", "--password-stdin")


def test_beyond_this_machine_only_with_accounts_or_when_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refuse_unguarded(load_settings(home=home))
    with pytest.raises(StudioError, match="studio users add"):
        refuse_unguarded(load_settings(home=home, host="0.0.0.0"))
    refuse_unguarded(load_settings(home=home, host="0.0.0.0", open=True))
    assert "Warning" in capsys.readouterr().err
    users(home, "add", "anna", "--password-stdin")
    refuse_unguarded(load_settings(home=home, host="0.0.0.0"))
    assert capsys.readouterr().err == ""


def test_links_from_first_to_last(home: Path) -> None:
    from studio.recipe import Recipe
    from studio.recipe.events import Pixels
    from studio.services import build_studio

    built = build_studio(load_settings(home=home, engine="fake"))
    try:
        job = built.submit(Recipe(prompt="a fox", steps=2, seed=1))
        image = built.gallery.add(Pixels(8, 8, bytes(192)), job.recipe, {}, "local", job.id, 0)
    finally:
        built.close()

    def links(*words: str) -> str:
        answer = CliRunner().invoke(app, ["links", *words, "--home", str(home)])
        if answer.exception is not None and not isinstance(answer.exception, SystemExit):
            raise answer.exception
        return answer.output

    made = links("add", image.id, "--hours", "0", "--address", "http://studio.local:7860/").strip()
    assert made.startswith("http://studio.local:7860/shared/") and len(made.rpartition("/")[2]) == 48
    link_id = links("list").split()[0]
    assert "until withdrawn" in links("list")
    links("withdraw", link_id)
    assert links("list") == ""
    with pytest.raises(StudioError, match="no picture"):
        links("add", "0" * 32)
