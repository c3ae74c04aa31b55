"""``studio presets`` as a person types it: listed with problems, saved, out and in again."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from typer.testing import CliRunner, Result

from studio.cli.app import app
from studio.errors import StudioError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "presets"
    folder.mkdir(parents=True)
    (folder / "furry.toml").write_text('title = "Furry"\n[recipe]\nprompt = "{prompt} <lora:fur:1>"')
    (folder / "odd.toml").write_text('titel = "Odd"\n')
    return tmp_path / "home"


def studio(home: Path, *words: str) -> Result:
    result = CliRunner().invoke(app, ["presets", *words, "--home", str(home)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def picture(folder: Path) -> Path:
    info = PngInfo()
    info.add_text(
        "parameters", "a heron in ink\nNegative prompt: colour\nSteps: 9, Sampler: Euler a, Seed: 7, Size: 64x64"
    )
    data = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(data, "PNG", pnginfo=info)
    (folder / "heron.png").write_bytes(data.getvalue())
    return folder / "heron.png"


def test_the_list_names_what_is_wrong(home: Path) -> None:
    lines = studio(home, "list").output.splitlines()
    assert any(line.startswith("furry") and "problem: prompt:" in line and "fur" in line for line in lines)
    assert any(line.startswith("odd") and "titel" in line and "title" in line for line in lines)
    assert any(line.split() == ["quick-sketch", "Effort", "Quick", "sketch"] for line in lines)
    light = studio(home, "list", "--family", "light", "--json").output
    assert {preset["family"] for preset in json.loads(light)} == {"Light"} and str(home) not in light


def test_saved_from_a_picture_shown_out_and_in_again(home: Path, tmp_path: Path) -> None:
    saved = studio(
        home, "save", "Heron’s ink", "--from", str(picture(tmp_path)), "--set", "steps=24", "--set", "sampler=DDIM"
    )
    assert saved.output.strip() == "heron-s-ink"
    shown = studio(home, "show", "HERON’S INK").output
    assert "steps = 24" in shown and 'sampler = "DDIM"' in shown and "seed" not in shown
    file = tmp_path / "out.toml"
    studio(home, "export", "heron-s-ink", "--out", str(file))
    assert "thumbnail" in file.read_text()
    styles = tmp_path / "styles.csv"
    styles.write_text("name,prompt\nPencil,pencil drawing\n")
    assert studio(home, "import", str(file), str(styles)).output.split() == ["heron-s-ink-2", "pencil"]
    assert json.loads(studio(home, "show", "heron-s-ink-2", "--json").output)["has_picture"] is True


def test_what_cannot_be_is_one_sentence(home: Path, tmp_path: Path) -> None:
    for words, said in (
        (("save", "x"), "--set"),
        (("save", "x", "--set", "steps"), "FIELD=VALUE"),
        (("save", "x", "--set", "stepz=3"), "steps"),
        (("show", "none"), "none"),
    ):
        with pytest.raises(StudioError, match=said):
            studio(home, *words)
    (tmp_path / "broken.toml").write_text("recipe = 3")
    good = tmp_path / "good.toml"
    good.write_text("[recipe]\nsteps = 3")
    result = studio(home, "import", str(tmp_path / "broken.toml"), str(good))
    assert result.exit_code == 1 and "good" in result.output.split() and "broken.toml: recipe: 3" in result.output
