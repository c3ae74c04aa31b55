"""``docs/models.md`` says what the library does: the defaults table and the example are read from the page itself."""

from __future__ import annotations

import re
from pathlib import Path

from studio.library.card import Checkpoint
from studio.library.facts import facts_of
from studio.library.own_defaults import read_own_defaults

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")


def test_the_table_of_defaults_is_the_one_in_force() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) px.*? \| (.+?) \| (\d+) \| (\d+) \|$", PAGE, re.MULTILINE)
    assert [row[0] for row in rows] == ["sd1", "sd2", "sdxl"]
    for family, size, sampler, steps, guidance in rows:
        facts = facts_of(Checkpoint("x", Path("x"), "single-file", "checkpoint", family))
        assert (facts.native_size_px, facts.default_sampler) == (int(size), sampler)
        assert (facts.default_steps, facts.default_guidance_scale) == (int(steps), float(guidance))


def test_the_example_of_own_defaults_is_understood(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    file = tmp_path / "studio.toml"
    file.write_text(example[1], encoding="utf-8")
    defaults, warning = read_own_defaults(file)
    assert warning is None
    assert None not in vars(defaults).values()
