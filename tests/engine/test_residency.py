"""What stays loaded: a byte budget, least recently used out, never what is in use; and what a swap costs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.engine.adapters import AdapterShelf
from studio.engine.architecture import architecture_of
from studio.engine.build import create_engine
from studio.engine.chassis import Chassis, Patches
from studio.engine.load import inspect_checkpoint
from studio.engine.outfit import Outfit, Worn
from studio.engine.residency import MOST_SLOTS, Residency
from studio.engine.step_engine import StepEngine
from studio.engine.weights import Weights, read_weights
from studio.errors import DamagedModel
from studio.library.stamps import stamp
from studio.recipe.events import Event, PictureDone, PictureFailed, PictureOrder
from tests.engine.conftest import CPU, finished
from tests.engine.recipes import finish, order, resolved
from tests.toys import toy_checkpoint


@pytest.fixture
def three(toy: Path, tmp_path: Path) -> list[Path]:
    return [Path(shutil.copytree(toy, tmp_path / name)) for name in "abc"]


class WithoutFiles(AdapterShelf):
    """Adapters that change nothing."""

    def patches(self, outfit: Outfit, chassis: Chassis) -> Patches:
        return {}


def load(residency: Residency, path: Path, in_use: Sequence[Path] = (), *adapters: Worn) -> bool:
    if not residency.begin(Outfit(path, adapters=adapters), [Outfit(one) for one in in_use]):
        return False
    while residency.loading:
        residency.advance()
    return True


def is_there(residency: Residency, path: Path) -> bool:
    return residency.get(Outfit(path)) is not None


def room_for(count: float, path: Path) -> Residency:
    return Residency(CPU, budget_bytes=int(count * inspect_checkpoint(path).parameter_count * 4))


def test_the_least_recently_used_goes_first(three: list[Path]) -> None:
    residency = room_for(2.5, three[0])
    a, b, c = three
    assert load(residency, a) and load(residency, b)
    assert is_there(residency, a)
    assert load(residency, c)
    assert not is_there(residency, b)
    assert is_there(residency, a) and is_there(residency, c)


def test_what_is_in_use_stays_and_a_load_waits_for_it(three: list[Path]) -> None:
    residency = room_for(1.5, three[0])
    a, b, _ = three
    assert load(residency, a)
    assert not load(residency, b, in_use=(a,))
    assert is_there(residency, a)
    assert load(residency, b)
    assert not is_there(residency, a)


def test_one_alone_may_exceed_the_budget(three: list[Path]) -> None:
    residency = room_for(0.5, three[0])
    assert load(residency, three[0])
    assert is_there(residency, three[0])


def test_a_file_replaced_under_the_same_name_is_loaded_again(three: list[Path]) -> None:
    residency = room_for(2.5, three[0])
    load(residency, three[0])
    first = residency.get(Outfit(three[0]))
    weights = three[0] / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes())
    assert not is_there(residency, three[0])
    load(residency, three[0])
    assert residency.get(Outfit(three[0])) not in (None, first)


def test_giving_up_and_failing_leave_nothing_behind(three: list[Path]) -> None:
    residency = room_for(2.5, three[0])
    residency.begin(Outfit(three[0]), ())
    residency.advance()
    residency.give_up()
    assert residency.loading is None and not is_there(residency, three[0])
    (three[0] / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"{")
    with pytest.raises(DamagedModel, match="vae/diffusion_pytorch_model"):
        load(residency, three[0])
    assert residency.loading is None
    residency.clear()
    assert residency.residents() == ()


def test_people_who_take_turns_cost_two_loads(three: list[Path]) -> None:
    residency = room_for(2.5, three[0])
    for path in [*three[:2]] * 3:
        assert is_there(residency, path) or load(residency, path)
    assert residency.reads == 2


def test_what_is_read_ahead_is_not_read_again_and_drops_nothing_in_use(three: list[Path]) -> None:
    a, b, c = three
    residency = room_for(2.5, a)
    load(residency, a)
    assert residency.prefetch(Outfit(b))
    while residency.advance_prefetch():
        pass
    assert residency.reads == 2 and not is_there(residency, b)
    assert not residency.prefetch(Outfit(b))
    load(residency, b)
    assert residency.reads == 2
    assert not residency.prefetch(Outfit(c)), "both that are there have chassis"
    assert is_there(residency, a)


def test_slots_are_bounded_and_unloading_gives_everything_back(three: list[Path]) -> None:
    residency = Residency(CPU, 10**10, adapters=WithoutFiles())
    for number in range(MOST_SLOTS + 2):
        load(residency, three[0], (), Worn(three[1], number / 10))
        load(residency, three[number % 3])
    assert len(residency._slots) <= MOST_SLOTS
    told = residency.residents()
    assert {Path(one.path) for one in told} == set(three) and all(one.host_bytes > 0 for one in told)
    residency.unload([Outfit(three[0])])
    assert residency.residents() == () or {Path(one.path) for one in residency.residents()} == {three[0]}
    residency.unload()
    assert residency.residents() == ()


@pytest.mark.parametrize("copies", [False, True])
def test_a_swap_in_place_gives_the_pictures_of_the_other_checkpoint(toy: Path, tmp_path: Path, copies: bool) -> None:
    """Both ways of putting weights in: pointing at them, as on a CPU, and copying, as over a bus."""
    other = toy_checkpoint(tmp_path / "other", size_px=64, seed=5)
    chassis: Chassis | None = None
    weights: dict[Path, Weights] = {}
    for path in (toy, other):
        files = inspect_checkpoint(path)
        chassis = chassis or Chassis(files, dict.fromkeys(files.components, CPU), copies)
        assert architecture_of(files) == chassis.architecture
        reading = read_weights(files, chassis.skeleton, chassis.placements)
        weights[path] = finished(reading)
    assert chassis is not None
    unet = chassis.networks["unet"]
    where = None
    for path in (toy, other) * 3:
        chassis.put(weights[path])
        clean = weights[path].components["unet"]
        assert all(torch.equal(parameter, clean[name]) for name, parameter in unet.named_parameters())
        now = unet.conv_in.weight.data_ptr()
        assert not copies or where in (None, now), "the networks keep their places"
        where = now
    assert (chassis.size_bytes > 0) is copies


@pytest.mark.parametrize("copies", [False, True])
def test_a_patch_on_and_off_a_hundred_times_leaves_the_weights_bit_identical(toy: Path, copies: bool) -> None:
    files = inspect_checkpoint(toy)
    chassis = Chassis(files, dict.fromkeys(files.components, CPU), copies)
    weights = finished(read_weights(files, chassis.skeleton, chassis.placements))
    before = {name: tensor.clone() for name, tensor in weights.components["unet"].items()}
    chassis.put(weights)
    unet = chassis.networks["unet"]
    for number in range(100):
        chassis.wear({"unet": {"conv_in.weight": lambda clean: clean + 0.1, "conv_out.bias": lambda clean: clean * 3}})
        if number % 10 == 0:
            assert torch.equal(unet.conv_in.weight, before["conv_in.weight"] + 0.1)
        chassis.wear({})
    assert all(torch.equal(parameter, before[name]) for name, parameter in unet.named_parameters())
    assert all(torch.equal(weights.components["unet"][name], tensor) for name, tensor in before.items())
    assert chassis.patched_bytes == 0


def test_interleaved_jobs_of_two_checkpoints_get_the_pictures_of_their_own(toy: Path, tmp_path: Path) -> None:
    """Twenty pictures, A, B, A, B: each is the one its checkpoint makes alone, and two loads serve them all."""
    other = toy_checkpoint(tmp_path / "other", size_px=64, seed=7)
    alone = {path: _pictures([order(path, "alone", exact=True, steps=2)])[0]["alone"] for path in (toy, other)}
    assert alone[toy] != alone[other]
    orders = [order((toy, other)[number % 2], f"job{number}", exact=True, steps=2) for number in range(20)]
    made, reads = _pictures(orders)
    assert [made[f"job{number}"] for number in range(20)] == [alone[toy], alone[other]] * 10
    assert reads == 2


def _pictures(orders: Sequence[PictureOrder]) -> tuple[dict[str, bytes], int]:
    residency = Residency(CPU)
    engine = StepEngine(CPU, residency)
    for one in orders:
        engine.submit(one)
    done = [event for event in finish(engine) if isinstance(event, PictureDone)]
    engine.close()
    return {event.job_id: event.pixels.data for event in done}, residency.reads


def test_a_vae_of_its_own_file_takes_the_place_of_the_checkpoints(tmp_path: Path, toy: Path) -> None:
    own = load_file(toy / "vae" / "diffusion_pytorch_model.safetensors")
    brighter = {name: tensor + 0.3 if name == "decoder.conv_out.bias" else tensor for name, tensor in own.items()}
    same, other, strange = (tmp_path / f"{name}.safetensors" for name in ("same", "other", "strange"))
    save_file(own, same)
    save_file(brighter, other)
    save_file({"decoder.conv_in.weight": torch.zeros(2, 2, 3, 3), "encoder.conv_in.weight": torch.zeros(1)}, strange)
    engine: StepEngine = create_engine("cpu")

    def made(vae: Path | None) -> Event:
        recipe = resolved(steps=2, seed=7, vae_sha256="c" * 64 if vae else "")
        engine.submit(PictureOrder("one", 0, recipe, toy, files={"c" * 64: vae} if vae else {}))
        return finish(engine)[-1]

    plain = made(None)
    assert isinstance(plain, PictureDone)
    for vae, is_same in ((same, True), (other, False), (None, True)):
        again = made(vae)
        assert isinstance(again, PictureDone) and (again.pixels == plain.pixels) is is_same, vae
    failed = made(strange)
    assert isinstance(failed, PictureFailed) and "strange.safetensors does not fit" in failed.reason
    again = made(None)
    assert isinstance(again, PictureDone) and again.pixels == plain.pixels


def test_weights_that_were_replaced_are_not_told_as_those_that_were_ordered(toy: Path, tmp_path: Path) -> None:
    """The order says which hash its picture will carry; by the time it is begun the file may be another one."""
    path = Path(shutil.copytree(toy, tmp_path / "model"))
    engine = StepEngine(CPU, Residency(CPU))
    ordered = PictureOrder("job", 0, resolved(steps=2), path, stamp=stamp(path))
    engine.submit(ordered)
    assert [event for event in finish(engine) if isinstance(event, PictureDone)]
    shutil.copytree(toy_checkpoint(tmp_path / "other", size_px=64, seed=9), path, dirs_exist_ok=True)
    engine.submit(ordered)
    engine.submit(PictureOrder("again", 0, resolved(steps=2), path, stamp=stamp(path)))
    events = finish(engine)
    engine.close()
    [failed] = [event for event in events if isinstance(event, PictureFailed)]
    assert failed.job_id == "job" and "was replaced" in failed.reason
    assert [event.job_id for event in events if isinstance(event, PictureDone)] == ["again"]
