"""Accounts that several people change at once: somebody always looks after the others, and the door stays shut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.accounts import Accounts
from studio.accounts.people import People, Person
from studio.errors import Conflict, NotFound
from studio.store import Database

PASSWORD = "correct horse battery"


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    database = Database.open(tmp_path / "studio.db")
    yield Accounts(database, tmp_path / "secret.key", cheap_passwords=True)
    database.close()


def test_who_became_the_only_admin_meanwhile_cannot_be_removed(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An admin removes a member, whom another request makes the admin in place of the first just before."""
    for name, role in (("anna", "admin"), ("ben", "member"), ("cleo", "member")):
        accounts.add(name, role, PASSWORD)
    people, session, changed = accounts.people, Database.session, []

    def after_the_others(database: Database) -> object:
        if not changed:
            changed.append(True)
            people.set_role("ben", "admin")
            people.set_role("anna", "member")
        return session(database)

    monkeypatch.setattr(Database, "session", after_the_others)
    with pytest.raises(Conflict, match="ben is the only admin"):
        people.remove("ben")
    assert [person.name for person in people.list() if person.role == "admin"] == ["ben"]


def test_who_is_removed_meanwhile_is_nobody_to_change(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.add("anna", "admin", PASSWORD)
    people, session = accounts.people, Database.session

    def after_the_removal(database: Database) -> object:
        monkeypatch.setattr(Database, "session", session)
        people.remove("ben")
        return session(database)

    for change in (
        lambda: people.set_role("ben", "guest"),
        lambda: people.set_password("ben", "x"),
        lambda: people.remove("ben"),
    ):
        accounts.add("ben", "member", PASSWORD)
        monkeypatch.setattr(Database, "session", after_the_removal)
        with pytest.raises(NotFound, match="nobody called 'ben'"):
            change()


@pytest.mark.parametrize("comes", ["before", "after"])
def test_who_comes_while_the_last_one_is_removed_has_a_shut_door(
    accounts: Accounts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, comes: str
) -> None:
    """The file by which a lost database is known stays as long as there are accounts."""
    accounts.add("anna", "admin", PASSWORD)
    add = People.add

    def forgotten_before_or_after(people: People, *arguments: object) -> Person:
        monkeypatch.setattr(People, "add", add)
        if comes == "after":  # the other request has looked, found nobody, and takes the file away
            accounts.gate.forget()
        person = add(people, *arguments)  # type: ignore[arg-type]
        if comes == "before":
            accounts.gate.forget()
        return person

    accounts.people.remove("anna")
    monkeypatch.setattr(People, "add", forgotten_before_or_after)
    accounts.add("ben", "admin", PASSWORD)
    assert (tmp_path / "login.required").is_file()
    assert accounts.gate.is_shut and not accounts.gate.is_locked_out
