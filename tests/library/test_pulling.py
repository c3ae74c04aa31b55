"""What comes of the hub, and what it is called: nameless files, equal names, and whole pipeline folders."""

from __future__ import annotations

import collections
import errno
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio.errors import Conflict, DamagedModel, InvalidField, NotFound, StorageFull, UnsupportedModel
from studio.library import Library, room
from studio.library.hub import Hub
from studio.library.hub_names import Wanted, names_of, parts_of
from studio.library.pulling import chosen, offer_of, pipelines_of, pull
from tests.library import header_files as files
from tests.library.fake_hub import FakeHub, served
from tests.library.header_files import write_header_file

Repository = dict[str, bytes]
PIPELINE = Wanted("owner/toy", "model_index.json")
WEIGHTS = ["text_encoder/model.safetensors", "unet/diffusion_pytorch_model.safetensors"]
WEIGHTS += ["vae/diffusion_pytorch_model.safetensors"]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    with served(FakeHub()) as fake:
        yield fake


@pytest.fixture
def hub(fake: FakeHub) -> Iterator[Hub]:
    with Hub(fake.address, pause_s=0.01) as hub:
        yield hub


@pytest.fixture
def toy_files(toy: Path) -> Repository:
    """A real pipeline, with everything beside it that repositories have."""
    found = {file.relative_to(toy).as_posix(): file.read_bytes() for file in toy.rglob("*") if file.is_file()}
    for path in WEIGHTS:
        found[path.replace(".safetensors", ".bin")] = b"pickle"
        found[path.replace(".safetensors", ".msgpack")] = b"flax"
    found["unet/diffusion_pytorch_model.non_ema.safetensors"] = found["unet/diffusion_pytorch_model.safetensors"]
    return found | {
        "toy.safetensors": b"the same once more",
        "toy.ckpt": b"pickle",
        "README.md": b"words",
        "unet/model.onnx": b"onnx",
        "safety_checker/config.json": b"{}",
        "safety_checker/model.safetensors": b"large",
    }


def half_too(repository: Repository) -> Repository:
    half = {path.replace(".safetensors", ".fp16.safetensors"): repository[path] + b"" for path in WEIGHTS}
    return repository | half


def lora(folder: Path, rank: int) -> bytes:
    shapes = {name: tuple(rank if side == 8 else side for side in shape) for name, shape in files.LORA_SD1.items()}
    return write_header_file(folder / f"{rank}.safetensors", shapes).read_bytes()


