"""Pickles: told by their list of contents, converted in another process, and never followed."""

from __future__ import annotations

import collections
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from studio.errors import Conflict, DamagedModel, StorageFull, UnsupportedModel
from studio.library import Library, room
from studio.library.conversion import convert, place_for
from studio.library.pickled import read_pickled
from studio.library.single_file import single_file_card
from tests.library import header_files as files
from tests.library.header_files import write_header_file
from tests.library.pickles import HOSTILE, archive, small_state


def zeros(shapes: files.Shapes) -> dict[str, torch.Tensor]:
    return {name: torch.zeros(shape) for name, shape in shapes.items()}


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    file = tmp_path / "models" / "ink.pt"
    file.parent.mkdir()
    torch.save({"state_dict": small_state(), "global_step": 7}, file)
    return file


@pytest.mark.parametrize("new", [True, False])
def test_names_and_shapes_come_out_without_unpickling(tmp_path: Path, new: bool) -> None:
    file = tmp_path / "ink.pt"
    torch.save({"state_dict": small_state()}, file, _use_new_zipfile_serialization=new)
    contents = read_pickled(file)
    assert (contents.problem, contents.strange) == (None, ())
    assert {name: info.shape for name, info in contents.header.tensors.items()} == dict(files.LORA_SD1)
    assert contents.header.precision == "float16"


@pytest.mark.parametrize(
    ("name", "state", "kind", "form"),
    [
        ("ink.pt", small_state, "lora", "LoRA"),
        (
            "bad.pt",
            lambda: {"string_to_token": {"*": 265}, "string_to_param": {"*": torch.zeros(3, 768)}, "name": "bad"},
            "embedding",
            "",
        ),
        (
            "sharp.pth",
            lambda: zeros(files.COMPACT),
            "upscaler",
            "Compact",
        ),
        (
            "real.pth",
            lambda: {
                "params_ema": {n.removeprefix("params_ema."): torch.zeros(s) for n, s in files.REAL_ESRGAN.items()}
            },
            "upscaler",
            "Real-ESRGAN",
        ),
        (
            "soft.vae.pt",
            lambda: {"state_dict": {n: torch.zeros(s) for n, s in files.VAE_ORIGINAL.items()}},
            "vae",
            "4 channels",
        ),
        ("other.bin", lambda: {"a": torch.zeros(3)}, "unknown", ""),
        ("old.ckpt", lambda: [1, 2], "checkpoint", ""),
    ],
)
def test_kinds_are_told_and_every_one_needs_converting(
    tmp_path: Path, name: str, state: collections.abc.Callable[[], object], kind: str, form: str
) -> None:
    torch.save(state(), tmp_path / name)
    card = single_file_card(tmp_path / name)
    assert (card.kind, card.form, card.usable) == (kind, form, False)
    assert "pickled" in (card.problem or "") and "studio models convert" in (card.problem or "")


@pytest.mark.parametrize("how", HOSTILE)
@pytest.mark.parametrize("suffix", [".ckpt", ".pt"])
def test_a_hostile_pickle_is_named_and_never_followed(tmp_path: Path, how: str, suffix: str) -> None:
    marker, file = tmp_path / "marker", tmp_path / "models" / f"evil{suffix}"
    file.parent.mkdir()
    HOSTILE[how](file, marker)
    library = Library([file.parent], tmp_path / "cache", hash_ahead=False)
    library.scan()
    (card,) = library.models()
    assert "when it is read, which weights never need" in (card.problem or "")
    with pytest.raises(UnsupportedModel, match=r"Do not use it"):
        place_for(file, tmp_path)
    # Even when somebody gets past that, the other process refuses it.
    with pytest.raises(DamagedModel, match=r"cannot be read as weights alone"):
        convert(file, tmp_path / "out.safetensors")
    assert not marker.exists() and list(tmp_path.glob("*.part")) == list(tmp_path.glob(".*.part")) == []


