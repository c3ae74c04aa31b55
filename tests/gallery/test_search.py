"""Search finds what a person means, and no text can break it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.errors import InvalidField
from studio.gallery import Gallery
from studio.gallery.search import Term, matching, terms
from tests.gallery.pictures import pixels, recipe

PROMPTS = [
    "3d cat face on a blue background",
    "a red cat in a hat, oil painting",
    "blue dog, Café, (masterpiece:1.2)",
    "background of blue silk",
    "青い猫と空 \U0001f431",
    'the "quoted" <lora:sketch:0.8> 100% AND it_is',
]


def test_words_and_phrases() -> None:
    assert terms(' red  "blue sky" hat"unclosed one ') == (
        Term("red", False),
        Term("blue sky", True),
        Term("hat", False),
        Term("unclosed one", True),
    )
    assert terms("") == terms(' "" " " ') == ()


@pytest.fixture
def filled(gallery: Gallery) -> Gallery:
    for index, prompt in enumerate(PROMPTS):
        gallery.add(pixels(index, 8, 8), recipe(prompt, negative_prompt="zebra"), {}, "local", "job", index)
    return gallery


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("cat", {0, 1}),
        ("CAT", {0, 1}),
        ("cat blue", {0}),
        ("blue cat", {0}),
        ('"blue background"', {0}),
        ('"background blue"', set()),
        ("background blue", {0, 3}),
        ("mast", {2}),  # what begins with it
        ('"mast"', set()),  # word for word
        ("asterpiece", set()),
        ("cafe", {2}),
        ("(masterpiece:1.2)", {2}),
        ("<lora:sketch:0.8>", {5}),
        ("猫", {4}),
        ("猫 空", {4}),
        ('"い猫"', {4}),
        ("\U0001f431", {4}),
        ("100%", {5}),
        ("%", {5}),
        ("_", {5}),
        ("AND", {5}),
        ("zebra", set()),  # in the negative prompts only
        ("cat OR dog", set()),
        ("cat NOT hat", set()),
        ("", {0, 1, 2, 3, 4, 5}),
    ],
)
def test_finds(filled: Gallery, query: str, expected: set[int]) -> None:
    page = filled.list("local", query=query)
    assert {image.index for image in page.images} == expected
    assert page.total == len(expected)


def test_syntax_of_the_index_has_no_meaning(filled: Gallery) -> None:
    for query in (
        '"',
        '""',
        "'",
        "*",
        "cat*",
        "^cat",
        "prompt:cat",
        "{prompt}",
        "NEAR(a b)",
        "-cat",
        "a\0b",
        "\ud800",
        ";--",
    ):
        filled.list("local", query=query)
    assert filled.list("local", query="negative_prompt : zebra").total == 0
    assert filled.list("local", query=" ".join(["cat"] * 250)).total == 2


def test_any_text_can_be_searched(filled: Gallery) -> None:
    @settings(max_examples=150, deadline=None, database=None)
    @given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from('"*():^-+{}\0%_\\ cat')), max_size=40))
    def search(query: str) -> None:
        filled.list("local", query=query)

    search()


def test_too_long_a_query_is_refused() -> None:
    with pytest.raises(InvalidField, match="query"):
        matching("x" * 1001, "sqlite")


def test_a_database_without_the_index_looks_letter_by_letter() -> None:
    condition = matching('cat "50%"', "postgresql")
    assert condition is not None
    written = str(condition)
    assert "image_search" not in written
    assert written.lower().count("like") == 2


def test_the_index_follows_deleted_pictures(filled: Gallery) -> None:
    image = filled.list("local", query="silk").images[0]
    filled.bin("local", [image.id])
    assert filled.list("local", query="silk").total == 0
    assert filled.list("local", query="silk", binned=True).total == 1
    filled.empty_bin("local")
    assert filled.list("local", query="silk", binned=True).total == 0
    assert filled.list("local", query="blue").total == 2
