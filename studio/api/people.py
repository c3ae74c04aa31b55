"""People over HTTP: who one is, everybody for admins, keys, invitations. No answer holds a hash or an old secret."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from studio.accounts import Caller
from studio.api.caller import CallerOf, StudioOf, address_of, keeps_models
from studio.api.qr import qr_code
from studio.errors import Refused

router = APIRouter(tags=["people"])


class NewPerson(BaseModel):
    """Somebody to make an account for."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "ben", "password": "seven small foxes", "role": "member"}]},
    )

    name: str = Field(max_length=100)
    password: str = Field(max_length=400)
    role: str = Field("member", description="admin, member or guest.")


class Password(BaseModel):
    """Another password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"password": "seven small foxes", "current": "the old one"}]}
    )

    password: str = Field(max_length=400)
    current: str = Field("", max_length=400, description="The one of now, where a session changes its own.")


class NewRole(BaseModel):
    """Another role."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "member"}]})

    role: str = Field(max_length=20, description="admin, member or guest.")


class KeyName(BaseModel):
    """What a key is for."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "chat front end"}]})

    name: str = Field(max_length=100)


class Hours(BaseModel):
    """How long an invitation, and whoever came by it, is good."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"hours": 24}]})

    hours: float = Field(24, gt=0, le=744)
    address: str = Field(
        "",
        max_length=300,
        pattern=r"^(https?://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?)?$",
        description="By which guests reach the studio, such as http://192.168.1.5:7860; else the one you ask by.",
    )


def known(caller: Caller) -> None:
    """Raises `Refused` while there are no accounts: the first is made by somebody at the machine."""
    if caller.proof in ("none", "machine"):
        raise Refused("This is for people with an account. Make the first by: studio users add NAME --role admin")


def may_look_after_others(caller: Caller) -> bool:
    """Whether somebody is an admin; while there are no accounts there is nobody to look after."""
    return caller.proof != "none" and caller.role == "admin"


def require_admin(caller: Caller) -> None:
    """Raises `Refused` for everybody but an admin."""
    if not may_look_after_others(caller):
        raise Refused("Only an admin may do that. The first is made by: studio users add NAME --role admin")


@router.get("/me")
def who_am_i(caller: CallerOf, request: Request) -> dict[str, Any]:
    """Your name and role; ``accounts`` says whether anybody has one, ``keeps_models`` whether you may get models
    and write on their cards.
    """
    told = {"name": caller.name, "role": caller.role, "accounts": caller.proof != "none"}
    return {**told, "keeps_models": keeps_models(request)}


@router.get("/people")
def list_people(studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Everybody with an account; for admins."""
    require_admin(caller)
    return {"people": [person.as_dict() for person in studio.accounts.people.list()]}


@router.post("/people", status_code=201)
def add_person(body: NewPerson, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Make an account; for admins."""
    require_admin(caller)
    return studio.accounts.add(body.name, body.role, body.password).as_dict()


@router.delete("/people/{name}")
def remove_person(name: str, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Take an account away, with its keys and sessions; pictures stay. For admins."""
    require_admin(caller)
    studio.accounts.remove(name)
    return {"removed": name}


@router.put("/people/{name}/password")
def change_password(name: str, body: Password, request: Request, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Another password for yourself, or as an admin for anybody. Sessions of that person end.

    In a browser your own takes the ``current`` one too: a page that somebody left open must not give the account away.
    """
    known(caller)
    if name != caller.name:
        require_admin(caller)
    elif caller.role == "guest":
        raise Refused("Guests have no password.")
    elif caller.proof == "session":
        studio.accounts.prove(caller, body.current, address_of(request))
    studio.accounts.set_password(name, body.password)
    return {"changed": name}


@router.delete("/me/sessions")
def end_sessions(studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Log out everywhere: all your sessions end, this one too. Keys stay."""
    known(caller)
    studio.accounts.people.end_sessions(caller.owner)
    return {"ended": caller.name}


@router.put("/people/{name}/role")
def change_role(name: str, body: NewRole, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Another role for somebody; for admins. A guest who becomes a member stays."""
    require_admin(caller)
    return studio.accounts.people.set_role(name, body.role).as_dict()


@router.get("/keys")
def list_keys(studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Your API keys, without their secrets."""
    known(caller)
    return {"keys": [key.as_dict() for key in studio.accounts.keys.list(caller.owner)]}


@router.post("/keys", status_code=201)
def make_key(body: KeyName, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """A new API key; ``key`` is told this once."""
    known(caller)
    if caller.role == "guest":
        raise Refused("Guests have no keys.")
    return studio.accounts.keys.make(caller.owner, body.name).as_dict()


@router.delete("/keys/{key_id}")
def remove_key(key_id: str, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Let nobody in by that key any more."""
    known(caller)
    studio.accounts.keys.remove(caller.owner, key_id)
    return {"removed": key_id}


@router.get("/invitations")
def list_invitations(studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Invitations that still let guests in; for admins."""
    require_admin(caller)
    return {"invitations": [one.as_dict() for one in studio.accounts.invitations.list()]}


@router.post("/invitations", status_code=201)
def invite(body: Hours, request: Request, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Invite guests; ``link`` (with its QR code as ``qr``) and ``pin`` are told this once. For admins."""
    require_admin(caller)
    made = studio.accounts.invitations.make(body.hours).as_dict()
    link = f"{body.address or str(request.base_url).rstrip('/')}{made['path']}"
    return {**made, "link": link, "qr": qr_code(link)}


@router.delete("/invitations/{invitation_id}")
def withdraw(invitation_id: str, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Let nobody in by that invitation any more; for admins."""
    require_admin(caller)
    studio.accounts.invitations.withdraw(invitation_id)
    return {"withdrawn": invitation_id}