def test_the_hostile_ones_would_have_worked(tmp_path: Path) -> None:
    """Else the test above could not fail."""
    for how in ("system", "execute"):
        marker, file = tmp_path / how, tmp_path / f"{how}.ckpt"
        HOSTILE[how](file, marker)
        code = (
            "import sys, pickle, zipfile\nf = sys.argv[1]\n"
            "data = zipfile.ZipFile(f).read('archive/data.pkl') if zipfile.is_zipfile(f) else open(f, 'rb').read()\n"
            "pickle.loads(data)"
        )
        subprocess.run([sys.executable, "-c", code, str(file)], check=True)
        assert marker.exists()


def test_converting_keeps_every_weight(sound: Path, tmp_path: Path) -> None:
    target = place_for(sound, sound.parent)
    assert target == sound.with_suffix(".safetensors")
    convert(sound, target)
    converted = load_file(target)
    assert set(converted) == set(files.LORA_SD1)
    assert all(torch.equal(converted[name], tensor) for name, tensor in small_state().items())
    assert single_file_card(target).usable and sound.is_file()
    with pytest.raises(Conflict, match="is there already"):
        place_for(sound, sound.parent)


def test_the_odds_and_ends_of_old_checkpoints_are_left_out(tmp_path: Path) -> None:
    """Tensors that share memory, a parameter, a view, and a class of a training program that is not installed."""
    whole = torch.arange(12.0).reshape(3, 4)
    state = {"a": whole, "again": whole, "view": whole.t(), "p": torch.nn.Parameter(whole + 1)}
    module = type(sys)("pytorch_lightning.callbacks.model_checkpoint")
    module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": module.__name__})  # type: ignore[attr-defined]
    parents = {name: type(sys)(name) for name in ("pytorch_lightning", "pytorch_lightning.callbacks")}
    file = tmp_path / "v1.ckpt"
    try:
        sys.modules.update(parents, **{module.__name__: module})
        torch.save({"state_dict": state, "callbacks": {module.ModelCheckpoint: {"best": 1.0}}}, file)
    finally:
        for name in (*parents, module.__name__):
            sys.modules.pop(name)
    assert read_pickled(file).strange == ()
    converted = load_file(convert(file, tmp_path / "v1.safetensors"))
    assert all(torch.equal(converted[name], state[name]) for name in state) and len(converted) == 4


def test_embeddings_of_the_first_programs_are_no_strangers(tmp_path: Path) -> None:
    """The paper's own program keeps its vectors in a module, and their token as a tensor."""
    vectors = torch.nn.ParameterDict({"*": torch.nn.Parameter(torch.ones(3, 768))})
    file = tmp_path / "toy.pt"
    torch.save({"string_to_token": {"*": torch.tensor(265)}, "string_to_param": vectors, "seen": {1, 2}}, file)
    card = single_file_card(file)
    assert (card.kind, card.family, card.vectors, card.pickled) == ("embedding", "sd1", 3, True)
    assert read_pickled(file).strange == ()
    converted = load_file(convert(file, tmp_path / "toy.safetensors"))
    assert list(converted) == ["emb_params"] and torch.equal(converted["emb_params"], torch.ones(3, 768))


def test_other_programs_folders_are_not_written_to_and_equal_names_stay_apart(sound: Path, tmp_path: Path) -> None:
    home = tmp_path / "home" / "models"
    home.mkdir(parents=True)
    other = tmp_path / "loras" / "ink.pt"
    other.parent.mkdir()
    torch.save({name: tensor + 1 for name, tensor in small_state().items()}, other)
    nameless = tmp_path / "chalk" / "pytorch_lora_weights.bin"
    nameless.parent.mkdir()
    torch.save({name: tensor + 2 for name, tensor in small_state().items()}, nameless)
    (home / "theirs").symlink_to(sound.parent, target_is_directory=True)
    pickles = (home / "theirs" / sound.name, other, nameless)
    assert {file.stat().st_size for file in (sound, other)} == {sound.stat().st_size}, "equal but for their numbers"
    made = [convert(file, place_for(file, home)) for file in pickles]
    assert [file.relative_to(home).as_posix() for file in made] == [
        "ink.safetensors",
        "loras-ink.safetensors",
        "chalk.safetensors",
    ]
    assert [file.name for file in sound.parent.iterdir()] == ["ink.pt"]
    for file in pickles:
        with pytest.raises(Conflict, match="is there already"):
            place_for(file, home)
    library = Library([home, sound.parent, other.parent, nameless.parent], tmp_path / "cache", hash_ahead=False)
    library.scan()
    assert [(card.name, card.usable, card.replaces) for card in library.models()] == [
        ("chalk", True, ("pytorch_lora_weights.bin",)),
        ("ink", True, ("ink.pt",)),
        ("loras-ink", True, ("ink.pt",)),
    ]
    assert library.part("lora", "INK.pt").name == "ink"
    made[1].unlink()
    library.scan()
    assert [card.file_name for card in library.models() if card.pickled] == ["ink.pt"], "it may be converted again"


