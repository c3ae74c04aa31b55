"""``studio models``: listed by kind, verified, converted and fetched, with one sentence where that fails."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from studio.cli.app import app
from studio.cli.models import _Line
from studio.errors import StudioError
from studio.recipe import Recipe
from studio.recipe.events import Pixels
from studio.services import LOCAL_OWNER, build_studio
from studio.settings import load_settings
from tests.library import header_files as files
from tests.library.fake_hub import FakeHub, served
from tests.library.header_files import spoil, write_header_file
from tests.library.pickles import HOSTILE, small_state
from tests.servers import running_server
from tests.toys import toy_checkpoint


def studio(*words: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["models", *words], input=answer)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    models = tmp_path / "home" / "models"
    write_header_file(models / "ink.safetensors", files.LORA_SD1)
    write_header_file(models / "flux.safetensors", files.FLUX_DEV)
    return tmp_path / "home"


def test_kinds_are_listed_with_what_is_wrong(home: Path) -> None:
    checkpoints = studio("list", "--home", str(home)).output
    assert "flux" in checkpoints and "cannot run yet" in checkpoints and "ink" not in checkpoints
    assert "LoRA" in studio("list", "--home", str(home), "--kind", "lora", "--search", "ink").output
    listed = json.loads(studio("list", "--home", str(home), "--kind", "all", "--family", "flux", "--json").output)
    assert [card["name"] for card in listed] == ["flux"]
    assert "no kind of model" in str(studio("list", "--home", str(home), "--kind", "hammer").exception)
    assert "(allowed: sd1, sd2, sdxl" in str(studio("list", "--home", str(home), "--family", "sd15").exception)
    write_header_file(home / "models" / "anime" / "faces.safetensors", files.LORA_SD1)
    listed = studio("list", "--home", str(home), "--kind", "lora", "--folder", "Anime").output
    assert "faces" in listed and "ink" not in listed
    assert "(allowed: anime, or ." in str(studio("list", "--home", str(home), "--folder", "anima").exception)
    assert "with that family" in studio("list", "--home", str(home), "--family", "sd3").output
    told = json.loads(studio("info", "ink", "--home", str(home)).output)
    assert (told["kind"], len(told["sha256"]), len(told["adapter_hash"])) == ("lora", 64, 12)
    assert json.loads(studio("info", "flux", "--home", str(home)).output)["problem"]


def test_a_note_is_written_and_taken_away(home: Path) -> None:
    words = ("note", "ink", "--home", str(home))
    told = studio(*words, "--notes", "soft", "--trigger-words", "ink style, lines", "--weight", "0.7").output
    assert told == "Written on the card of ink: notes, trigger words, weight.\n"
    card = json.loads(studio("info", "ink", "--home", str(home)).output)
    assert (card["notes"], card["trigger_words"], card["weight"]) == ("soft", ["ink style", "lines"], 0.7)
    assert studio(*words, "--forget", "weight", "--forget", "trigger-words").exit_code == 0
    card = json.loads(studio("info", "ink", "--home", str(home)).output)
    assert (card["notes"], card["trigger_words"], card["weight"], card["own"]) == ("soft", [], None, [])
    assert "stands on no card" in str(studio(*words, "--forget", "hash").exception)
    assert "nothing to write" in str(studio(*words).exception)
    assert "only a checkpoint has one" in str(studio(*words, "--zero-snr").exception)


def test_a_checkpoint_without_a_vae_is_given_one(home: Path) -> None:
    write_header_file(home / "models" / "bare.safetensors", files.WITHOUT_VAE)
    write_header_file(home / "models" / "soft.safetensors", files.VAE_ORIGINAL)
    listed = studio("list", "--home", str(home)).output
    assert "It has no VAE of its own: choose one. Here for its family: soft." in listed
    words = ("note", "bare", "--home", str(home))
    assert studio(*words, "--vae", "SOFT.safetensors").output == "Written on the card of bare: vae.\n"
    assert "It has no VAE of its own and takes soft" in studio("list", "--home", str(home)).output
    assert json.loads(studio("info", "bare", "--home", str(home)).output)["recipe"] == {"vae": "soft"}
    assert "No VAE is called 'hard'" in str(studio(*words, "--vae", "hard").exception)
    assert "only a checkpoint has one" in str(studio("note", "ink", "--home", str(home), "--vae", "soft").exception)


def test_one_of_my_pictures_on_a_card(home: Path) -> None:
    words = ("picture", "ink", "--home", str(home))
    made = build_studio(load_settings(home=home, engine="fake"))
    recipe = made.resolve(Recipe(prompt="x", seed=1))
    image = made.gallery.add(Pixels(64, 64, bytes(64 * 64 * 3)), recipe, {}, LOCAL_OWNER, "job", 0)
    made.close()
    assert studio(*words, "--image", image.id).output == "ink shows that picture.\n"
    assert json.loads(studio("info", "ink", "--home", str(home)).output)["has_picture"]
    assert studio(*words, "--remove").output == "ink shows no picture of yours any more.\n"
    assert not json.loads(studio("info", "ink", "--home", str(home)).output)["has_picture"]
    assert "--image ID, or --remove" in str(studio(*words).exception)


def test_beside_a_running_studio_that_one_writes(home: Path) -> None:
    with running_server(home) as server, server.client() as client:
        assert studio("note", "flux", "--home", str(home), "--prediction", "v_prediction").exit_code == 0
        listed = client.get("/api/v1/models", params={"query": "flux"}).json()["models"]
        assert [model["prediction"] for model in listed] == ["v_prediction"]


def test_bytes_that_changed_by_themselves_are_found(home: Path) -> None:
    assert studio("verify", "ink", "--home", str(home)).output == "ink: sound\n"
    file = home / "models" / "ink.safetensors"
    spoil(file)
    answer = studio("verify", "ink", "--home", str(home))
    assert answer.exit_code == 1 and "Its bytes changed although size and time did not" in answer.output
    os.truncate(home / "models" / "flux.safetensors", 500)
    assert "flux: The file is cut short" in studio("verify", "flux", "--home", str(home)).output
    card = json.loads(studio("info", "ink", "--home", str(home)).output)
    assert "Its bytes changed" in card["checked"]["problem"], "a running studio tells of it too"
    every = studio("verify", "--home", str(home))
    assert every.exit_code == 1 and "starter: sound" in every.output
    assert every.output.endswith("2 of 5 are not sound.\n")


def test_checking_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    line = _Line(4_000_000_000)
    for done in (0, 500_000_000, 1_000_000_000):
        line.part(done, 1_000_000_000)
    line.end_part(1_000_000_000)
    line.part(100_000_000, 3_000_000_000)  # within the tenth that was told of
    line.part(3_000_000_000, 3_000_000_000)  # whose own line follows
    assert capsys.readouterr().err.splitlines() == ["0 of 4,000 MB", "500 of 4,000 MB", "1,000 of 4,000 MB"]
    small = _Line(40_000_000)
    small.part(1, 40_000_000)
    assert capsys.readouterr().err == "", "of what takes no time nothing is said in a file"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    small.part(20_000_000, 40_000_000)
    small.end_part(40_000_000)
    assert capsys.readouterr().err == "\r20 of 40 MB\r\033[K", "and the line is free for the next words"


def test_converting_asks_first_and_leaves_the_folder_alone(home: Path, tmp_path: Path) -> None:
    pickle = tmp_path / "theirs" / "old.pt"
    pickle.parent.mkdir()
    torch.save(small_state(), pickle)
    refused = studio("convert", str(pickle), "--home", str(home), answer="n\n")
    made = home / "models" / "old.safetensors"
    assert refused.exit_code == 1 and not made.exists()
    # In a folder of other programs, and all at once: what is wrong with one is said, and the others are converted.
    HOSTILE["system"](pickle.with_name("evil.ckpt"), tmp_path / "ran")
    several = [str(pickle.with_name(name)) for name in ("evil.ckpt", "old.pt", "none.pt")]
    answer = studio("convert", *several, "--home", str(home), answer="y\n")
    assert answer.exit_code == 1 and "Write 3 models into" in answer.output
    assert "evil.ckpt would run" in answer.output and "2 of 3 were not converted" in answer.output
    assert made.is_file() and sorted(file.name for file in pickle.parent.iterdir()) == ["evil.ckpt", "old.pt"]
    every = studio("convert", "--all", "--home", str(home), "--models", str(pickle.parent))
    assert every.exit_code == 0 and "no pickled model that waits" in every.output
    for words in (["convert"], ["convert", str(pickle), "--all"]):
        assert "or say --all" in str(studio(*words, "--home", str(home)).exception)


def test_pull_lists_some_to_begin_with_and_says_when_it_is_offline(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = studio("pull").output
    assert "sdxl" in listed and "CreativeML Open RAIL-M" in listed and "GB GPU" in listed
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    failed = studio("pull", "sd15", "--home", str(home), "--yes")
    assert isinstance(failed.exception, StudioError) and "HF_HUB_OFFLINE is set" in str(failed.exception)


def test_a_model_is_pulled_after_asking(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    content = write_header_file(tmp_path / "there" / "chalk.safetensors", files.LORA_SD1).read_bytes()
    toy = toy_checkpoint(tmp_path / "toy")
    whole = {file.relative_to(toy).as_posix(): file.read_bytes() for file in toy.rglob("*") if file.is_file()}
    repositories = {"owner/chalk": {"pytorch_lora_weights.safetensors": content}, "owner/toy": whole}
    with served(FakeHub(repositories=repositories)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        refused = studio("pull", "owner/chalk", "--home", str(home), answer="n\n")
        made = home / "models" / "chalk.safetensors"
        assert refused.exit_code == 1 and not made.exists() and hub.fetched == []
        pulled = studio("pull", "owner/chalk", "--home", str(home), answer="y\n")
        assert pulled.exit_code == 0 and pulled.output.endswith(f"{made}\n") and made.read_bytes() == content
        assert "Fetch pytorch_lora_weights.safetensors (0 MB) as" in pulled.output
        again = studio("pull", "owner/chalk", "--home", str(home), "--yes")
        assert isinstance(again.exception, StudioError) and "already" in str(again.exception)
        folder = studio("pull", "owner/toy", "--home", str(home), answer="y\n")
        assert folder.exit_code == 0 and f"Fetch the folder of {len(whole)} files" in folder.output
    listed = json.loads(studio("list", "--home", str(home), "--kind", "all", "--json").output)
    assert {card["name"]: card["usable"] for card in listed if card["name"] in ("toy", "chalk")} == {
        "toy": True,
        "chalk": True,
    }
