"""A checkpoint without a VAE of its own: listed, told, ordered with a VAE that somebody names, and refused without."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio.accounts import ClientOptions
from studio.errors import InvalidField, UnknownCheckpoint
from studio.jobs import JobView
from studio.library import Library
from studio.recipe import Recipe, infotext
from studio.sdapi.fields import named_as_sent
from studio.sdapi.schemas import TextToImage
from studio.sdapi.translation import plan_of
from studio.services import LOCAL_OWNER, Studio, build_studio
from studio.settings import load_settings
from studio.ui import actions
from tests.library import header_files as files
from tests.library.header_files import write_header_file

XL_VAE = {"modelspec.architecture": "stable-diffusion-xl-v1-base/vae"}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Checkpoints of two families without a VAE, one whole one, and a VAE for each family."""
    folder = tmp_path / "models"
    folder.mkdir()
    write_header_file(folder / "bare.safetensors", files.WITHOUT_VAE)
    bare_xl = {name: shape for name, shape in files.SDXL.items() if "first_stage" not in name}
    write_header_file(folder / "bare-xl.safetensors", bare_xl)
    write_header_file(folder / "soft.safetensors", {**files.VAE_ORIGINAL, "loss.logvar": (1,)})
    write_header_file(folder / "grand.safetensors", files.VAE_ORIGINAL, metadata=XL_VAE)
    return folder


@pytest.fixture
def studio(tmp_path: Path, models: Path) -> Iterator[Studio]:
    built = build_studio(load_settings(home=tmp_path / "home", models=[models], engine="fake"))
    yield built
    built.close()


def refusal(studio: Studio, **fields: str) -> InvalidField:
    with pytest.raises(InvalidField) as caught:
        studio.resolve(Recipe(prompt="a cat", **fields))
    assert caught.value.field == "vae"
    return caught.value


def test_it_is_listed_and_says_what_to_choose(studio: Studio) -> None:
    card = studio.library.find("bare")
    told = card.as_dict()
    assert told["usable"] and told["needs_vae"] and told["fitting_vaes"] == ("soft",) and told["problem"] is None
    assert card.remark == "It has no VAE of its own: choose one. Here for its family: soft."
    assert studio.library.find("bare-xl").fitting_vaes == ("grand",)
    assert studio.library.find("starter").remark == ""


def test_without_a_vae_it_is_refused_with_those_that_fit(studio: Studio, models: Path) -> None:
    for asked in ("auto", "own", "None", "automatic", ""):
        assert refusal(studio, checkpoint="bare", vae=asked).allowed == "soft"
    one = "vae: the checkpoint bare has no VAE of its own, so name the one for its family that is here (allowed: soft)"
    assert str(refusal(studio, checkpoint="bare")) == one, "not even the only one is taken without being named"
    second = write_header_file(models / "sharp.safetensors", files.VAE_PREFIXED)
    studio.library.scan()
    many = "vae: the checkpoint bare has no VAE of its own, so choose one (allowed: sharp, soft)"
    assert str(refusal(studio, checkpoint="bare")) == many
    for file in (second, models / "soft.safetensors"):
        file.unlink()
    studio.library.scan()
    none = refusal(studio, checkpoint="bare")
    assert none.allowed == "" and "none for its family is here: put one into the models folder, or fetch" in str(none)
    assert "none for its family is here" in studio.library.find("bare").remark
    with pytest.raises(InvalidField, match="grand is made for Stable Diffusion XL"):
        studio.resolve(Recipe(checkpoint="bare", vae="grand"))


def test_named_it_is_ordered_and_told_in_the_text(studio: Studio) -> None:
    vae = studio.library.part("vae", "soft")
    for name in ("soft", "soft.safetensors", vae.sha256[:12]):
        resolved = studio.resolve(Recipe(prompt="a cat", checkpoint="bare", vae=name))
        assert (resolved.checkpoint, resolved.vae, resolved.vae_sha256) == ("bare", "soft", vae.sha256)
    text = infotext.write(resolved)
    assert f"VAE hash: {vae.sha256[:10]}, VAE: soft" in text
    stock = studio.holdings.read_text(text)
    assert stock.recipe["vae"] == "soft" and stock.notes == []
    bare = studio.holdings.read_text(text.replace(f"VAE hash: {vae.sha256[:10]}, VAE: soft, ", ""))
    assert "vae" not in bare.recipe and "“bare”: It has no VAE of its own" in bare.notes[0]


def test_its_card_may_choose_one_for_everybody(studio: Studio) -> None:
    card = studio.library.find("bare")
    studio.library.write(card.id, recipe={"vae": "soft"})
    assert studio.library.find("bare").remark == "It has no VAE of its own and takes soft, unless another is chosen."
    assert studio.resolve(Recipe(checkpoint="bare")).vae == "soft"
    assert refusal(studio, checkpoint="bare", vae="own").allowed == "soft"
    studio.library.write(card.id, recipe={"vae": "lost"})
    assert "its card names lost. Here for its family: soft." in studio.library.find("bare").remark
    assert "the card of bare chooses one that is not here. No VAE is called 'lost'" in str(
        refusal(studio, checkpoint="bare")
    )


