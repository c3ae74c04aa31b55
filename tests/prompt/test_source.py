"""Text that knows where its characters were typed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from studio.prompt.source import Source, without_comments, without_extras


def test_columns_after_cutting() -> None:
    source, columns = without_comments(Source("ab#cd\nef#gh"))
    assert source.text == "ab\nef"
    assert [source.column(position) for position in range(5)] == [1, 2, 6, 7, 8]
    assert columns == (3, 9)
    rest, extras = without_extras(Source("x<lora:a:1>y"))
    assert (rest.text, rest.column(1), extras[0].column) == ("xy", 12, 2)


@settings(deadline=None, max_examples=200, database=None)
@given(st.text(min_size=1, max_size=30), st.lists(st.lists(st.integers(0, 30), min_size=2, max_size=6), max_size=4))
def test_every_character_points_at_itself_however_often_it_is_cut(text: str, cuts: list[list[int]]) -> None:
    source = Source(text)
    for edges in cuts:
        inside = sorted(min(edge, len(source.text)) for edge in edges)
        source = source.without(list(zip(inside[::2], inside[1::2], strict=False)))
    assert all(text[source.column(position) - 1] == letter for position, letter in enumerate(source.text))