def names_in(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


# --- names ---


@pytest.mark.parametrize(
    ("repository", "file", "name"),
    [
        ("latent/lcm-lora-sdv1-5", "pytorch_lora_weights.safetensors", "lcm-lora-sdv1-5"),
        ("a/vae-ft-mse", "diffusion_pytorch_model.safetensors", "vae-ft-mse"),
        ("a/vae-ft-mse", "diffusion_pytorch_model.fp16.safetensors", "vae-ft-mse.fp16"),
        ("a/sdxl", "unet/diffusion_pytorch_model.safetensors", "sdxl-unet"),
        ("a/clip", "model.safetensors", "clip"),
        ("a/xl", "sd_xl_base_1.0.safetensors", "sd_xl_base_1.0"),
        ("a/many", "loras/ink.safetensors", "ink"),
        ("a/odd", ".hidden.safetensors", "hidden"),
    ],
)
def test_a_file_is_called_so_that_it_is_known_again(repository: str, file: str, name: str) -> None:
    assert names_of(Wanted(repository, file))[0] == name


def test_nameless_files_of_two_repositories_lie_beside_each_other(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    nameless = "pytorch_lora_weights.safetensors"
    for place, rank in (("one/ink", 4), ("one/chalk", 8), ("other/ink", 16)):
        fake.repositories[place] = {nameless: lora(tmp_path / "there", rank)}
        pull(hub, Wanted(place, nameless), tmp_path / "models")
    library = Library([tmp_path / "models"], tmp_path / "cache", hash_ahead=False)
    library.scan()
    assert sorted((card.name, card.rank) for card in library.models()) == [("chalk", 8), ("ink", 4), ("other-ink", 16)]
    for place in fake.repositories:
        with pytest.raises(Conflict, match="already"):
            pull(hub, Wanted(place, nameless), tmp_path / "models")


def test_another_model_of_the_same_name_and_size_is_fetched_too(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    content = lora(tmp_path / "there", 4)
    fake.repositories = {"one/a": {"ink.safetensors": content}, "other/b": {"ink.safetensors": content[:-1] + b"\1"}}
    first = pull(hub, Wanted("one/a", "ink.safetensors"), tmp_path / "models")
    second = pull(hub, Wanted("other/b", "ink.safetensors"), tmp_path / "models")
    assert (first.name, second.name) == ("ink.safetensors", "b-ink.safetensors")
    assert second.read_bytes() == fake.repositories["other/b"]["ink.safetensors"]
    for name in ("ink", "c-ink", "third-c-ink"):  # all its names are taken by others
        (tmp_path / "models" / f"{name}.safetensors").write_bytes(b"another")
    fake.repositories["third/c"] = {"ink.safetensors": content}
    offer = offer_of(hub, Wanted("third/c", "ink.safetensors"))
    assert not offer.is_in(tmp_path / "models")
    with pytest.raises(Conflict, match="is another model"):
        pull(hub, offer.what, tmp_path / "models")


@pytest.mark.parametrize("knows_links", [True, False])
def test_what_came_to_be_there_meanwhile_is_never_written_over(
    fake: FakeHub, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, knows_links: bool
) -> None:
    """Somebody copies another model of that name into the folder while this one is on its way."""
    content, models = lora(tmp_path / "there", 4), tmp_path / "models"
    fake.repositories["one/a"] = {"ink.safetensors": content}

    def no_links(source: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, "no links on this disk")

    def copied_meanwhile(done: int, total: int) -> None:
        (models / "ink.safetensors").write_bytes(b"another")

    if not knows_links:
        monkeypatch.setattr("studio.library.placing.os.link", no_links)
    made = pull(hub, Wanted("one/a", "ink.safetensors"), models, copied_meanwhile)
    assert (made.name, made.read_bytes()) == ("a-ink.safetensors", content)
    assert (models / "ink.safetensors").read_bytes() == b"another"
    assert names_in(models) == ["a-ink.safetensors", "ink.safetensors"]


# --- pipelines ---


def test_a_pipeline_comes_as_one_folder_that_can_be_used(
    fake: FakeHub, hub: Hub, toy_files: Repository, tmp_path: Path
) -> None:
    fake.repositories["owner/toy"] = half_too(toy_files)
    assert chosen(hub, Wanted("owner/toy")) == PIPELINE
    steps: list[tuple[int, int]] = []
    offer = offer_of(hub, PIPELINE)
    target = pull(hub, PIPELINE, tmp_path / "models", lambda done, total: steps.append((done, total)), offer)
    assert target == tmp_path / "models" / "toy" and offer.problem is None
    came = names_in(target)
    assert [name for name in came if not name.endswith((".json", ".txt"))] == WEIGHTS
    assert all((target / name).read_bytes() == toy_files[name] for name in came)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps), "progress runs over the sum"
    assert steps[-1] == (offer.size_bytes, offer.size_bytes)
    library = Library([tmp_path / "models"], tmp_path / "cache", hash_ahead=False)
    library.scan()
    assert [(card.name, card.usable, card.problem) for card in library.models()] == [("toy", True, None)]
    with pytest.raises(Conflict, match="toy is in the models folder already"):
        pull(hub, PIPELINE, tmp_path / "models")


def test_half_precision_is_taken_where_it_is_asked_for_or_all_there_is(
    fake: FakeHub, hub: Hub, toy_files: Repository, tmp_path: Path
) -> None:
    fake.repositories["owner/toy"] = both = half_too(toy_files)
    target = pull(hub, Wanted("owner/toy", "model_index.json", variant="fp16"), tmp_path)
    weights = [name for name in names_in(target) if name.endswith(".safetensors")]
    assert target.name == "toy-fp16" and weights == [path.replace(".safe", ".fp16.safe") for path in WEIGHTS]
    fake.repositories["owner/half"] = {path: data for path, data in both.items() if path not in WEIGHTS}
    target = pull(hub, Wanted("owner/half", "model_index.json"), tmp_path)
    assert target.name == "half" and len(list(target.glob("*/*.fp16.safetensors"))) == 3
    with pytest.raises(InvalidField, match="no variant"):
        offer_of(hub, Wanted("owner/toy", "model_index.json", variant="int4"))


def test_only_the_shards_that_the_list_of_one_precision_names_come(
    fake: FakeHub, hub: Hub, toy_files: Repository
) -> None:
    whole = toy_files.pop("unet/diffusion_pytorch_model.safetensors")
    stem, index = "unet/diffusion_pytorch_model", json.dumps({"weight_map": {}}).encode()
    toy_files |= {f"{stem}-0000{n}-of-00002.safetensors": whole for n in (1, 2)}
    toy_files |= {f"{stem}.fp16-0000{n}-of-00002.safetensors": whole for n in (1, 2)}
    toy_files |= {f"{stem}.safetensors.index.json": index, f"{stem}.safetensors.index.fp16.json": index}
    toy_files["unet/diffusion_pytorch_model.bin.index.json"] = index
    fake.repositories["owner/toy"] = toy_files
    for variant, middle, listed in (("", "", "index"), ("fp16", ".fp16", "index.fp16")):
        came = offer_of(hub, Wanted("owner/toy", "model_index.json", variant=variant)).files
        assert sorted(path for path in came if path.startswith(stem)) == [
            f"{stem}{middle}-00001-of-00002.safetensors",
            f"{stem}{middle}-00002-of-00002.safetensors",
            f"{stem}.safetensors.{listed}.json",
        ]


def test_what_broke_off_is_gone_on_with_and_never_shown(
    fake: FakeHub, hub: Hub, toy_files: Repository, tmp_path: Path
) -> None:
    fake.repositories["owner/toy"] = toy_files
    library = Library([tmp_path / "models"], tmp_path / "cache", hash_ahead=False)
    seen: list[int] = []

    def stop_late(done: int, total: int) -> None:
        library.scan()
        seen.append(len(library.models()))
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(hub, PIPELINE, tmp_path / "models", stop_late)
    assert len(seen) > 3 and set(seen) == {0}, "half a folder is no model"
    assert len(parts_of(tmp_path / "models", PIPELINE)) == 1
    before = set(fake.fetched)
    fake.fetched.clear()
    pull(hub, PIPELINE, tmp_path / "models")
    small = {path for path in fake.fetched if path.endswith((".json", ".txt"))}
    assert small <= {"model_index.json", "unet/config.json", "scheduler/scheduler_config.json"}, "these are looked at"
    assert not set(fake.fetched) & before - small - {max(toy_files, key=lambda path: len(toy_files[path]))}
    library.scan()
    assert [card.usable for card in library.models()] == [True]
    assert parts_of(tmp_path / "models", PIPELINE) == []


def test_wrong_bytes_of_a_small_file_are_noticed_too(
    fake: FakeHub, hub: Hub, toy_files: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.repositories["owner/toy"] = toy_files
    offer = offer_of(hub, PIPELINE)
    spoilt = toy_files["tokenizer/vocab.json"]
    fake.repositories["owner/toy"] = toy_files | {"tokenizer/vocab.json": spoilt[:-1] + b"!"}
    with pytest.raises(DamagedModel, match=r"What came as vocab.json is not sound: its hash is"):
        pull(hub, PIPELINE, tmp_path / "models", offer=offer)
    assert not (tmp_path / "models" / "toy").exists()


def test_too_little_room_for_the_sum_is_said_before(
    fake: FakeHub, hub: Hub, toy_files: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.repositories["owner/toy"] = toy_files
    largest = max(map(len, toy_files.values()))
    usage = collections.namedtuple("usage", "total used free")(0, 0, 500_000_000 + largest + 1)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda place: usage)
    with pytest.raises(StorageFull, match="MB are needed"):
        pull(hub, PIPELINE, tmp_path / "models")
    assert not any(path.endswith(".safetensors") for path in fake.fetched)


Change = Callable[[Repository], Repository]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda r: r | {"../../evil.json": b"{}"}, DamagedModel, "outside of its folder"),
        (lambda r: r | {"unet/..\\evil.json": b"{}"}, DamagedModel, "outside of its folder"),
        (lambda r: r | {"model_index.json": b'{"..": ["a", "b"]}'}, DamagedModel, "cannot be a folder"),
        (lambda r: r | {"model_index.json": b"[" * 99_999}, DamagedModel, "cannot be understood"),
        (lambda r: r | {"model_index.json": b'{"_class_name": "A"}'}, DamagedModel, "names no part with weights"),
        (lambda r: {p: d for p, d in r.items() if p != WEIGHTS[1]}, UnsupportedModel, "no safetensors weights"),
        (lambda r: {p: d for p, d in r.items() if p != "unet/config.json"}, DamagedModel, "lacks unet/config.json"),
        (lambda r: {p: d for p, d in r.items() if p != "model_index.json"}, NotFound, "not on the hub"),
    ],
)
def test_what_is_no_sound_pipeline_is_refused_before_it_is_fetched(
    fake: FakeHub, hub: Hub, toy_files: Repository, change: Change, error: type[Exception], words: str, tmp_path: Path
) -> None:
    fake.repositories["owner/toy"] = change(toy_files)
    with pytest.raises(error, match=words):
        pull(hub, PIPELINE, tmp_path / "models")
    assert pipelines_of(hub, Wanted("owner/toy"), hub.tree(Wanted("owner/toy"))) == []
    assert not any(path.endswith(".safetensors") for path in fake.fetched) and not (tmp_path / "evil.json").exists()


def test_what_the_studio_cannot_run_is_said_before_it_is_fetched(
    fake: FakeHub, hub: Hub, toy_files: Repository
) -> None:
    index = {"_class_name": "FluxPipeline", "transformer": ["diffusers", "FluxTransformer2DModel"]}
    weights = toy_files["vae/diffusion_pytorch_model.safetensors"]
    fake.repositories["owner/flux"] = {
        "model_index.json": json.dumps(index).encode(),
        "transformer/config.json": b"{}",
        "transformer/diffusion_pytorch_model.safetensors": weights,
    }
    problem = offer_of(hub, Wanted("owner/flux", "model_index.json")).problem
    assert problem == "It is a Flux checkpoint, which the studio recognises but cannot run yet."
    assert fake.fetched and not any(path.endswith(".safetensors") for path in fake.fetched)
