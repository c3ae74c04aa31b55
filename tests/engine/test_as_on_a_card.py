"""What the engine does where a device has memory of its own: swaps in place, budgets, the ladder, room made in need."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.engine import bench_models, host_memory, slots
from studio.engine.adapters import AdapterShelf
from studio.engine.chassis import Chassis
from studio.engine.denoiser import Denoiser
from studio.engine.host_memory import HostMemory
from studio.engine.latents.decode import Decoder
from studio.engine.load import inspect_checkpoint
from studio.engine.memory import is_out_of_memory
from studio.engine.outfit import Outfit
from studio.engine.placement_plan import HOST, WORKING_BYTES, planned, sizes_on
from studio.engine.residency import Residency
from studio.engine.step_engine import StepEngine
from studio.engine.weights import Weights, read_weights
from studio.errors import OutOfMemory
from studio.recipe.adapters import Adapter
from studio.recipe.events import Event, PictureDone, PictureFailed, PictureOrder
from tests.engine.conftest import CPU, finished
from tests.engine.pretended_card import PretendedCard
from tests.engine.recipes import finish, order, resolved
from tests.engine.test_adapters import lora
from tests.toys import toy_checkpoint

CARD = PretendedCard()
ONE = Adapter(name="one", sha256="one")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_checkpoint(tmp_path_factory.mktemp("others") / "other", size_px=64, seed=9)


@pytest.fixture(scope="module")
def file(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    looked_at = inspect_checkpoint(toy)
    chassis = Chassis(looked_at, dict.fromkeys(looked_at.components, CPU))
    return lora(tmp_path_factory.mktemp("loras") / "one.safetensors", chassis, "kohya")


@pytest.fixture(params=[1, 10**10], ids=["room for one", "room for many"])
def engine(request: pytest.FixtureRequest) -> Iterator[StepEngine]:
    made = StepEngine(CARD, Residency(CARD, request.param))
    yield made
    made.close()


def picture(engine: StepEngine, path: Path, file: Path | None = None) -> bytes:
    adapters = (ONE,) if file else ()
    recipe = resolved(exact=True, steps=3, adapters=adapters)
    engine.submit(PictureOrder("job", 0, recipe, path, files={"one": file} if file else {}))
    events = finish(engine)
    assert not [event for event in events if isinstance(event, PictureFailed)]
    return next(event.pixels.data for event in events if isinstance(event, PictureDone))


def test_pictures_are_those_of_a_cpu_whatever_was_put_in_before(
    engine: StepEngine, toy: Path, other: Path, file: Path
) -> None:
    plain = StepEngine(CPU, Residency(CPU))
    ways: list[tuple[Path, Path | None]] = [(toy, None), (other, None), (toy, file), (other, file)]
    wanted = [picture(plain, *way) for way in ways]
    plain.close()
    assert len(set(wanted)) == len(ways)
    for _ in range(2):
        assert [picture(engine, *way) for way in ways] == wanted


def test_one_chassis_larger_than_the_budget_is_changed_in_place(toy: Path, other: Path, file: Path) -> None:
    """It has to be somewhere; what it takes does not grow by a swap or an adapter."""
    engine = StepEngine(CARD, kept := Residency(CARD, 1))
    for path in (toy, other, toy):
        picture(engine, path)
        picture(engine, path, file)
        assert len(kept._slots) == 1
    assert kept.reads == 2, "weights wait in host memory"
    engine.close()


def test_swaps_that_are_measured_happen(toy: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_models, "SWAPS", 6)
    monkeypatch.setattr(bench_models, "choose_placement", lambda device: CARD)
    puts: list[Weights] = []
    put = Chassis.putting
    monkeypatch.setattr(Chassis, "putting", lambda self, weights: (puts.append(weights), put(self, weights))[1])
    report = bench_models.bench_swaps(toy, other, repeats=1, worn_times=2)
    assert report.warm_s > 0 == report.pointed_s and all(one.pointing_s == 0 < one.copying_s for one in report.cold)
    assert report.traces.same_picture and report.traces.changed_by_loras and report.traces.same_weights
    puts.clear()
    bench_models._switched((toy, other), CARD, 10**9)
    assert len(puts) == 6


def test_a_chassis_takes_its_memory_once_in_its_own_format(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[torch.dtype] = []
    real = torch.nn.Module.to_empty

    def to_empty(self: Any, **named: Any) -> Any:
        taken.extend(parameter.dtype for parameter in self.parameters())
        return real(self, **named)

    monkeypatch.setattr(torch.nn.Module, "to_empty", to_empty)
    files = inspect_checkpoint(toy)
    halves = dict.fromkeys(files.components, PretendedCard(dtype=torch.float16))
    chassis = Chassis(files, halves)
    chassis.put(finished(read_weights(files, chassis.skeleton, halves)))
    assert set(taken) == {torch.float16}
    kernel = chassis.networks["unet"].conv_in.weight
    assert kernel.dtype == torch.float16 and kernel.is_contiguous(memory_format=torch.channels_last)


def test_weights_read_for_one_place_can_be_put_into_another(toy: Path) -> None:
    """The device had room for the text encoders when they were read, and has none now."""
    files = inspect_checkpoint(toy)
    before = dict.fromkeys(files.components, PretendedCard(dtype=torch.float16))
    weights = finished(read_weights(files, Chassis(files, before).skeleton, before))
    chassis = Chassis(files, {**before, "text_encoder": HOST, "vae": HOST})
    chassis.put(weights)
    for name, dtype in (("text_encoder", torch.float32), ("vae", torch.float32), ("unet", torch.float16)):
        assert {parameter.dtype for parameter in chassis.networks[name].parameters()} == {dtype}


def test_an_override_of_the_budget_goes_down_the_ladder(toy: Path) -> None:
    files = inspect_checkpoint(toy)
    sizes, plenty = sizes_on(files, CARD), 10**12

    def on_host(most_bytes: int) -> set[str]:
        return {name for name, place in planned(files, CARD, plenty, most_bytes).items() if place == HOST}

    assert on_host(sum(sizes.values())) == set()
    assert on_host(sum(sizes.values()) - 1) == {"text_encoder"}
    assert on_host(sizes["unet"]) == on_host(1) == {"text_encoder", "vae"}
    with pytest.raises(OutOfMemory):
        planned(files, CARD, WORKING_BYTES, 10**12)


def test_the_plan_counts_what_torch_holds_without_using_it(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PretendedCard, "free_bytes", property(lambda self: 0))
    kept = Residency(CARD, 10**10)
    assert kept.begin(Outfit(toy), ())
    kept.clear()


@torch.inference_mode()
def test_latents_come_from_and_go_to_the_unets_device(toy: Path) -> None:
    """The autoencoder may be in host memory while the UNet is not."""
    chassis = Chassis(inspect_checkpoint(toy), placements := dict.fromkeys(inspect_checkpoint(toy).components, CPU))
    chassis.put(finished(read_weights(inspect_checkpoint(toy), chassis.skeleton, placements)))
    decoder = Decoder(chassis.networks["vae"], HOST, latents_on=torch.device("meta"))
    assert decoder.device.type == decoder._encode(torch.rand(3, 64, 64)).device.type == "meta"


@torch.inference_mode()
def test_an_autoencoder_that_says_it_overflows_is_not_tried_in_float16(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = PretendedCard(dtype=torch.float16)
    files = inspect_checkpoint(toy)
    chassis = Chassis(files, placements := dict.fromkeys(files.components, half))
    chassis.put(finished(read_weights(files, chassis.skeleton, placements)))
    vae, tried = chassis.networks["vae"], []
    real = type(vae).decode

    def decode(self: Any, inputs: torch.Tensor, *others: Any, **named: Any) -> Any:
        tried.append(inputs.dtype)
        return real(self, inputs, *others, **named)

    monkeypatch.setattr(type(vae), "decode", decode)
    latents = torch.randn(4, 8, 8)
    assert Decoder(vae, half)(latents).retried_in is None
    careful = Decoder(vae, half, overflows=True)
    assert careful(latents).retried_in == careful(latents).retried_in == "bfloat16"
    assert tried == [torch.float16, torch.bfloat16, torch.bfloat16]
    assert len(careful._wider) == 1, "the copy is kept"


@torch.inference_mode()
def test_a_picture_that_does_not_fit_is_encoded_in_tiles(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = inspect_checkpoint(toy)
    chassis = Chassis(files, placements := dict.fromkeys(files.components, CPU))
    chassis.put(finished(read_weights(files, chassis.skeleton, placements)))
    decoder = Decoder(chassis.networks["vae"], CPU)
    rgb = torch.rand(1, 3, 800, 800)
    whole = decoder.encode(rgb)
    real = Decoder._encode_whole

    def tight(self: Decoder, one: torch.Tensor) -> torch.Tensor:
        if one.shape[1] >= 800:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB")
        return real(self, one)

    monkeypatch.setattr(Decoder, "_encode_whole", tight)
    assert (decoder.encode(rgb) - whole).abs().mean() < 0.05 * whole.std()


def test_idle_checkpoints_make_room_before_anything_is_made_smaller(
    toy: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = StepEngine(CARD, kept := Residency(CARD, 10**10))
    wanted = picture(engine, toy)
    picture(engine, other)
    assert len(kept._slots) == 2
    real = Denoiser.__call__
    samples: list[int] = []

    def tight(self: Denoiser, x: torch.Tensor, *others: Any, **named: Any) -> Any:
        if len(kept._slots) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB")
        samples.append(len(x))
        return real(self, x, *others, **named)

    monkeypatch.setattr(Denoiser, "__call__", tight)
    for index in range(2):
        engine.submit(order(toy, "job", index, seed=1))
    events = finish(engine)
    assert not [event for event in events if isinstance(event, PictureFailed)]
    assert set(samples) == {4}, "both pictures and their negative sides in one call"
    assert [slot.outfit for slot in kept._slots] == [Outfit(toy)]
    assert picture(engine, toy) == wanted
    engine.close()


def test_unloading_lets_go_of_adapters_too(toy: Path, file: Path) -> None:
    shelf = AdapterShelf()
    engine = StepEngine(CARD, Residency(CARD, 10**10, None, shelf))
    picture(engine, toy, file)
    assert shelf._files
    engine.unload()
    assert not shelf._files
    engine.close()


def test_texts_of_many_adapter_weights_do_not_pile_up(toy: Path, file: Path) -> None:
    engine = StepEngine(CARD, kept := Residency(CARD, 10**10))
    for number in range(slots.MOST_READ + 3):
        adapters = (Adapter(name="one", sha256="one", text_weight=number / 10),)
        recipe = resolved(steps=1, adapters=adapters)
        engine.submit(PictureOrder("job", 0, recipe, toy, files={"one": file}))
        finish(engine)
    assert len(kept._kept[toy].read) == slots.MOST_READ
    engine.close()


def test_memory_that_cannot_be_pinned_is_used_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    class Runtime:
        tried = 0

        def cudaHostRegister(self, address: int, size_bytes: int, flags: int) -> int:  # noqa: N802  CUDA's name
            self.tried += 1
            return 2

    runtime, forgotten = Runtime(), []
    monkeypatch.setattr(torch.cuda, "cudart", lambda: runtime)
    monkeypatch.setattr(host_memory, "_forget_error", lambda: forgotten.append(True))
    memory = HostMemory(pinned=True)
    kept = [memory.take(1000), memory.take(2000)]
    assert [one.numel() for one in kept] == [1000, 2000]
    assert runtime.tried == 1 and forgotten == [True], "not tried again, and nobody else is told of the error"


def test_pictures_go_on_while_memory_is_pinned(toy: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pinning some gigabytes takes a second or two."""
    told, tried = threading.Event(), []

    class Runtime:
        def cudaHostRegister(self, address: int, size_bytes: int, flags: int) -> int:  # noqa: N802  CUDA's name
            tried.append(size_bytes)
            return 0 if told.wait(60) else 2

        def cudaHostUnregister(self, address: int) -> int:  # noqa: N802  CUDA's name
            return 0

    monkeypatch.setattr(torch.cuda, "cudart", Runtime)
    engine = StepEngine(CARD, kept := Residency(CARD, 10**10))
    engine.submit(PictureOrder("first", 0, resolved(steps=1), toy))
    finish(engine)
    kept._memory = HostMemory(pinned=True)
    engine.submit(PictureOrder("second", 0, resolved(steps=2), other))
    engine.submit(PictureOrder("third", 0, resolved(steps=2), toy))
    events: list[Event] = []
    try:
        while not (tried and any(isinstance(event, PictureDone) for event in events)):
            events += engine.step()
            assert not any(isinstance(event, PictureFailed) for event in events)
    finally:
        told.set()
    assert [event.job_id for event in events if isinstance(event, PictureDone)] == ["third"]
    events = finish(engine)
    assert [event.job_id for event in events if isinstance(event, PictureDone)] == ["second"]
    assert len(tried) == len(inspect_checkpoint(other).components)
    engine.close()


def test_a_block_may_come_back_while_another_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Garbage may be collected at any moment, and give a block's last view up."""
    memory = HostMemory()
    held = [memory.take(500)]
    real = HostMemory._let_go

    def collected(self: HostMemory, size_bytes: int) -> None:
        held.clear()
        real(self, size_bytes)

    monkeypatch.setattr(HostMemory, "_let_go", collected)
    assert memory.take(10_000).numel() == 10_000


@pytest.mark.parametrize(
    "words",
    ["CUBLAS_STATUS_ALLOC_FAILED when calling", "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"],
)
def test_libraries_have_their_own_words_for_too_little_memory(words: str) -> None:
    assert is_out_of_memory(RuntimeError(words))
