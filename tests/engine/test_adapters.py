"""Adapters in every spelling against diffusers and against the papers' formulas, and that they leave no trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file
from torch import Tensor

from studio.engine.adapters import AdapterShelf
from studio.engine.build import create_engine
from studio.engine.chassis import Chassis
from studio.engine.load import inspect_checkpoint
from studio.engine.lora_file import AdapterModule, read_adapter
from studio.engine.lora_names import component_and_flat_name, matched, parameters_by_flat_name
from studio.engine.outfit import Outfit, Worn
from studio.engine.step_engine import StepEngine
from studio.errors import DamagedModel, UnsupportedModel
from studio.recipe.adapters import Adapter
from studio.recipe.events import Event, PictureDone, PictureFailed, PictureOrder
from tests.engine.conftest import CPU
from tests.engine.recipes import finish, resolved
from tests.toys import toy_checkpoint

QUERY = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"
CONVOLUTION = "down_blocks.0.resnets.0.conv1.weight"


@pytest.fixture(scope="module")
def chassis(toy: Path) -> Chassis:
    files = inspect_checkpoint(toy)
    return Chassis(files, dict.fromkeys(files.components, CPU))


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def factors(weight: torch.Size, rank: int = 4) -> tuple[Tensor, Tensor]:
    """Up and down of a LoRA for a weight of this shape."""
    out, into, *kernel = weight
    return random(out, rank, *[1] * len(kernel)) * 0.02, random(rank, into, *kernel, seed=1)


def lora(
    path: Path,
    chassis: Chassis,
    spelling: str,
    alpha: float = 2.0,
    components: tuple[str, ...] = ("unet", "text_encoder"),
) -> Path:
    """A LoRA over attention of UNet and text encoder, in one of the spellings people have."""
    tensors: dict[str, Tensor] = {}
    for component in components:
        names = [name for name in chassis.skeleton[component] if name.endswith(("to_q.weight", "to_out.0.weight"))]
        names += [name for name in chassis.skeleton[component] if name.endswith("self_attn.q_proj.weight")]
        for name in names:
            up, down = factors(chassis.skeleton[component][name])
            module = name.removesuffix(".weight")
            text = module if component == "unet" else f"text_model.{module.removeprefix('text_model.')}"
            if spelling == "kohya":
                prefix = {"unet": "lora_unet_", "text_encoder": "lora_te_"}[component]
                key = prefix + text.replace(".", "_")
                tensors |= {f"{key}.lora_up.weight": up, f"{key}.lora_down.weight": down}
                tensors[f"{key}.alpha"] = torch.tensor(alpha)
            else:
                up_name, down_name = {"peft": ("lora_B", "lora_A"), "diffusers": ("lora.up", "lora.down")}[spelling]
                key = f"{component}.{text}"
                tensors |= {f"{key}.{up_name}.weight": up, f"{key}.{down_name}.weight": down}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("spelling", ["kohya", "peft"])
def test_the_weights_are_those_that_diffusers_makes(tmp_path: Path, toy: Path, chassis: Chassis, spelling: str) -> None:
    # diffusers does not read a text encoder's part from kohya's names with this version of transformers.
    components = ("unet",) if spelling == "kohya" else ("unet", "text_encoder")
    file = lora(tmp_path / "one.safetensors", chassis, spelling, components=components)
    pipeline = StableDiffusionPipeline.from_pretrained(toy)
    clean = {name: tensor.clone() for name, tensor in pipeline.unet.state_dict().items()}
    text = {name: tensor.clone() for name, tensor in pipeline.text_encoder.state_dict().items()}
    pipeline.load_lora_weights(tmp_path, weight_name=file.name)
    pipeline.fuse_lora(lora_scale=0.7)
    pipeline.unload_lora_weights()
    patches = AdapterShelf().patches(Outfit(toy, adapters=(Worn(file, 0.7, 0.7),)), chassis)
    fused = pipeline.unet.state_dict()
    changed = {name for name, tensor in fused.items() if not torch.equal(tensor, clean[name])}
    assert changed == set(patches["unet"]) and QUERY in changed
    for name in changed:
        torch.testing.assert_close(patches["unet"][name](clean[name]), fused[name], rtol=1e-5, atol=1e-5)
    fused_text = pipeline.text_encoder.state_dict()
    assert set(patches) == set(components)
    for name, patch in patches.get("text_encoder", {}).items():
        torch.testing.assert_close(patch(text[name]), fused_text[name], rtol=1e-5, atol=1e-5)


def test_every_spelling_means_the_same(tmp_path: Path, toy: Path, chassis: Chassis) -> None:
    wanted: dict[str, Tensor] = {}
    for spelling in ("peft", "diffusers", "kohya"):
        # Without alpha a LoRA counts as it is; with it, by alpha / rank.
        file = lora(tmp_path / f"{spelling}.safetensors", chassis, spelling, alpha=4.0)
        patches = AdapterShelf().patches(Outfit(toy, adapters=(Worn(file),)), chassis)
        shape = chassis.skeleton["unet"][QUERY]
        made = {QUERY: patches["unet"][QUERY](torch.zeros(shape))}
        assert not wanted or torch.equal(made[QUERY], wanted[QUERY])
        wanted = made


def test_the_names_of_the_original_repositories(chassis: Chassis) -> None:
    parameters = parameters_by_flat_name(chassis.skeleton["unet"])
    for theirs, ours in {
        "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q": QUERY,
        "lora_unet_input_blocks_1_0_in_layers_2": CONVOLUTION,
        "lora_unet_input_blocks_2_0_op": "down_blocks.0.downsamplers.0.conv.weight",
        "lora_unet_input_blocks_0_0": "conv_in.weight",
        "lora_unet_middle_block_1_proj_in": "mid_block.attentions.0.proj_in.weight",
        "lora_unet_output_blocks_3_1_transformer_blocks_0_attn2_to_out_0": (
            "up_blocks.1.attentions.1.transformer_blocks.0.attn2.to_out.0.weight"
        ),
        "lora_unet_output_blocks_1_1_conv": "up_blocks.0.upsamplers.0.conv.weight",
        "lora_unet_nothing_of_this": None,
    }.items():
        component, flat = component_and_flat_name(theirs)
        assert (component, matched(flat, parameters)) == ("unet", ours)


def test_lyc_forms_are_those_of_the_papers() -> None:
    w1a, w1b, w2a, w2b = random(8, 2), random(2, 6), random(8, 2, seed=5), random(2, 6, seed=6)
    loha = {"hada_w1_a": w1a, "hada_w1_b": w1b, "hada_w2_a": w2a, "hada_w2_b": w2b, "alpha": torch.tensor(1.0)}
    expected = (w1a @ w1b) * (w2a @ w2b) / 2
    torch.testing.assert_close(AdapterModule(loha).delta(torch.Size((8, 6))), expected)

    small, large = random(2, 3), random(4, 2)
    assert torch.equal(
        AdapterModule({"lokr_w1": small, "lokr_w2": large, "alpha": torch.tensor(9.0)}).delta(torch.Size((8, 6))),
        torch.kron(small, large),
    )
    w2a, w2b = random(4, 2), random(2, 2, seed=3)
    factored = {"lokr_w1": small, "lokr_w2_a": w2a, "lokr_w2_b": w2b, "alpha": torch.tensor(1.0)}
    torch.testing.assert_close(AdapterModule(factored).delta(torch.Size((8, 6))), torch.kron(small, w2a @ w2b) / 2)

    up, mid, down = random(8, 2, 1, 1), random(2, 2, 3, 3), random(2, 6, 1, 1)
    places = [(o, i, r, s) for o in range(8) for i in range(6) for r in range(2) for s in range(2)]
    expected = torch.zeros(8, 6, 3, 3)
    for o, i, r, s in places:
        expected[o, i] += up[o, r, 0, 0] * mid[r, s] * down[s, i, 0, 0]
    tucker = {"up": up, "mid": mid, "down": down, "alpha": torch.tensor(2.0)}
    torch.testing.assert_close(AdapterModule(tucker).delta(torch.Size((8, 6, 3, 3))), expected)
    assert torch.equal(AdapterModule({"diff": small}).delta(torch.Size((2, 3))), small)


def test_what_does_not_fit_is_said(tmp_path: Path, toy: Path, chassis: Chassis) -> None:
    def refused(tensors: dict[str, Tensor]) -> str:
        file = tmp_path / "strange.safetensors"
        save_file(tensors, file)
        with pytest.raises((UnsupportedModel, DamagedModel)) as caught:
            for patch in AdapterShelf().patches(Outfit(toy, adapters=(Worn(file),)), chassis)["unet"].values():
                patch(torch.zeros(1))
        return str(caught.value)

    key = "lora_unet_" + QUERY.removesuffix(".weight").replace(".", "_")
    assert "another kind of network" in refused({"lora_unet_elsewhere.lora_up.weight": torch.ones(2, 2)})
    assert "nothing that the studio knows" in refused({"something": torch.ones(2, 2)})
    wrong = {f"{key}.lora_up.weight": torch.ones(5, 2), f"{key}.lora_down.weight": torch.ones(2, 5)}
    assert "does not fit this checkpoint at" in refused(wrong)
    (tmp_path / "cut.safetensors").write_bytes(b"nothing")
    with pytest.raises(DamagedModel, match="cannot be read"):
        AdapterShelf().patches(Outfit(toy, adapters=(Worn(tmp_path / "cut.safetensors"),)), chassis)


def with_peft(layer: torch.nn.Module) -> tuple[dict[str, Tensor], Tensor]:
    """A DoRA that peft has made of a layer: its tensors as they are saved, and the weight that peft makes with it."""
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict

    model = torch.nn.Sequential(layer)
    worn = get_peft_model(model, LoraConfig(r=3, lora_alpha=3, use_dora=True, target_modules=["0"]))  # type: ignore[arg-type]
    for name, parameter in worn.named_parameters():
        if "lora_B" in name or "magnitude" in name:
            parameter.data += random(*parameter.shape).abs() * 0.1
    state = {name: tensor.clone() for name, tensor in get_peft_model_state_dict(worn).items()}
    return state, worn.merge_and_unload()[0].weight.detach()


@pytest.mark.parametrize(
    "layer", [torch.nn.Linear(6, 4), torch.nn.Linear(5, 5), torch.nn.Conv2d(4, 6, 3), torch.nn.Conv2d(4, 4, 3)], ids=str
)
def test_dora_makes_the_weights_that_peft_makes(tmp_path: Path, layer: torch.nn.Module) -> None:
    clean = layer.weight.detach().clone()  # type: ignore[union-attr, operator]
    state, expected = with_peft(layer)
    file = tmp_path / "dora.safetensors"
    save_file(state, file)
    (module,) = read_adapter(file).values()
    torch.testing.assert_close(clean + module.change(clean), expected, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(clean, expected, atol=1e-3)


@pytest.mark.parametrize("shape", [(6, 4), (5, 5), (6, 4, 3, 3)])
def test_doras_lengths_may_be_of_inputs(shape: tuple[int, ...]) -> None:
    clean, delta = random(*shape), random(*shape, seed=3)
    lengths = random(shape[1], seed=5).abs()
    module = AdapterModule({"diff": delta, "dora": lengths.reshape(1, -1, *[1] * (len(shape) - 2))})
    found = clean + module.change(clean)
    for place in range(shape[1]):
        column = (clean + delta)[:, place]
        torch.testing.assert_close(found[:, place], column / column.norm() * lengths[place])
    with pytest.raises(UnsupportedModel, match="lengths"):
        AdapterModule({"diff": delta, "dora": torch.ones(7)}).change(clean)


# --- in the engine ---


def ordered(path: Path, job: str, files: dict[str, Path], *adapters: Adapter, **fields: Any) -> PictureOrder:
    recipe = resolved(exact=True, steps=3, adapters=adapters, **fields)
    return PictureOrder(job, 0, recipe, path, files=files)


def data(events: list[Event], job: str) -> bytes:
    failed = [event for event in events if isinstance(event, PictureFailed)]
    assert not failed
    return next(event.pixels.data for event in events if isinstance(event, PictureDone) and event.job_id == job)


def test_three_loras_and_two_swaps_leave_no_trace(tmp_path: Path, toy: Path, chassis: Chassis) -> None:
    other = toy_checkpoint(tmp_path / "other", size_px=64, seed=9)
    files = {
        str(number): lora(tmp_path / f"{number}.safetensors", chassis, spelling)
        for number, spelling in enumerate(("kohya", "peft", "diffusers"))
    }
    worn = [Adapter(name=name, sha256=name, unet_weight=0.5 + int(name), text_weight=0.5) for name in files]
    engine: StepEngine = create_engine("cpu", budget_mb=1e-6)
    engine.submit(ordered(toy, "before", {}))
    before = data(finish(engine), "before")
    for number in range(3):
        engine.submit(ordered(toy, "worn", files, *worn[: number + 1]))
        assert data(finish(engine), "worn") != before
    for path in (other, toy, other):
        engine.submit(ordered(path, "swap", {}))
        finish(engine)
    engine.submit(ordered(toy, "after", {}))
    assert data(finish(engine), "after") == before
    engine.close()


def test_pictures_with_and_without_are_made_together(tmp_path: Path, toy: Path, chassis: Chassis) -> None:
    file = lora(tmp_path / "one.safetensors", chassis, "kohya")
    worn = Adapter(name="one", sha256="one", unet_weight=1.0, text_weight=1.0)
    engine: StepEngine = create_engine("cpu")
    alone = []
    for adapters in ((), (worn,)):
        engine.submit(ordered(toy, "alone", {"one": file}, *adapters))
        alone.append(data(finish(engine), "alone"))
    for number in range(4):
        engine.submit(ordered(toy, f"{number}", {"one": file}, *[worn][: number % 2]))
    events = finish(engine)
    assert [data(events, f"{number}") for number in range(4)] == alone * 2
    engine.close()


def test_the_shelf_forgets_what_was_not_used(tmp_path: Path, toy: Path, chassis: Chassis) -> None:
    shelf = AdapterShelf(kept_bytes=1)
    for name in "ab":
        shelf.patches(Outfit(toy, adapters=(Worn(lora(tmp_path / name, chassis, "kohya")),)), chassis)
    assert len(shelf._files) == 1
