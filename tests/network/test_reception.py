"""A real server that speaks TLS: page, routes, commands and cookies over it, and words for plain HTTP."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from studio.accounts import Accounts
from studio.client import ServerGone, StudioClient, only
from studio.network.certificates import Certificate, certificate_for
from studio.network.reception import plain_answer
from studio.settings import load_settings
from studio.store import Database
from tests.servers import Server, running_server

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("tls") / "home"
    database = Database.open(home / "studio.db")
    Accounts(database, home / "secret.key", cheap_passwords=True).add("anna", "admin", PASSWORD)
    database.close()
    with running_server(home, "--models", str(toy_models), "--tls", "auto", STUDIO_PASSWORD_COST="cheap") as running:
        running.wait_until_ready()
        yield running


def certificate_of(server: Server) -> Certificate:
    found = certificate_for(load_settings(home=server.home, tls="auto"))
    assert found is not None
    return found


def test_the_cookie_is_for_tls_only_and_nothing_binds_browsers_to_it(server: Server) -> None:
    own = {"Origin": server.address, "Sec-Fetch-Site": "same-origin"}
    with server.client() as client:
        answer = client.post("/login", data={"name": "anna", "password": PASSWORD}, headers=own)
        assert answer.status_code == 303 and "secure" in answer.headers["set-cookie"].lower()
        assert client.get("/api/v1/me").json()["name"] == "anna"
        assert "strict-transport-security" not in answer.headers
        assert "gradio" in client.get("/").text
    assert certificate_of(server).fingerprint() in server.log.read_text()


def test_a_command_beside_it_orders_from_it(server: Server, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "studio", "generate", "a fox", "--steps", "2", "--out", str(tmp_path / "out")]
    answer = subprocess.run(
        [*command, "--home", str(server.home)], capture_output=True, text=True, timeout=60, env={**os.environ}
    )
    assert answer.returncode == 0, answer.stderr
    assert len(list((tmp_path / "out").glob("*.png"))) == 1
    with server.client() as client:
        asked = client.get("/api/v1/images", headers={"Authorization": f"Bearer {machine_key(server)}"})
        assert asked.json()["total"] == 1, "it was made by the server"


def machine_key(server: Server) -> str:
    database = Database.open(server.home / "studio.db")
    try:
        return Accounts(database, server.home / "secret.key", cheap_passwords=True).secret.machine_key
    finally:
        database.close()


def test_the_client_takes_this_certificate_and_no_other(server: Server, tmp_path: Path) -> None:
    key = machine_key(server)
    by_name = server.address.replace("127.0.0.1", "localhost")
    with StudioClient(by_name, key=key, certificate=server.home / "tls" / "certificate.pem") as client:
        assert client.samplers()
    other = certificate_for(load_settings(home=tmp_path, tls="auto"))
    assert other is not None
    for certificate in (other.file, None):
        with StudioClient(server.address, key=key, certificate=certificate) as client, pytest.raises(ServerGone):
            client.samplers()
    with pytest.raises(ServerGone, match="cannot be read"):
        only(tmp_path / "nothing.pem")


def test_plain_http_is_shown_the_way(server: Server) -> None:
    plain = server.address.replace("https", "http")
    with httpx.Client(trust_env=False) as client:
        answer = client.get(f"{plain}/login?x=1")
        assert (answer.status_code, answer.headers["location"]) == (308, f"{server.address}/login?x=1")
        for refused in (
            client.post(f"{plain}/api/v1/jobs", json={}),
            client.get(f"{plain}/api/v1/me", headers={"Authorization": "Bearer k"}),
        ):
            assert refused.status_code == 400 and "https://" in refused.json()["error"]["message"]
        followed = httpx.Client(trust_env=False, verify=only(server.home / "tls" / "certificate.pem"))
        with followed:
            assert followed.get(f"{plain}/healthz", follow_redirects=True).json()["status"] == "ok"


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET http://x/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x00" * 40,
        b"GET /\r\nSet-Cookie:x HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a/@b\r\n\r\n",
    ],
)
def test_what_is_no_usual_request_is_refused_in_words(head: bytes) -> None:
    answer = plain_answer(head)
    assert answer.startswith(b"HTTP/1.1 400") and b"Location" not in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "refused"


def test_whoever_says_nothing_or_nonsense_holds_nobody_up(server: Server) -> None:
    host, port = server.address.removeprefix("https://").split(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(20)]
    broken = socket.create_connection((host, int(port)))
    broken.sendall(b"\x16\x03\x01nonsense that is no handshake")
    try:
        with server.client(timeout_s=5) as client:
            assert client.get("/healthz").status_code == 200
    finally:
        for connection in (*silent, broken):
            connection.close()
    assert "Traceback" not in server.log.read_text()


def test_old_versions_of_tls_are_not_spoken(server: Server) -> None:
    host, port = server.address.removeprefix("https://").split(":")
    old = only(server.home / "tls" / "certificate.pem")
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with (
        pytest.raises(OSError, match=r"(?i)protocol|version|alert"),
        socket.create_connection((host, int(port))) as plain,
    ):
        old.wrap_socket(plain)


def test_the_log_of_the_server_holds_no_secret(server: Server) -> None:
    own = {"Origin": server.address, "Sec-Fetch-Site": "same-origin"}
    with server.client() as client:
        for password in (PASSWORD, "a wrong password"):
            client.post("/login", data={"name": "anna", "password": password}, headers=own)
        [cookie] = client.cookies.values()
        key = client.post("/api/v1/keys", json={"name": "k"}, headers=own).json()["key"]
        invited = client.post("/api/v1/invitations", json={"hours": 1}, headers=own).json()
        client.get(invited["path"])
        client.get("/api/v1/me", headers={"Authorization": f"Bearer {key}"})
    log = server.log.read_text()
    private = (server.home / "tls" / "key.pem").read_text().splitlines()[1]
    secrets = [PASSWORD, "a wrong password", cookie, key, invited["pin"], invited["path"], machine_key(server), private]
    assert [one for one in secrets if one in log] == []
