"""Where the parts of a checkpoint go when the device is small, and that pictures come out the same from two places."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from studio.engine import residency
from studio.engine.chassis import network_without_weights
from studio.engine.load import inspect_checkpoint
from studio.engine.model_files import TEXT_ENCODERS, CheckpointFiles, ComponentFiles
from studio.engine.placement import Placement
from studio.engine.placement_plan import DECODING_BYTES, HOST, WORKING_BYTES, planned, sizes_on
from studio.engine.residency import Residency
from studio.engine.step_engine import StepEngine
from studio.errors import OutOfMemory
from studio.library.card import Family
from studio.library.families import family_folder
from studio.recipe.events import PictureDone
from tests.engine.conftest import CPU
from tests.engine.recipes import finish, order

GPU = Placement(torch.device("cuda"), torch.float16)


def test_the_ladder_goes_down_with_the_memory(toy: Path) -> None:
    files = inspect_checkpoint(toy)
    sizes = sizes_on(files, GPU)
    everything = sum(sizes.values())
    assert everything == files.parameter_count * 2

    def on_host(room_bytes: int) -> set[str]:
        plan = planned(files, GPU, DECODING_BYTES + room_bytes)
        return {name for name, placement in plan.items() if placement == HOST}

    assert on_host(everything) == set()
    assert on_host(everything - 1) == {"text_encoder"}
    assert on_host(sizes["unet"] + sizes["vae"] - 1) == {"text_encoder", "vae"}
    planned(files, GPU, WORKING_BYTES + sizes["unet"])
    with pytest.raises(OutOfMemory, match=r"needs [\d,]+ MB of the device's memory, [\d,]+ MB are there"):
        planned(files, GPU, WORKING_BYTES + sizes["unet"] - 1)
    assert set(planned(files, CPU, 0).values()) == {CPU}


@pytest.mark.parametrize(
    ("family", "card_gb", "on_host"),
    [
        ("sd1", 4, set()), ("sd2", 4, {"text_encoder"}), ("sdxl", 12, set()),
        ("sdxl", 8, {"text_encoder", "text_encoder_2"}), ("sdxl", 6, {"text_encoder", "text_encoder_2", "vae"}),
    ],
)  # fmt: skip
def test_the_families_run_on_the_cards_people_have(family: Family, card_gb: int, on_host: set[str]) -> None:
    """In their real sizes, by the configurations that ship. A tenth of a card is the desktop's and CUDA's own."""
    folder = family_folder(family)
    assert folder is not None
    components = {}
    for name in (*TEXT_ENCODERS, "unet", "vae"):
        if (folder / name).is_dir():
            config = json.loads((folder / name / "config.json").read_text())
            network = network_without_weights(name, config, name)
            count = sum(parameter.numel() for parameter in network.parameters())
            components[name] = ComponentFiles(name, config, (), count)
    files = CheckpointFiles(Path(family), components, {}, ())
    plan = planned(files, GPU, int(card_gb * 2**30 * 0.9))
    assert {name for name, placement in plan.items() if placement == HOST} == on_host


def test_parts_in_two_places_make_the_picture_of_one(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The UNet in half precision, as on a device, and the others in float32, as in host memory."""
    alone = _picture(toy)
    device = Placement(torch.device("cpu"), torch.float16)
    plan = {"unet": device, "vae": HOST, "text_encoder": HOST}
    monkeypatch.setattr(residency, "planned", lambda *given: plan)
    apart = _picture(toy)
    assert not np.array_equal(alone, apart), "half precision shows, so the plan was followed"
    assert np.abs(alone - apart).mean() < 4


def _picture(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    engine = StepEngine(CPU, Residency(CPU))
    engine.submit(order(path, width_px=64, height_px=64))
    done = next(event for event in finish(engine) if isinstance(event, PictureDone))
    engine.close()
    return np.frombuffer(done.pixels.data, np.uint8).astype(np.int64)
