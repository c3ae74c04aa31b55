"""A card belongs to the weights: by their hash first, and by the name only as long as a hash is not known."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from studio.errors import InvalidField
from studio.library import Library, ModelCard
from studio.library.own_cards import OwnCards
from tests.library import header_files as files
from tests.library.header_files import write_header_file


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "model-cards"


def lora(models: Path, name: str, filling: str = "a") -> Path:
    return write_header_file(models / f"{name}.safetensors", files.LORA_SD1, metadata={"filling": filling})


def hashed(library: Library, name: str) -> ModelCard:
    return library.part("lora", name)


def test_another_model_that_takes_the_name_inherits_nothing(models: Path, library: Library, cards: Path) -> None:
    first = lora(models, "ink")
    library.scan()
    library.write(hashed(library, "ink").id, notes="the first", weight=0.5)
    first.rename(models / "old.safetensors")
    lora(models, "ink", "b")
    library.scan()
    for name, told in (("ink", ("", None, ())), ("old", ("the first", 0.5, ("weight",)))):
        card = hashed(library, name)  # its hash is computed by this very call
        assert (card.notes, card.weight, card.own) == told
    library.write(hashed(library, "ink").id, notes="the second")
    library.scan()
    assert hashed(library, "old").notes == "the first" and hashed(library, "ink").notes == "the second"
    assert len(list(cards.glob("*.toml"))) == 2


def test_before_the_hash_is_known_a_card_of_that_name_is_anothers_perhaps(models: Path, library: Library) -> None:
    lora(models, "ink").rename(models / "old.safetensors")
    library.scan()
    library.write(hashed(library, "old").id, notes="the first")
    (models / "old.safetensors").rename(models / "ink.safetensors")
    lora(models, "old", "b")
    library.scan()
    unhashed = next(card for card in library.models() if card.name == "old")
    assert unhashed.sha256 == ""
    library.write(unhashed.id, notes="the second")
    assert hashed(library, "ink").notes == "the first" and hashed(library, "old").notes == "the second"


def test_a_hash_is_filled_in_later_and_the_rest_stays_as_it_was_typed(
    models: Path, library: Library, cards: Path
) -> None:
    file = lora(models, "ink")
    cards.mkdir(parents=True)
    typed = '# mine\nnotes = "kept"   # by hand\n[recipe]\nsteps = 9\n'
    (cards / "ink.toml").write_text(typed, encoding="utf-8")
    library.scan()
    sha256 = hashed(library, "ink").sha256
    assert (cards / "ink.toml").read_text(encoding="utf-8") == f'sha256 = "{sha256}"\n{typed}'
    file.rename(models / "renamed.safetensors")
    library.scan()
    assert hashed(library, "renamed").notes == "kept"


def test_what_was_written_before_the_hash_was_known_follows_too(models: Path, library: Library, cards: Path) -> None:
    file = lora(models, "ink")
    library.scan()
    (card,) = library.models()
    library.write(card.id, notes="early")
    assert 'sha256 = ""' in (cards / "ink.toml").read_text(encoding="utf-8")
    sha256 = hashed(library, "ink").sha256
    assert f'sha256 = "{sha256}"' in (cards / "ink.toml").read_text(encoding="utf-8")
    file.rename(models / "renamed.safetensors")
    again = Library([models], library._cache, hash_ahead=False)
    again.scan()
    assert hashed(again, "renamed").notes == "early"


def test_words_and_weight_of_ones_own_go_before_the_makers_until_taken_away(models: Path, library: Library) -> None:
    write_header_file(models / "ink.safetensors", files.LORA_SD1, metadata={"modelspec.trigger_phrase": "ink, lines"})
    library.scan()
    (card,) = library.models()
    assert (card.trigger_words, card.weight, card.own) == (("ink", "lines"), None, ())
    mine = library.write(card.id, trigger_words=[" sks  style ", "sks style", ""], weight=-1)
    assert (mine.trigger_words, mine.weight, mine.own) == (("sks style",), -1.0, ("trigger_words", "weight"))
    assert mine.about.trigger_words == ("ink", "lines")
    library.write(card.id, notes="more")
    library.scan()
    assert library.by_id(card.id).trigger_words == ("sks style",)
    theirs = library.write(card.id, trigger_words=None, weight=None)
    assert (theirs.trigger_words, theirs.weight, theirs.own, theirs.notes) == (("ink", "lines"), None, (), "more")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight": 101}, "-100 to 100"),
        ({"weight": float("nan")}, "no weight"),
        ({"weight": True}, "no weight"),
        ({"trigger_words": "ink"}, "no list of texts"),
        ({"trigger_words": ["x" * 301]}, "up to 64 of up to 300 characters"),
        ({"trigger_words": [str(number) for number in range(65)]}, "too many"),
        ({"prediction": "epsilon"}, "only a checkpoint has one"),
        ({"zero_snr": False}, "only a checkpoint has one"),
    ],
)
def test_what_means_nothing_is_refused(models: Path, library: Library, change: dict[str, object], words: str) -> None:
    lora(models, "ink")
    library.scan()
    with pytest.raises(InvalidField, match=words):
        library.write(library.models()[0].id, **change)  # type: ignore[arg-type]


def test_one_spoilt_field_of_a_file_costs_nothing_else(cards: Path) -> None:
    cards.mkdir(parents=True)
    (cards / "a.toml").write_text('notes = "fine"\nweight = "much"\ntrigger_words = ["x"]\nzero_snr = 3\n')
    own = OwnCards(cards)
    own.read()
    card = own.of("a", "")
    assert (card.notes, card.weight, card.trigger_words, card.zero_snr) == ("fine", None, ("x",), None)
    assert "weight on your card a.toml" in (card.problem or "") and "zero snr" in (card.problem or "")


def test_a_prediction_that_is_set_right(models: Path, library: Library) -> None:
    write_header_file(models / "v2-512-tuned.safetensors", files.SD2)
    write_header_file(models / "by-file.safetensors", files.SD1)
    (models / "by-file.studio.toml").write_text('prediction = "v_prediction"\nzero_snr = true\n')
    library.scan()
    told = {card.name: card for card in library.models()}
    assert (told["by-file"].prediction, told["by-file"].zero_snr, told["by-file"].own) == ("v_prediction", True, ())
    tuned = told["v2-512-tuned"]
    assert (tuned.prediction, tuned.native_size_px) == ("epsilon", 512)
    assert library.facts(tuned.name).prediction == ""
    right = library.write(tuned.id, prediction="v_prediction")
    assert (right.prediction, right.native_size_px, right.own) == ("v_prediction", 768, ("prediction",))
    facts = library.facts(tuned.name)
    assert (facts.prediction, facts.zero_snr, facts.native_size_px) == ("v_prediction", None, 768)
    back = library.write(told["by-file"].id, prediction="epsilon", zero_snr=False)
    assert (back.prediction, back.zero_snr) == ("epsilon", False), "a card goes before a file"
    assert library.write(back.id, prediction=None, zero_snr=None).prediction == "v_prediction"
    with pytest.raises(InvalidField, match="epsilon or v_prediction"):
        library.write(tuned.id, prediction="x0")


def test_a_hash_that_is_filled_in_undoes_nothing_that_is_written_meanwhile(cards: Path) -> None:
    own = OwnCards(cards)
    names = [f"model {number}" for number in range(40)]
    for name in names:
        own.write(name, "", {"notes": "early"})
    learning = threading.Thread(target=lambda: [own.learn(name, f"{at:064x}") for at, name in enumerate(names, 1)])
    learning.start()
    for at, name in enumerate(names, 1):
        own.write(name, "", {"notes": f"late {at}"})
    learning.join()
    own.read()
    for at, name in enumerate(names, 1):
        card = own.of(name, "")
        assert (card.notes, card.sha256) == (f"late {at}", f"{at:064x}")


def test_what_was_just_typed_into_a_file_is_not_undone(cards: Path) -> None:
    """By hand, or by a command beside the studio: nobody has looked at the file since."""
    page, command = OwnCards(cards), OwnCards(cards)
    card = page.write("ink", "", {"notes": "early", "weight": 0.5})
    assert card.file is not None
    card.file.write_text(card.file.read_text().replace("early", "by hand"))
    assert page.write("ink", "", {"weight": 0.7}).notes == "by hand"
    command.read()
    command.write("ink", "f" * 64, {"trigger_words": ["ink"]})
    written = page.write("ink", "", {"notes": "late"})
    assert (written.notes, written.weight, written.trigger_words, written.sha256) == ("late", 0.7, ("ink",), "f" * 64)
    card.file.write_text("not = TOML = at all")
    assert page.write("ink", "", {"weight": 0.9}).notes == "late"
    assert [file.read_text() for file in cards.glob("*.damaged-*")] == ["not = TOML = at all"]


def test_a_picture_that_is_taken_off_one_card_while_it_is_put_on_another_stays(
    cards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = OwnCards(cards)
    own.write("one", "", {}, b"a small picture")
    keep = own._keep_picture
    taking_off = threading.Thread(target=own.write, args=("one", "", {"picture": None}))

    def kept_and_taken_off(small: bytes) -> str:
        name = keep(small)
        taking_off.start()
        taking_off.join(0.1)  # who does not wait for this card is through by now
        return name

    monkeypatch.setattr(own, "_keep_picture", kept_and_taken_off)
    other = own.write("other", "", {}, b"a small picture")
    taking_off.join()
    picture = own.picture_of(other)
    assert picture is not None and picture.read_bytes() == b"a small picture"
    assert own.of("one", "").picture == ""