def test_what_its_maker_published_in_both_forms_is_one_model(sound: Path, tmp_path: Path) -> None:
    library = Library([sound.parent], tmp_path / "cache", hash_ahead=False)
    write_header_file(sound.with_suffix(".safetensors"), files.SD1)
    library.scan()
    assert len(library.models()) == 2, "another kind: another model"
    write_header_file(sound.with_suffix(".safetensors"), files.LORA_SD1)
    library.scan()
    assert [(card.file_name, card.replaces) for card in library.models()] == [("ink.safetensors", ("ink.pt",))]
    with sound.with_suffix(".safetensors").open("r+b") as stream:
        stream.truncate(1000)
    library.scan()
    assert len(library.models()) == 2, "a damaged file takes no place"


def test_too_little_room_is_said_before(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = collections.namedtuple("usage", "total used free")(10, 9, 1)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda place: usage)
    with pytest.raises(StorageFull, match="MB are needed"):
        convert(sound, tmp_path / "out.safetensors")


def test_what_is_no_pickle_is_refused(tmp_path: Path) -> None:
    renamed = write_header_file(tmp_path / "renamed.ckpt", files.SD1)
    assert "Rename it" in (single_file_card(renamed).problem or "")
    with pytest.raises(UnsupportedModel, match="Rename it"):
        place_for(renamed, tmp_path)
    with pytest.raises(UnsupportedModel, match="no pickled model"):
        place_for(write_header_file(tmp_path / "a.safetensors", files.SD1), tmp_path)
    (tmp_path / "half.ckpt").write_bytes(b"\x80\x02}q\x00(X")
    with pytest.raises(DamagedModel, match="cannot be read"):
        convert(tmp_path / "half.ckpt", tmp_path / "half.safetensors")


def test_bombs_cost_nothing(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.ckpt", "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("archive/data.pkl", b"\x80\x02" + b"]" * 60_000_000)
    assert "far too long" in (read_pickled(tmp_path / "bomb.ckpt").problem or "")
    value: dict[str, object] = {}
    for _ in range(60):  # 2 ** 60 ways through it
        value = {"a": value, "b": value}
    archive(tmp_path / "ways.ckpt", pickle.dumps(value, protocol=2))
    assert read_pickled(tmp_path / "ways.ckpt").problem is None
    loop: dict[str, object] = {}
    loop["self"] = loop
    archive(tmp_path / "loop.ckpt", pickle.dumps({"state_dict": loop}, protocol=2))
    assert read_pickled(tmp_path / "loop.ckpt").problem is None


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=300), start=st.integers(0, 400))
def test_no_bytes_stop_a_scan(tmp_path_factory: pytest.TempPathFactory, data: bytes, start: int) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    torch.save({"a": torch.zeros(2)}, folder / "a.ckpt", _use_new_zipfile_serialization=False)
    content = (folder / "a.ckpt").read_bytes()
    (folder / "a.ckpt").write_bytes(content[:start] + data + content[start + len(data) :])
    read_pickled(folder / "a.ckpt")
    archive(folder / "b.ckpt", data)
    read_pickled(folder / "b.ckpt")
