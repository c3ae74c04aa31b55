"""The search language is understood as docs/gallery.md says, and what cannot be is refused with its place."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, update

from studio.errors import InvalidField, SearchError
from studio.gallery import Gallery
from studio.gallery.conditions import conditions
from studio.gallery.order import ORDERS
from studio.gallery.query import Clause, parse
from studio.store.tables import AlbumImageRow, AlbumRow, ImageRow, ImageTagRow
from tests.gallery.pictures import pixels, recipe

PICTURES = [
    {"prompt": "a red cat", "sampler": "Euler a", "steps": 20, "seed": 42, "checkpoint": "starter"},
    {"prompt": "a blue cat in a hat", "sampler": "Euler", "steps": 30, "seed": 43, "checkpoint": "Dreamer v2"},
    {"prompt": "a dog, masterpiece:1.2", "sampler": "DPM++ 2M", "steps": 8, "seed": 42, "checkpoint": "dreamer v1"},
    {"prompt": "a big whale", "sampler": "Euler a", "steps": 25, "seed": 7, "negative_prompt": "text"},
]


@pytest.fixture
def filled(gallery: Gallery) -> Gallery:
    days = [datetime(2025, 12, 31, 23, 59, tzinfo=timezone.utc), datetime(2026, 1, 1, tzinfo=timezone.utc)]
    days += [datetime(2026, 3, 14, 12, tzinfo=timezone.utc), datetime(2026, 4, 1, tzinfo=timezone.utc)]
    for index, fields in enumerate(PICTURES):
        sides = (16, 8 + 8 * index)
        picture = recipe(**fields)
        gallery.add(pixels(index, *sides), picture, {}, "local", "job", index)
        with gallery.database.session() as session:
            session.execute(update(ImageRow).where(ImageRow.idx == index).values(created_at=days[index]))
    ids = [image.id for image in gallery.list("local", sort="oldest").images]
    gallery.favourite("local", ids[1], True)
    with gallery.database.session() as session:
        session.execute(insert(ImageTagRow), [{"image_id": ids[0], "name": "pet"}, {"image_id": ids[2], "name": "pet"}])
        session.add(AlbumRow(id="a", owner_id="local", name="Best of", created_at=days[0]))
        session.flush()
        session.execute(insert(AlbumImageRow), [{"album_id": "a", "image_id": ids[3]}])
    return gallery


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("", {0, 1, 2, 3}),
        ("cat", {0, 1}),
        ("cat -hat", {0}),
        ("-cat", {2, 3}),
        ('-"red cat" cat', {1}),
        ('sampler:"Euler a"', {0, 3}),
        ('sampler:"euler A"', {0, 3}),
        ("sampler:euler", {0, 1, 3}),
        ("-sampler:euler", {2}),
        ("steps>20", {1, 3}),
        ("steps>=20", {0, 1, 3}),
        ("steps<20", {2}),
        ("steps:20..25", {0, 3}),
        ("-steps:20..25", {1, 2}),
        ("seed:42", {0, 2}),
        ("seed=42 cat", {0}),
        ("fav:yes", {1}),
        ("FAV:no cat", {0}),
        ("-fav:yes", {0, 2, 3}),
        ("model:dreamer", {1, 2}),
        ('model:"dreamer v2"', {1}),
        ("tag:pet", {0, 2}),
        ("tag:Pet -tag:pet", set()),
        ("-tag:pet", {1, 3}),
        ('album:"best of"', {3}),
        ("-album:nothing", {0, 1, 2, 3}),
        ("size>16", {2, 3}),
        ("size:16", {0, 1}),
        ("size:16x24", {2}),
        ("width:16 height<24", {0, 1}),
        ("date>2025", {1, 2, 3}),
        ("date>2026-01-01", {2, 3}),
        ("date>=2026-01-01", {1, 2, 3}),
        ("date:2025-12-31", {0}),
        ("date:2026-03", {2}),
        ("date<=2026-03-14", {0, 1, 2}),
        ("negative:text", {3}),
        ("-negative:text", {0, 1, 2}),
        ("masterpiece:1.2", {2}),  # no field, so it is looked for as it stands
        ('"steps:20"', set()),  # in quotes it is a phrase
    ],
)
def test_finds(filled: Gallery, search: str, expected: set[int]) -> None:
    page = filled.list("local", search=search)
    assert {image.index for image in page.images} == expected
    assert page.total == len(expected)
    assert set(filled.ids("local", search)) == {image.id for image in page.images}


@pytest.mark.parametrize(
    ("search", "column", "words"),
    [
        ("cat steps>many", 5, "whole number"),
        ("steps:", 1, "no value"),
        ('sampler>"Euler a"', 1, "cannot be compared"),
        ("a fav:perhaps", 3, "fav:yes or fav:no"),
        ("date>yesterday", 1, "a year, month or day"),
        ("date:2026-02-30", 1, "no day of the calendar"),
        ("-sampelr:Euler", 2, "did you mean sampler"),
        ("size>512x512", 1, "cannot be compared"),
        ("seed:99999999999999999999", 1, "whole number"),
    ],
)
def test_what_means_nothing_is_refused_with_its_place(search: str, column: int, words: str) -> None:
    with pytest.raises(SearchError, match=words) as caught:
        parse(search)
    assert caught.value.column == column
    assert caught.value.allowed
    assert caught.value.details()["column"] == column


def test_clauses() -> None:
    assert parse('-"blue sky" steps>=5 -model:x ') == (
        Clause("prompt", ":", "blue sky", True, True),
        Clause("steps", ">=", (5, 5)),
        Clause("model", ":", "x", False, True),
    )
    with pytest.raises(InvalidField, match="1,001"):
        parse("x" * 1001)


def test_any_text_is_searched_or_refused_in_words(filled: Gallery) -> None:
    alphabet = st.one_of(st.characters(), st.sampled_from('"*():^-+<>={}\0%_\\ 12'))
    pieces = st.one_of(st.text(alphabet, max_size=8), st.sampled_from(["steps", "date:", "size>", "tag:", "fav", "-"]))

    @settings(max_examples=150, deadline=None, database=None)
    @given(st.lists(pieces, max_size=6))
    def search(parts: list[str]) -> None:
        try:
            filled.list("local", search="".join(parts))
        except SearchError as error:
            assert error.allowed

    search()


@pytest.mark.parametrize("sort", ORDERS)
def test_pages_of_every_order_hold_every_picture_once(filled: Gallery, sort: str) -> None:
    whole = [image.id for image in filled.list("local", sort=sort).images]
    assert len(whole) == 4
    paged, before = [], None
    while True:
        page = filled.list("local", sort=sort, before=before, limit=1)
        paged += [image.id for image in page.images]
        before = page.next
        if before is None:
            break
    assert paged == whole
    assert [image.id for image in filled.list("local", sort=sort, offset=2).images] == whole[2:]
    with pytest.raises(InvalidField, match="before"):
        filled.list("local", sort=sort, before="nowhere")


def test_orders(filled: Gallery) -> None:
    def indices(sort: str) -> list[int | None]:
        return [image.index for image in filled.list("local", sort=sort).images]

    assert indices("newest") == [3, 2, 1, 0]
    assert indices("largest")[:2] == [3, 2]
    assert indices("steps") == [1, 3, 0, 2]
    assert indices("seed")[0] == 3
    with pytest.raises(InvalidField, match="newest, oldest"):
        indices("prettiest")


def test_a_database_without_the_index_answers_too() -> None:
    written = " ".join(str(one) for one in conditions('cat -"dog" negative:x steps>3', "local", "postgresql"))
    assert "image_search" not in written
    assert written.lower().count("like") == 3


def test_another_owners_albums_are_not_searched(filled: Gallery) -> None:
    with filled.database.session() as session:
        album = session.get(AlbumRow, "a")
        assert album is not None
        album.owner_id = "local"
    assert filled.list("nobody", search='album:"best of"').total == 0
