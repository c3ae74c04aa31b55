"""Lineage: from what to what, across deletions, rebuilds, owners, and files that claim to be their own ancestors."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from PIL import Image as Pillow
from sqlalchemy import text

from studio.errors import NotFound
from studio.gallery import Gallery, Image
from studio.store.tables import OwnerRow
from tests.gallery.pictures import NOTES, pixels, recipe

SOURCE = "ab" * 32


def add(gallery: Gallery, name: str, parent: Image | None = None, owner: str = "local", mode: str = "image") -> Image:
    start = {"mode": mode, "source": SOURCE, "source_image": parent.id} if parent else {}
    return gallery.add(pixels(0, 8, 8), recipe(name, **start), NOTES, owner, name, 0)


def names(images: tuple[Image, ...]) -> list[str]:
    return [image.prompt for image in images]


def test_parents_nearest_first_and_children_oldest_first(gallery: Gallery) -> None:
    first = add(gallery, "first")
    second = add(gallery, "second", first)
    third = add(gallery, "third", second, mode="inpaint")
    add(gallery, "sibling", second, mode="finish")
    assert third.parent_id == second.id and first.parent_id is None
    assert names(gallery.lineage("local", third.id).parents) == ["second", "first"]
    assert names(gallery.lineage("local", second.id).children) == ["third", "sibling"]
    wire = gallery.lineage("local", second.id).as_dict()
    assert [image["id"] for image in wire["parents"]] == [first.id]
    assert wire["children"][0]["parent_id"] == second.id


def test_a_source_that_is_not_used_is_no_parent(gallery: Gallery) -> None:
    first = add(gallery, "first")
    assert add(gallery, "second", first, mode="text").parent_id is None


def test_what_is_binned_stays_and_what_is_deleted_ends_the_chain(gallery: Gallery) -> None:
    first = add(gallery, "first")
    second = add(gallery, "second", first)
    third = add(gallery, "third", second)
    gallery.bin("local", [second.id])
    assert names(gallery.lineage("local", third.id).parents) == ["second", "first"]
    gallery.empty_bin("local")
    assert gallery.lineage("local", third.id).parents == ()
    assert gallery.get("local", third.id).parent_id == second.id


def test_a_rebuild_from_the_files_keeps_it(gallery: Gallery) -> None:
    first = add(gallery, "first")
    second = add(gallery, "second", first)
    with gallery.database.session() as session:
        session.execute(text("UPDATE images SET parent_id = NULL"))
    gallery.rebuild()
    assert gallery.get("local", second.id) == second
    with gallery.database.session() as session:
        session.execute(text("DELETE FROM images"))
    gallery.recover()
    assert names(gallery.lineage("local", first.id).children) == ["second"]


def test_nobody_sees_anybody_elses(gallery: Gallery) -> None:
    with gallery.database.session() as session:
        session.add(OwnerRow(id="anna", name="Anna", created_at=datetime.now(timezone.utc)))
    first = add(gallery, "first")
    hers = add(gallery, "hers", first, owner="anna")
    assert gallery.lineage("anna", hers.id).parents == ()
    assert gallery.lineage("local", first.id).children == ()
    with pytest.raises(NotFound):
        gallery.lineage("local", hers.id)


def test_a_circle_is_walked_once(gallery: Gallery) -> None:
    first = add(gallery, "first")
    second = add(gallery, "second", first)
    with gallery.database.session() as session:
        session.execute(
            text("UPDATE images SET parent_id = :child WHERE id = :id"), {"child": second.id, "id": first.id}
        )
    assert names(gallery.lineage("local", second.id).parents) == ["first"]


def test_children_are_found_by_the_index(gallery: Gallery) -> None:
    with gallery.database.reading() as session:
        plan = session.execute(text("EXPLAIN QUERY PLAN SELECT id FROM images WHERE parent_id = 'x'")).all()
    assert "ix_images_parent_id" in str(plan)


def test_a_picture_with_alpha_is_kept_with_it_and_has_a_thumbnail(gallery: Gallery) -> None:
    alpha = bytes(64) + bytes([255] * 192)
    opaque = pixels(0, 16, 16)
    made = type(opaque)(16, 16, opaque.data, alpha)
    image = gallery.add(made, recipe("see-through"), NOTES, "local", "job", 0)
    with Pillow.open(gallery.file("local", image.id)) as picture:
        assert picture.getchannel("A").tobytes() == alpha
    with Pillow.open(gallery.thumbnail("local", image.id)) as small:
        assert small.mode == "RGBA"
