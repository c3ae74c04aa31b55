"""Backups on the Settings page: how to have some, one made by a button, and what is said of one that failed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from studio.upkeep.backup import backups_in
from tests.servers import Server, running_server
from tests.ui.conftest import PHONE, OpenPage, Watch

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("other drive") / "of the studio"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("backups") / "home"
    home.mkdir()
    (home / "settings.toml").write_text(f'backup_folder = "{folder}"\n')
    with running_server(home) as running:
        running.wait_until_ready()
        yield running


def test_a_button_makes_one_and_keeps_what_is_typed_elsewhere(open_page: OpenPage, folder: Path) -> None:
    page = open_page("/#/settings", **PHONE)
    backups = page.locator("#backups-card")
    expect(backups).to_contain_text("There are none yet.")
    page.evaluate("document.querySelector('#likings-card').dataset.typed = 'still here'")
    backups.get_by_role("button", name="Back up now").click()
    expect(backups.locator(".rows li")).to_have_count(1)
    expect(backups.get_by_role("status")).to_contain_text("files")
    expect(backups.get_by_role("button", name="Back up now")).to_be_enabled()
    assert page.evaluate("document.querySelector('#likings-card').dataset.typed") == "still here"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert len(backups_in(folder)) == 1


def test_one_that_fails_says_why(open_page: OpenPage, folder: Path, watch: Watch) -> None:
    shutil.rmtree(folder)
    folder.write_text("a file where the folder was")
    page = open_page("/#/settings")
    page.locator("#backups-card").get_by_role("button", name="Back up now").click()
    expect(page.locator("#backups-card [role=alert]")).to_contain_text("The last one failed.")
    folder.unlink()


def test_without_a_folder_it_says_how(open_page: OpenPage) -> None:
    page = open_page()
    page.route("**/api/v1/backups", lambda route: route.fulfill(json={"folder": None, "backups": []}))
    page.goto(page.url.split("#")[0] + "#/settings")
    expect(page.locator("#backups-card code")).to_contain_text("backup_folder")
