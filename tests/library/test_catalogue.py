"""The library as a whole: what is listed, what a name finds, and that nothing found can stop it."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.errors import DamagedModel, UnknownCheckpoint, UnsupportedModel
from studio.library import Library, hashes
from tests.library import header_files as files
from tests.library.header_files import write_header_file, write_raw

Put = Callable[[str], Path]


def names(library: Library) -> list[str]:
    library.scan()
    return [card.name for card in library.checkpoints()]


def test_a_nameless_file_is_called_after_its_folder_where_that_says_more(library: Library, tmp_path: Path) -> None:
    for folder in ("models", "models/Lora", "models/Lora/ink"):
        write_header_file(tmp_path / folder / "pytorch_lora_weights.safetensors", files.LORA_SD1)
    library.scan()
    assert sorted(card.name for card in library.models()) == [
        "Lora/pytorch_lora_weights", "ink", "pytorch_lora_weights"
    ]  # fmt: skip


def test_checkpoints_are_listed_and_adapters_are_not(put: Put, library: Library, tmp_path: Path) -> None:
    models = tmp_path / "models"
    put("toy")
    write_header_file(models / "Stable-diffusion" / "v1-5.safetensors", files.SD1)
    write_header_file(models / "Lora" / "style.safetensors", files.LORA_SD1)
    write_header_file(models / "VAE" / "vae.safetensors", files.VAE_ORIGINAL)
    write_header_file(models / "embeddings" / "bad.safetensors", files.EMBEDDING_SD1)
    write_header_file(models / "clip" / "t5.safetensors", files.T5)
    (models / "notes.txt").write_text("not a model")
    (models / "half.safetensors.part").write_bytes(b"\0")
    assert names(library) == ["v1-5", "toy"]
    assert {card.name: card.kind for card in library.models()} == {
        "style": "lora", "v1-5": "checkpoint", "vae": "vae", "t5": "text-encoder", "bad": "embedding",
        "toy": "checkpoint",
    }  # fmt: skip


def test_everything_bad_is_named_and_the_scan_goes_on(put: Put, library: Library, tmp_path: Path) -> None:
    models = tmp_path / "models"
    put("toy")
    (models / "empty.safetensors").write_bytes(b"")
    write_raw(models / "terabyte.safetensors", b"{}", length=10**12)
    cut = write_header_file(models / "cut.safetensors", files.SD1)
    os.truncate(cut, 5_000)
    shutil.copy(write_header_file(models / "flux.safetensors", files.FLUX_DEV), models / "renamed.ckpt")
    os.mkfifo(models / "pipe.safetensors")
    (models / "dangling.safetensors").symlink_to(models / "nowhere")
    (models / "loop.safetensors").symlink_to(models / "loop.safetensors")
    (models / "round").symlink_to(models, target_is_directory=True)
    library.scan()
    problems = {card.name: card.problem or "" for card in library.checkpoints()}
    assert problems.pop("toy") == ""
    assert set(problems) == {"empty", "terabyte", "cut", "flux", "renamed", "pipe", "dangling", "loop"}
    assert all(problems.values())
    assert (
        "Rename it to renamed.safetensors" in problems["renamed"]
        and "Flux" in problems["flux"]
        and "cut short" in problems["cut"]
    )
    with pytest.raises(DamagedModel, match=r"cut cannot be used\. The file is cut short"):
        library.find("cut")
    with pytest.raises(UnsupportedModel, match="Flux checkpoint, which the studio recognises but cannot run yet"):
        library.find("flux.safetensors")
    assert library.find("auto").name == "toy"


def test_a_name_that_is_no_text_does_not_stop_the_list(put: Put, library: Library, tmp_path: Path) -> None:
    put("toy")
    (tmp_path / "models" / os.fsdecode(b"\xff.safetensors")).write_bytes(b"nothing")
    library.scan()
    told = json.dumps([card.as_dict() for card in library.checkpoints()], ensure_ascii=False).encode()
    assert b'"?.safetensors"' in told and {card.name for card in library.checkpoints()} == {"toy", "?"}


def test_a_folder_without_permission_is_named(
    put: Put, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("toy")
    closed = tmp_path / "models" / "closed"
    closed.mkdir()
    scandir = os.scandir

    def refuse(place: str) -> object:  # the tests may run as root, whom no permission stops
        if Path(place) == closed:
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refuse)
    assert names(library) == ["toy"]
    assert library.problems == (f"The folder {closed} cannot be read: Permission denied.",)


def test_folders_that_are_not_there_hold_nothing(tmp_path: Path) -> None:
    library = Library([tmp_path / "none"], tmp_path / "cache", may_be_missing=[tmp_path / "none"])
    assert names(library) == []
    assert library.problems == ()
    with pytest.raises(UnknownCheckpoint, match=r"No checkpoint can be used\. There are no checkpoints yet: put one"):
        library.find()


def test_a_folder_that_is_not_there_is_named_until_it_is_back(put: Put, library: Library, tmp_path: Path) -> None:
    """A drive that is not connected, or a path with a slip, must not look like an empty library."""
    put("toy")
    assert names(library) == ["toy"] and library.problems == ()
    (tmp_path / "models").rename(tmp_path / "away")
    assert names(library) == []
    assert library.problems[0].startswith(f"The folder {tmp_path / 'models'} is not there.")
    (tmp_path / "away").rename(tmp_path / "models")
    assert names(library) == ["toy"] and library.problems == ()


def test_the_same_model_reached_twice_is_one(put: Put, tmp_path: Path) -> None:
    put("toy")
    (tmp_path / "link").symlink_to(tmp_path / "models", target_is_directory=True)
    library = Library([tmp_path / "models", tmp_path / "link"], tmp_path / "cache", hash_ahead=False)
    assert names(library) == ["toy"]


def test_a_hub_cache_is_called_by_its_model(toy: Path, library: Library, tmp_path: Path) -> None:
    snapshot = tmp_path / "models" / "models--owner--tiny-sd" / "snapshots" / ("a" * 40)
    shutil.copytree(toy, snapshot)
    assert names(library) == ["tiny-sd"]


def test_a_checkpoint_answers_to_all_its_names(put: Put, library: Library) -> None:
    put("Toy One")
    library.scan()
    found = library.find("Toy One")
    assert len(found.sha256) == 64
    for name in (
        "toy one", " Toy One ", found.title, f"other name [{found.short_hash}]", found.sha256[:8],
        found.sha256.upper(), found.sha256, "auto", "AUTO", "",
    ):  # fmt: skip
        assert library.find(name).path == found.path, name
    assert library.find("toy one", hashed=False).sha256 == found.sha256  # known by now


def test_a_hash_is_found_before_anybody_asked_for_it(put: Put, tmp_path: Path, library: Library) -> None:
    put("toy")
    digest = Library([tmp_path / "models"], tmp_path / "other", hash_ahead=False)
    digest.scan()
    library.scan()
    assert library.checkpoints()[0].sha256 == ""
    assert library.find(digest.find("toy").sha256[:10]).name == "toy"


def test_a_foreign_hash_reads_no_great_files(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_header_file(tmp_path / "models" / "great.safetensors", {**files.SD1, "spare": (600_000_000,)})
    library.scan()
    monkeypatch.setattr(hashes, "both_hashes_of", lambda file, *_: pytest.fail(f"{file} is read"))
    for name in ("elsewhere [0123456789]", "0123456789"):
        with pytest.raises(UnknownCheckpoint):
            library.find(name)
    assert library.models()[0].sha256 == ""


def test_what_nothing_answers_to_is_refused_with_what_there_is(put: Put, library: Library, tmp_path: Path) -> None:
    put("dreamshaper")
    put("anything")
    write_header_file(tmp_path / "models" / "style.safetensors", files.LORA_SD1)
    library.scan()
    with pytest.raises(
        UnknownCheckpoint, match=r"No checkpoint is called 'dreamshapr'. There are: dreamshaper, anything."
    ):
        library.find("dreamshapr")
    with pytest.raises(UnknownCheckpoint, match="style is a model of kind lora"):
        library.find("style")
    with pytest.raises(UnknownCheckpoint, match="anything is there, but its weights are not those"):
        library.find("anything [0123456789]")
    with pytest.raises(UnknownCheckpoint, match=r"'x{77}\.\.\.'"):
        library.find("x" * 1_000_000)


def test_auto_prefers_the_default_then_ones_own_then_the_starter(put: Put, toy: Path, tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    shutil.copytree(toy, shipped / "starter")
    shutil.copytree(toy, shipped / "another")  # ships as well, and comes first by its name

    def auto(default: str = "auto") -> str:
        models = [tmp_path / "models"]
        library = Library(models, tmp_path / "cache", default, shipped=[shipped], hash_ahead=False)
        library.scan()
        return library.find("auto").name

    assert auto() == "starter"
    write_header_file(tmp_path / "models" / "a-flux.safetensors", files.FLUX_DEV)  # cannot be run, so it is not chosen
    assert auto() == "starter"
    write_header_file(tmp_path / "models" / "an-inpainting.safetensors", files.SD1_INPAINTING)
    assert auto() == "an-inpainting", "one's own all the same"
    put("mine")
    put("yours")
    assert auto() == "mine"
    assert auto("yours") == "yours"
    with pytest.raises(UnknownCheckpoint, match="'gone'"):
        auto("gone")


def test_a_file_that_goes_or_changes_after_the_scan_is_noticed(put: Put, library: Library) -> None:
    folder = put("toy")
    library.scan()
    before = library.find("toy").sha256
    shutil.rmtree(folder)
    with pytest.raises(DamagedModel, match="no longer where it was found"):
        library.find("toy")
    put("toy")
    tuned = folder / "unet" / "diffusion_pytorch_model.safetensors"
    content = bytearray(tuned.read_bytes())
    content[-1] ^= 1  # the same size, another weight
    tuned.write_bytes(bytes(content))
    library.scan()
    assert library.find("toy").sha256 != before
    os.truncate(tuned, 1000)
    with pytest.raises(DamagedModel, match="cut short"):
        library.find("toy")


def test_of_copies_the_one_that_is_named_answers_unless_it_is_gone(put: Put, library: Library) -> None:
    """The same checkpoint in two programs' folders: the loss of one must not cost pictures of the other."""
    first, second = put("one"), put("two")
    library.scan()
    sha256 = library.find("one").sha256
    assert library.find("two").sha256 == sha256
    assert library.find(f"two [{sha256}]").path == second
    assert library.find(f"one [{sha256}]").path == first
    shutil.rmtree(first)
    assert library.find(f"one [{sha256}]").path == second == library.find(sha256).path


