"""Presets in their folders: seen at once, each person's own, handed on and taken in."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from studio.errors import Conflict, InvalidField, NotFound, Refused
from studio.presets import Presets, picture_of, shelf
from studio.recipe.presets import FAMILIES, Preset
from studio.services import Studio, build_studio
from studio.settings import load_settings
from studio.store import write_atomic


@pytest.fixture
def presets(tmp_path: Path) -> Presets:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "quick.toml").write_text('title = "Quick"\nfamily = "Effort"\n[recipe]\nsteps = 12')
    return Presets(shipped, tmp_path / "home", lambda owner: tmp_path / "people" / owner)


def look(title: str = "My look", **others: object) -> Preset:
    return Preset("", title, **{"fields": {"steps": 9, "prompt": "ink, {prompt}"}, **others})  # type: ignore[arg-type]


def png(width: int = 300, height: int = 200) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "PNG")
    return file.getvalue()


def test_a_new_file_is_seen_at_once_and_a_changed_one_read_again(presets: Presets, tmp_path: Path) -> None:
    assert list(presets.of("anna")) == ["quick"]
    (tmp_path / "home").mkdir()
    file = tmp_path / "home" / "late.toml"
    file.write_text("[recipe]\nsteps = 3")
    assert presets.of("anna")["late"].fields == {"steps": 3} and presets.get("anna", "late").origin == "home"
    file.write_text("[recipe]\nstepz = 30")
    assert "stepz" in str(presets.of("anna")["late"].problem)
    file.unlink()
    assert list(presets.of("anna")) == ["quick"]


def test_what_one_saves_is_theirs_alone(presets: Presets) -> None:
    saved = presets.save("anna", look(family="Looks"), png())
    assert (saved.name, saved.origin) == ("my-look", "own") and "my-look" in presets.of("anna")
    assert list(presets.of("ben")) == ["quick"]
    for attempt in (
        lambda: presets.get("ben", "my-look"),
        lambda: presets.delete("ben", "my-look"),
        lambda: presets.change("ben", "my-look", title="x"),
        lambda: presets.export("ben", "my-look"),
    ):
        with pytest.raises(NotFound):
            attempt()
    with pytest.raises(Refused, match="everybody"):
        presets.delete("anna", "quick")


def test_a_title_is_taken_once_unless_replaced(presets: Presets) -> None:
    first = presets.save("anna", look(), png())
    with pytest.raises(Conflict, match="already"):
        presets.save("anna", look("MY LOOK"))
    again = presets.save("anna", look(fields={"steps": 30}), replaces=True)
    assert again.fields == {"steps": 30} and again.version != first.version and again.thumbnail is not None
    with pytest.raises(InvalidField, match="steps"):
        presets.save("anna", look(fields={"steps": 0}))
    with pytest.raises(InvalidField, match="thumbnail"):
        presets.save("anna", look("Other"), b"no picture")
    assert list(presets.of("anna")) == ["quick", "my-look"]


def test_ones_own_stands_before_one_of_the_same_name(presets: Presets) -> None:
    presets.save("anna", look("Quick", fields={"steps": 7}))
    assert presets.get("anna", "quick").fields == {"steps": 7} and presets.get("ben", "quick").fields == {"steps": 12}
    presets.delete("anna", "quick")
    assert presets.get("anna", "quick").fields == {"steps": 12}


def test_changing_keeps_the_name_and_what_is_not_named(presets: Presets) -> None:
    presets.save("anna", look(notes="old"), png())
    changed = presets.change("anna", "my-look", title="Yours", tags=("a",))
    assert (changed.name, changed.title, changed.notes, changed.tags) == ("my-look", "Yours", "old", ("a",))
    assert changed.thumbnail is not None and changed.fields["steps"] == 9
    with pytest.raises(InvalidField, match="title"):
        presets.change("anna", "my-look", title=" ")


def test_only_one_is_the_default_for_a_use(presets: Presets) -> None:
    presets.save("anna", look("A", default_for="any"))
    presets.save("anna", look("B", default_for="sd1"))
    presets.save("anna", look("C"))
    assert [one.name for one in presets.defaults("anna", "sd1")] == ["a", "b"]
    assert [one.name for one in presets.defaults("anna", "sdxl")] == ["a"] and not presets.defaults("ben", "sd1")
    presets.change("anna", "c", default_for="any")
    assert [one.name for one in presets.defaults("anna", "sd1")] == ["c", "b"]
    assert presets.get("anna", "a").default_for == ""


def test_out_and_in_again_is_the_same(presets: Presets) -> None:
    saved = presets.save(
        "anna", look(notes="n", family="Looks", tags=("t",), example="a cat", default_for="any"), png()
    )
    taken = presets.take_in("ben", presets.export("anna", "my-look"), "whatever.toml")
    theirs = presets.get("ben", taken.names[0])
    assert taken.names == ("my-look",) and theirs.default_for == ""
    for name in ("title", "notes", "family", "tags", "example", "fields"):
        assert getattr(theirs, name) == getattr(saved, name), name
    assert theirs.thumbnail is not None
    with Image.open(theirs.thumbnail) as picture:
        assert picture.size == (160, 160)
    assert presets.take_in("ben", presets.export("anna", "my-look")).names == ("my-look-2",)


def test_the_same_file_taken_in_on_two_devices_at_once_is_there_twice(
    presets: Presets, monkeypatch: pytest.MonkeyPatch
) -> None:
    presets.save("anna", look())
    data = presets.export("anna", "my-look")
    presets.delete("anna", "my-look")
    own_files, taken = presets._own_files, []
    other = threading.Thread(target=lambda: taken.extend(presets.take_in("anna", data).names))

    def looked_and_another_came(owner: str) -> set[str]:
        found = own_files(owner)
        if other.ident is None:
            other.start()
            other.join(0.1)  # who does not wait for this one is through by now
        return found

    monkeypatch.setattr(presets, "_own_files", looked_and_another_came)
    taken.extend(presets.take_in("anna", data).names)
    other.join()
    assert sorted(taken) == ["my-look", "my-look-2"]


def test_the_second_of_two_writes_within_one_tick_is_seen(presets: Presets, monkeypatch: pytest.MonkeyPatch) -> None:
    def written_at_that_tick(file: Path, data: bytes) -> None:
        write_atomic(file, data)
        os.utime(file, (1, 1))

    monkeypatch.setattr(shelf, "write_atomic", written_at_that_tick)
    assert presets.save("anna", look()).fields["steps"] == 9
    fields = {"steps": 8, "prompt": "ink, {prompt}"}  # as long as before
    assert presets.save("anna", look(fields=fields), replaces=True).fields == fields


def test_styles_become_presets_and_bad_lines_are_named(presets: Presets) -> None:
    data = b'name,prompt,negative_prompt\nInk,"ink, {prompt}",colour\n???,x,\nInk,again,\n'
    taken = presets.take_in("anna", data, "styles.csv")
    assert taken.names == ("ink", "ink-2") and len(taken.problems) == 1 and "line 3" in taken.problems[0]
    assert presets.get("anna", "ink").fields == {"prompt": "ink, {prompt}", "negative_prompt": "colour"}
    for nothing in (b"name,prompt\n", b"\x00\x01", b"x = ", b'thumbnail = "?"\n[recipe]\nsteps = 3'):
        with pytest.raises(InvalidField):
            presets.take_in("anna", nothing)


def test_without_a_picture_a_drawing_stands_for_it(presets: Presets) -> None:
    drawings = set()
    for family in (*FAMILIES, "", "<script>"):
        drawn = picture_of(Preset(f"<script>{family}", "x", family=family, fields={"steps": 1}))
        assert drawn.media_type == "image/svg+xml" and b"script" not in drawn.data
        assert ElementTree.fromstring(drawn.data).tag.endswith("svg")
        drawings.add(drawn.data)
    assert len(drawings) == len(FAMILIES) + 2
    assert picture_of(presets.save("anna", look(), png())).media_type == "image/webp"


@pytest.fixture
def studio(tmp_path: Path, toy_models: Path) -> Studio:
    built = build_studio(load_settings(home=tmp_path / "home", models=[toy_models], engine="fake"))
    built.close()
    return built


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        ('checkpoint = "nowhere"', ("checkpoint:", "nowhere")),
        ('prompt = "{prompt} <lora:fur:1>"', ("prompt:", "fur")),
        ('sampler = "Eulr"', ("sampler:", "Euler")),
        ('schedule = "bent"', ("schedule:", "bent")),
        ('vae = "soft"', ("vae:", "soft")),
        ('upscaler = "4x-none"', ("upscaler:", "4x-none")),
        ('hires_sampler = "Eulr"', ("hires_sampler:",)),
    ],
)
def test_what_is_not_here_is_named(studio: Studio, recipe: str, says: tuple[str, ...]) -> None:
    studio.paths.presets.mkdir(parents=True)
    (studio.paths.presets / "odd.toml").write_text(f"[recipe]\n{recipe}")
    found = studio.presets_of("local")
    problem = found["odd"].problem
    assert problem is not None and all(words in problem for words in says), problem
    assert found["quick-sketch"].problem is None


def test_what_is_here_is_no_problem(studio: Studio) -> None:
    studio.paths.presets.mkdir(parents=True)
    lines = (
        '[recipe]', 'checkpoint = "toy-a"', 'prompt = "{prompt} <lora:starter-ink:0.8>"', 'sampler = "k_euler"',
        'schedule = "Automatic"', 'vae = "automatic"', 'upscaler = "Lanczos"', 'hires_sampler = "same"',
    )  # fmt: skip
    (studio.paths.presets / "fine.toml").write_text("\n".join(lines))
    assert studio.presets_of("local")["fine"].problem is None
