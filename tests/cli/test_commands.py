"""The commands, run as a person runs them: in a process of their own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from PIL import Image

from tests.servers import running_server


def studio(*words: str, engine: str = "fake", timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "STUDIO_ENGINE": engine, "COLUMNS": "200"}
    command = [sys.executable, "-m", "studio", *words]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=timeout_s)


def test_help_is_fast_and_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom studio.cli.app import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "sys.exit(', '.join({'torch', 'gradio', 'fastapi', 'sqlalchemy'} & set(sys.modules)) or None)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr
    # the processor's time, which neighbours on the machine do not lengthen; alone it is the time a person waits
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert studio("--help").returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


def test_generate_says_where_the_picture_is(tmp_path: Path, toy_models: Path) -> None:
    out = tmp_path / "out"
    answer = studio(
        *("generate", "a (red:1.2) cat", "--seed", "5", "--count", "2", "--steps", "3", "--size", "64x128"),
        *("--home", str(tmp_path / "home"), "--models", str(toy_models), "--out", str(out)),
    )
    assert answer.returncode == 0, answer.stderr
    files = [Path(line) for line in answer.stdout.splitlines()]
    assert len(files) == 2 and all(file.parent == out for file in files)
    with Image.open(files[0]) as picture:
        assert picture.size == (64, 128)
        assert "Seed: 5, Size: 64x128" in picture.text["parameters"]
    found = studio("gallery", "search", "red cat", "--home", str(tmp_path / "home"), "--json")
    assert len(json.loads(found.stdout)) == 2


def test_copies_are_of_the_format_that_was_asked_for(tmp_path: Path, toy_models: Path) -> None:
    shared = ("--steps", "2", "--size", "64x64", "--home", str(tmp_path / "home"), "--models", str(toy_models))
    out = tmp_path / "out"
    answer = studio("generate", "a cat", *shared, "--out", str(out), "--format", "avif", "--quality", "70")
    assert answer.returncode == 0, answer.stderr
    (file,) = out.iterdir()
    with Image.open(file) as picture:
        assert picture.format == "AVIF" and file.suffix == ".avif"
    for words, said in (
        (("--format", "avif"), "--out"),
        (("--format", "bmp", "--out", str(out)), "webp"),
        (("--quality", "50", "--out", str(out)), "loses nothing"),
    ):
        refused = studio("generate", "a cat", *shared, *words)
        assert refused.returncode == 1 and said in refused.stderr


def test_read_says_what_a_picture_was_made_with(tmp_path: Path, toy_models: Path) -> None:
    text = tmp_path / "recipe.txt"
    text.write_text("a fox\nSteps: 20, Sampler: Euler a, Seed: 7, Size: 64x64, Model: nowhere, Version: v1.10.1")
    shared = ("--home", str(tmp_path / "home"), "--models", str(toy_models))
    answer = studio("read", str(text), *shared)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("Made with A1111.\n") and "- The checkpoint “nowhere”" in answer.stdout
    assert json.loads(studio("read", str(text), "--json", *shared).stdout)["recipe"]["seed"] == 7
    missing = studio("read", str(tmp_path / "none.png"), *shared)
    assert missing.returncode == 1 and "none.png" in missing.stderr


def test_generate_orders_from_a_running_server(tmp_path: Path, toy_models: Path) -> None:
    with running_server(tmp_path / "home", "--models", str(toy_models)) as server:
        out = tmp_path / "out"
        answer = studio(
            "generate",
            "from outside",
            "--steps",
            "3",
            "--home",
            str(server.home),
            "--out",
            str(out),
            "--format",
            "jpeg",
        )
        assert answer.returncode == 0, answer.stderr
        assert len(list(out.glob("*.jpg"))) == 1
        with server.client() as client:
            assert client.get("/api/v1/images", params={"query": "outside"}).json()["total"] == 1


def test_an_error_is_one_sentence(tmp_path: Path, toy_models: Path) -> None:
    shared = ("--home", str(tmp_path / "home"), "--models", str(toy_models))
    for words, said in (
        (("--steps", "1000000000"), "steps"),
        (("--size", "big"), "size"),
        (("--sampler", "Eulr"), "Euler"),
        (("--model", "none"), "toy-a"),
        (("--preset", "none"), "preset"),
    ):
        answer = studio("generate", "a cat", *words, *shared)
        assert answer.returncode == 1, words
        assert answer.stderr.startswith("studio: ") and said in answer.stderr
        assert "Traceback" not in answer.stderr and not answer.stdout


def test_lists(tmp_path: Path, toy_models: Path) -> None:
    models = studio("models", "list", "--home", str(tmp_path), "--models", str(toy_models))
    assert models.returncode == 0 and "toy-a" in models.stdout
    info = studio("models", "info", "toy-b", "--home", str(tmp_path), "--models", str(toy_models))
    assert len(json.loads(info.stdout)["sha256"]) == 64
    presets = studio("presets", "list", "--home", str(tmp_path))
    assert "quick-sketch" in presets.stdout
    assert len(studio("samplers").stdout.splitlines()) == 20


def test_doctor(tmp_path: Path, toy_models: Path) -> None:
    answer = studio("doctor", "--home", str(tmp_path / "home"), "--models", str(toy_models))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    for word in ("torch 2", "device cpu", "memory", "toy-a", "presets"):
        assert word in answer.stdout
    wrong = studio("doctor", "--home", str(tmp_path / "home"), "--models", str(tmp_path / "missing"))
    assert wrong.returncode == 1 and "does not exist" in wrong.stdout


def test_beyond_this_machine_only_when_told_so(tmp_path: Path) -> None:
    refused = studio("serve", "--host", "0.0.0.0", "--port", "0", "--home", str(tmp_path / "home"))
    assert refused.returncode == 1 and "--open" in refused.stderr


def test_one_studio_a_home(tmp_path: Path, toy_models: Path) -> None:
    with running_server(tmp_path / "home", "--models", str(toy_models)) as server:
        second = studio("serve", "--port", "0", "--home", str(server.home))
        assert second.returncode == 1 and server.address in second.stderr


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("port = 99999999\n")
    answer = studio("models", "list", "--home", str(tmp_path))
    assert answer.returncode == 1 and "port" in answer.stderr
    (tmp_path / "settings.toml").write_text("port = = 1\n")
    assert studio("models", "list", "--home", str(tmp_path)).returncode == 0
    answer = studio("doctor", "--home", str(tmp_path))
    assert "settings.toml is damaged" in answer.stdout


def test_bench_overhead_measures_the_engine_and_the_house(tmp_path: Path, toy_models: Path) -> None:
    words = ("--model", "toy-a", "--steps", "3", "--repeats", "1", "--json")
    places = ("--home", str(tmp_path / "home"), "--models", str(toy_models), "--device", "cpu")
    answer = studio("bench", "overhead", *words, *places, engine="torch", timeout_s=240)
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    for part in ("engine", "house"):
        assert report[part]["plain_s"] > 0 and report[part]["ratio"] > 0
    assert report["engine"]["ratio"] == report["engine"]["engine_s"] / report["engine"]["plain_s"]