def test_a_second_look_sees_what_changed(library: Library, tmp_path: Path) -> None:
    file = write_header_file(tmp_path / "models" / "a.safetensors", files.SD1)
    assert names(library) == ["a"]
    (tmp_path / "models" / "a.studio.toml").write_text('title = "A"')
    library.scan()
    assert library.checkpoints()[0].defaults.title == "A"
    write_header_file(file, files.LORA_SD1)
    assert names(library) == []


def test_facts_are_what_a_recipe_needs(put: Put, library: Library) -> None:
    put("toy")
    library.scan()
    facts = library.facts("toy")
    assert (facts.name, facts.family, facts.native_size_px) == ("toy", "sd1", 128)
    assert (facts.default_sampler, facts.default_steps, facts.default_guidance_scale) == ("DPM++ 2M", 20, 4.0)
    assert facts.sha256 == library.find("toy").sha256


def test_cards_as_json_tell_no_folders(put: Put, library: Library, tmp_path: Path) -> None:
    put("toy")
    library.scan()
    told = library.find("toy").as_dict()
    assert str(tmp_path) not in repr(told)
    assert told["file"] == "toy" and told["usable"] is True and len(told["short_hash"]) == 10


def test_hashes_are_computed_ahead(put: Put, tmp_path: Path) -> None:
    put("toy")
    library = Library([tmp_path / "models"], tmp_path / "cache")
    library.scan()
    deadline = time.monotonic() + 60
    while not library.checkpoints()[0].sha256 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert library.checkpoints()[0].sha256
    library.close()
    library.close()
    assert not any(thread.name == "model hashes" for thread in threading.enumerate())


def test_many_threads_may_ask_while_it_scans(put: Put, library: Library) -> None:
    put("toy")
    library.scan()
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            for _ in range(20):
                assert library.find("toy").name == "toy"
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        library.scan()
    for thread in threads:
        thread.join()
    assert errors == []