def test_auto_prefers_what_can_begin(tmp_path: Path, models: Path) -> None:
    library = Library([models], tmp_path / "cache", hash_ahead=False)

    def auto() -> str:
        library.scan()
        return library.find("auto", hashed=False).name

    assert auto() in ("bare", "bare-xl"), "nothing else is here"
    whole = write_header_file(models / "zebra.safetensors", files.SD1)
    assert auto() == "zebra"
    library.write(library.find("bare", hashed=False).id, recipe={"vae": "soft"})
    assert auto() == "bare"
    library.write(library.find("bare", hashed=False).id, recipe={"vae": "grand"})
    assert auto() == "zebra", "that one is made for another family"
    whole.unlink()
    for name in ("bare", "bare-xl"):
        (models / f"{name}.safetensors").unlink()
    with pytest.raises(UnknownCheckpoint):
        auto()


def test_names_are_believed_only_for_what_is_proposed(tmp_path: Path, models: Path) -> None:
    for name in ("sdxl_vae", "vae-ft-mse"):
        write_header_file(models / f"{name}.safetensors", files.VAE_ORIGINAL)
    write_header_file(models / "sixteen.safetensors", files.VAE_OF_FLUX)
    library = Library([models], tmp_path / "cache", hash_ahead=False)
    library.scan()
    assert library.find("bare", hashed=False).fitting_vaes == ("soft", "vae-ft-mse")
    assert library.find("bare-xl", hashed=False).fitting_vaes == ("grand", "sdxl_vae")


def test_other_programs_hear_of_it_by_their_own_name(studio: Studio) -> None:
    def ordered(**fields: object) -> None:
        plan = plan_of(TextToImage(**{"prompt": "a cat", "steps": 2, **fields}), studio, LOCAL_OWNER)
        with named_as_sent():
            studio.resolve(plan.recipe)

    chosen = {"sd_model_checkpoint": "bare"}
    with pytest.raises(InvalidField, match=r"^sd_vae: the checkpoint bare has no VAE of its own.*\(allowed: soft\)$"):
        ordered(override_settings=chosen)
    with pytest.raises(InvalidField, match=r"^sd_vae: "):
        ordered(override_settings={**chosen, "sd_vae": "None"})
    ordered(override_settings={**chosen, "sd_vae": "soft.safetensors"})
    ClientOptions(studio.database).change(LOCAL_OWNER, {"sd_vae": "soft"})
    ordered(override_settings=chosen)


def test_the_form_offers_what_fits_first(studio: Studio) -> None:
    own = "The checkpoint’s own: it has none"
    assert actions.vae_choices(studio, "bare-xl") == [
        ("Choose one: the checkpoint has none", "auto"), (own, "own"), ("grand", "grand"), ("soft", "soft"),
    ]  # fmt: skip
    assert ("bare", "bare") in actions.checkpoint_choices(studio)
    studio.library.write(studio.library.find("bare").id, recipe={"vae": "soft"})
    assert actions.vae_choices(studio, "bare")[0] == ("Auto: soft", "auto")
    assert actions.vae_choices(studio, "starter")[0] == ("Auto: what suits the checkpoint", "auto")


def test_another_checkpoint_is_never_one_that_cannot_begin(studio: Studio, models: Path) -> None:
    tried = set()
    image_id = made(studio, Recipe(prompt="a cat", checkpoint="starter", steps=1, seed=1)).pictures[0].image_id
    for _ in range(3):
        view = studio.vary(str(image_id), "checkpoint")
        tried.add(view.recipe.checkpoint)
        image_id = finished(studio, view).pictures[0].image_id
    assert tried == {"starter", "starter-night"}


def test_a_vae_that_vanished_meanwhile_fails_its_job_alone(studio: Studio, models: Path) -> None:
    with_vae = studio.submit(Recipe(prompt="a cat", checkpoint="bare", vae="soft", steps=1))
    other = studio.submit(Recipe(prompt="a dog", checkpoint="starter", steps=1))
    (models / "soft.safetensors").unlink()
    studio.library.scan()
    studio.start()
    failed = finished(studio, with_vae)
    assert failed.state.value == "failed" and "No VAE is called 'soft [" in str(failed.pictures[0].error)
    assert finished(studio, other).state.value == "done"


def made(studio: Studio, recipe: Recipe) -> JobView:
    studio.start()
    return finished(studio, studio.submit(recipe))


def finished(studio: Studio, view: JobView) -> JobView:
    return until(lambda: studio.job(view.id), lambda job: job.state.finished)


def until(look: Callable[[], JobView], holds: Callable[[JobView], bool]) -> JobView:
    deadline_s = time.monotonic() + 60
    while not holds(found := look()):
        assert time.monotonic() < deadline_s, found
        time.sleep(0.05)
    return found
