"""A checkpoint that lacks the mark of what it predicts is run as its card says, beside others that are run as found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from studio.engine.residency import Residency
from studio.engine.step_engine import StepEngine
from studio.library import Library
from studio.recipe.events import PictureDone
from tests.engine.conftest import CPU
from tests.engine.recipes import finish, order
from tests.single_files import folder_and_file

SIZE = {"width_px": 64, "height_px": 64, "steps": 3}


def pictures(*orders: tuple[Path, dict[str, Any]]) -> list[bytes]:
    """What one engine makes of several orders at once."""
    residency = Residency(CPU)
    engine = StepEngine(CPU, residency)
    for number, (path, fields) in enumerate(orders):
        engine.submit(order(path, f"job {number}", **{**SIZE, "exact": True, **fields}))
    events = finish(engine)
    assert residency.reads == len({path for path, _ in orders}), "weights are the same however they are run"
    engine.close()
    done = {event.job_id: event.pixels.data for event in events if isinstance(event, PictureDone)}
    assert len(done) == len(orders), events
    return [done[f"job {number}"] for number in range(len(orders))]


@pytest.mark.parametrize(("family", "zero_snr"), [("sdxl", True), ("sd1", False), ("sd2", False)])
def test_an_unmarked_file_renders_the_bytes_of_its_marked_twin(tmp_path: Path, family: str, zero_snr: bool) -> None:
    _, marked = folder_and_file(tmp_path / "marked", family, prediction="v_prediction", zero_snr=zero_snr)
    tensors = {name: tensor for name, tensor in load_file(marked).items() if name not in ("v_pred", "ztsnr")}
    unmarked = tmp_path / "models" / "tuned-512.safetensors"  # of Stable Diffusion 2.x, the name is the mark
    unmarked.parent.mkdir()
    save_file(tensors, unmarked)
    library = Library([unmarked.parent], tmp_path / "cache", hash_ahead=False)
    library.scan()
    card = library.find("tuned-512")
    assert (card.prediction, card.zero_snr) == ("epsilon", False)
    library.write(card.id, prediction="v_prediction", **({"zero_snr": True} if zero_snr else {}))
    facts = library.facts("tuned-512")
    said = {"family": family, "prediction": facts.prediction, "zero_snr": facts.zero_snr}
    (wanted,) = pictures((marked, {"family": family}))
    as_found, as_said, again = pictures((unmarked, {"family": family}), (unmarked, said), (unmarked, said))
    assert as_said == again == wanted != as_found


def test_a_folder_is_run_so_too(tmp_path: Path) -> None:
    folder, _ = folder_and_file(tmp_path / "v", "sd1", prediction="v_prediction")
    other, _ = folder_and_file(tmp_path / "epsilon", "sd1")
    assert pictures((folder, {}))[0] == pictures((other, {"prediction": "v_prediction"}))[0] != pictures((other, {}))[0]
