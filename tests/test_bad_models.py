"""Bad model files against a whole studio: each is named on its card, refused when ordered, and nothing of it runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.library import header_files as files
from tests.library import pickles
from tests.library.header_files import write_header_file, write_raw
from tests.servers import Server, running_server, wait_for_job
from tests.toys import toy_checkpoint

DEEP = 60
SCRIPTS = ("模型 ﷺ", "Ünïcödé ‮evil", "😀 smile", "-rf", "a'b\"c&<b>", "line\nbreak", " leading")


def terabyte_tensor(file: Path) -> None:
    """A header that is sound in itself, and claims a tensor of a terabyte."""
    shape = [10**6, 5 * 10**5]
    entry = {"model.diffusion_model.x": {"dtype": "F16", "shape": shape, "data_offsets": [0, 10**12]}}
    text = json.dumps(entry).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(100))


UNSAFE = "can run code"
BAD: dict[str, str] = {
    "empty": "The file is empty", "cut": "cut short: 5,000 of", "html": "not a safetensors file",
    "terabyte": "not a safetensors file", "tensor": "cut short: 217 of 1,000,000,000,117 bytes",
    "renamed": "Rename it to renamed.safetensors", "evil": "would run posix.system", "pickled": UNSAFE,
    "dangling": "no longer there", "loop": "Too many levels of symbolic links", "pipe": "not a file",
    "flux": "Flux", "refiner": "refiner",
}  # fmt: skip
"""What lies there, and what its card must say."""

WRONG_LORAS = {"for flux": "for Flux", "for xl": "made for Stable Diffusion XL", "pickled": UNSAFE}
"""LoRAs that cannot be worn, and what their refusal says."""


def put_corpus(models: Path, marker: Path) -> None:
    models.mkdir(parents=True)
    (models / "empty.safetensors").write_bytes(b"")
    os.truncate(write_header_file(models / "cut.safetensors", files.SD1), 5_000)
    (models / "html.safetensors").write_text("<!doctype html><title>Not found</title>" * 50)
    write_raw(models / "terabyte.safetensors", b"{}", length=10**12)
    terabyte_tensor(models / "tensor.safetensors")
    write_header_file(models / "flux.safetensors", files.FLUX_DEV)
    shutil.copy(models / "flux.safetensors", models / "renamed.ckpt")
    pickles.HOSTILE["system"](models / "evil.ckpt", marker)
    (models / "dangling.safetensors").symlink_to(models / "nowhere")
    (models / "loop.safetensors").symlink_to(models / "loop.safetensors")
    (models / "round").symlink_to(models, target_is_directory=True)
    os.mkfifo(models / "pipe.safetensors")
    write_header_file(models / "refiner.safetensors", files.SDXL_REFINER)
    pickles.archive_of_small_state(models / "pickled.ckpt")
    deep = models.joinpath(*["deep"] * DEEP)
    write_header_file(deep / "far down.safetensors", files.LORA_SD1)
    for name in SCRIPTS:
        write_header_file(models / f"{name}.safetensors", files.LORA_SD1, metadata={"its name": name})
    write_header_file(models / "for flux.safetensors", files.LORA_FLUX)
    write_header_file(models / "for xl.safetensors", files.LORA_SDXL)
    (models / os.fsdecode(b"\xff\xfe.safetensors")).write_bytes(b"not utf-8 in its name")


@pytest.fixture(scope="module")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("marker") / "ran"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, marker: Path) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("bad")
    put_corpus(place / "models", marker)
    for seed, name in enumerate(("toy", "between", "gone", "soon gone")):
        toy_checkpoint(place / "models" / name, size_px=64, seed=seed)
    with running_server(place / "home", "--models", str(place / "models"), engine="torch") as running:
        running.wait_until_ready()
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def ordered(client: httpx.Client, checkpoint: str, prompt: str = "a cat", steps: int = 2) -> httpx.Response:
    recipe = {"prompt": prompt, "checkpoint": checkpoint, "steps": steps, "seed": 1}
    return client.post("/api/v1/jobs", json={"id": str(uuid4()), "count": 1, "recipe": recipe})


def message(answer: httpx.Response) -> str:
    assert answer.status_code == 422, answer.text
    return str(answer.json()["error"]["message"])


def test_each_is_named_on_its_card_and_refused_when_it_is_ordered(client: httpx.Client, marker: Path) -> None:
    cards = {card["name"]: card for card in client.get("/api/v1/models", params={"kind": "all"}).json()["models"]}
    for name, words in BAD.items():
        card = cards[name]
        assert words in card["problem"] and not card["usable"], (name, card["problem"])
        assert client.get(f"/api/v1/models/{card['id']}").status_code == 200
        assert name in message(ordered(client, name))
    assert cards["far down"]["usable"] and cards["toy"]["usable"]
    assert all(cards[name]["usable"] for name in SCRIPTS)
    assert not marker.exists()


def test_what_does_not_fit_is_named_and_costs_only_its_own_job(client: httpx.Client, server: Server) -> None:
    workers = server.worker_ids()
    for name, words in WRONG_LORAS.items():
        said = message(ordered(client, "toy", f"a cat <lora:{name}:1>"))
        assert name in said and words in said
    # Its header is that of a LoRA of this family; only the engine sees that it was made for wider networks.
    job = wait_for_job(client, ordered(client, "toy", "a cat <lora:-rf:1>").json()["id"])
    assert job["state"] == "failed" and "The LoRA -rf.safetensors does not fit this checkpoint" in str(job["pictures"])
    assert wait_for_job(client, ordered(client, "toy").json()["id"])["state"] == "done"
    assert server.worker_ids() == workers, "the engine was not lost over it"


def test_a_file_that_goes_between_scan_and_order_is_refused(client: httpx.Client, server: Server) -> None:
    shutil.rmtree(server.home.parent / "models" / "gone")
    answer = ordered(client, "gone")  # 404 when the watch has seen it by now
    assert answer.status_code in (404, 422) and "gone" in answer.json()["error"]["message"]
    assert wait_for_job(client, ordered(client, "toy").json()["id"])["state"] == "done"


def test_a_file_that_goes_between_order_and_load_costs_its_own_job(client: httpx.Client, server: Server) -> None:
    workers = server.worker_ids()
    # Two before it: only the next checkpoint is read ahead.
    jobs = [ordered(client, "toy", steps=400), ordered(client, "between"), ordered(client, "soon gone")]
    shutil.rmtree(server.home.parent / "models" / "soon gone")
    first, second, third = [wait_for_job(client, answer.json()["id"]) for answer in jobs]
    assert (first["state"], second["state"], third["state"]) == ("done", "done", "failed")
    assert "soon gone" in str(third["pictures"])
    assert server.worker_ids() == workers, "the engine was not lost over it"


SCAN = """
import os, sys
from pathlib import Path
from studio.library import Library
if os.getuid() == 0:
    os.setuid(65534)
library = Library([Path(sys.argv[1])], Path("/nonexistent"), hash_ahead=False)
library.scan()
print([card.problem for card in library.models()], library.problems)
"""


def test_what_may_not_be_read_is_named_to_somebody_who_is_not_root() -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        closed = Path(place) / "closed"
        closed.mkdir()
        write_header_file(closed / "hidden.safetensors", files.LORA_SD1)
        secret = write_header_file(Path(place) / "secret.safetensors", files.LORA_SD1)
        secret.chmod(0)
        closed.chmod(0)
        told = subprocess.run([sys.executable, "-c", SCAN, place], capture_output=True, text=True, check=True).stdout
        closed.chmod(0o755)
    assert f"The folder {closed} cannot be read: Permission denied." in told
    assert "The studio may not read this file. Change its permissions." in told
