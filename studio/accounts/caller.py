"""Whoever a request comes from, once the door knows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from studio.store.tables import LOCAL_OWNER

Role = Literal["admin", "member", "guest"]
ROLES: tuple[Role, ...] = ("admin", "member", "guest")

Proof = Literal["none", "session", "key", "password", "machine"]


@dataclass(frozen=True)
class Caller:
    """``owner`` is whose things they are; ``proof`` how they showed it (``none``: there are no accounts)."""

    owner: str
    name: str
    role: Role
    proof: Proof


LOCAL = Caller(LOCAL_OWNER, "You", "admin", "none")
"""Whoever uses a studio that has no accounts."""
