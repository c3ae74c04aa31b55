"""What is kept out of training, and how people's words are covered."""

from __future__ import annotations

from random import Random

from studio.training.captions import FILLERS, caption, pair_caption
from studio.training.combinations import HELD_OUT_COUNT, Combination, every_combination, held_out, trained_mask
from studio.training.subjects import COLOURS, STYLES, SUBJECTS


def test_the_vocabulary_is_what_was_promised() -> None:
    assert len(SUBJECTS) >= 120
    assert STYLES == ("flat", "3d")
    assert len(COLOURS) == 12


def test_no_word_means_two_subjects() -> None:
    names = [name for subject in SUBJECTS for name in subject.names]
    assert len(names) == len(set(names))
    assert len({subject.code_point for subject in SUBJECTS}) == len(SUBJECTS)


def test_held_out_combinations_are_fixed_and_never_trained() -> None:
    chosen = held_out()
    assert len(set(chosen)) == HELD_OUT_COUNT == 200
    assert int(trained_mask().sum()) == len(every_combination()) - 200
    assert not any(trained_mask()[item.subject, item.style, item.colour] for item in chosen)
    held_out.cache_clear()
    assert held_out() == chosen


def test_the_plain_caption() -> None:
    cat = next(index for index, subject in enumerate(SUBJECTS) if subject.name == "cat face")
    assert Combination(cat, 1, list(COLOURS).index("blue")).caption == "3d cat face on a blue background"
    assert Combination(cat, 0, list(COLOURS).index("orange")).caption == "flat cat face on an orange background"


def test_captions_name_their_subject_and_mostly_style_and_colour() -> None:
    random = Random(0)
    said = {"style": 0, "colour": 0, "filler": 0}
    items = every_combination()[::7]
    for item in items:
        text = caption(item, random)
        assert any(name in text for name in SUBJECTS[item.subject].names)
        colours = ("gray", "grey") if list(COLOURS)[item.colour] == "gray" else (list(COLOURS)[item.colour],)
        said["style"] += STYLES[item.style] in text
        said["colour"] += any(colour in text for colour in colours)
        said["filler"] += any(filler in text for filler in FILLERS)
        assert "  " not in text and text == text.strip()
    assert 0.85 < said["style"] / len(items) < 0.99
    assert 0.85 < said["colour"] / len(items) < 0.99
    assert said["filler"] > 0


def test_two_subjects_share_a_background() -> None:
    text = pair_caption(Combination(0, 0, 7), Combination(66, 1, 7), Random(4))
    assert " and " in text and text.endswith("on a pink background")
    assert "flat" in text and "3d" in text
