"""How people of a household come in: by key, by name and password, or by the form in a browser."""

from __future__ import annotations

import base64

from starlette.testclient import TestClient

from studio.services import Studio

ADDRESS = "http://localhost:7860"
PASSWORD = "correct horse battery"
OWN = {"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"}
"""What a browser says of a request of the studio's own pages."""


def key_of(house: Studio, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {house.accounts.keys.make(house.accounts.people.get(name).id, 'test').secret}"}


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def log_in(client: TestClient, name: str, password: str = PASSWORD) -> int:
    return client.post("/login", data={"name": name, "password": password}, headers=OWN).status_code
