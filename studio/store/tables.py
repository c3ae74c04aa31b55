"""All tables, from the first migration on with an owner on every job and picture.

One typed class a table. The full-text index of prompts is no table to the rest of the studio: migrations make it,
triggers keep it, and ``gallery.search`` asks it. Changing anything here needs a migration; a test compares the two.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

LOCAL_OWNER = "local"
"""The owner of everything until there are accounts."""


class UtcTime(TypeDecorator[datetime]):
    """A moment with its time zone, kept in UTC to the microsecond. SQLite keeps no zone, so reading puts it back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone: use datetime.now(timezone.utc)")
        value = value.astimezone(timezone.utc)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=timezone.utc) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        dict[str, Any]: JSON,
        dict[str, str]: JSON,
        list[str]: JSON,
        list[list[str]]: JSON,
        datetime: UtcTime,
    }


class OwnerRow(Base):
    """Whom jobs and pictures belong to. ``served_s`` is what they have had of the device, as the queue counts it."""

    __tablename__ = "owners"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime]
    served_s: Mapped[float] = mapped_column(Double, default=0.0)


class JobRow(Base):
    """An order of ``count`` pictures. ``recipe`` is the resolved recipe of picture 0; ``state`` a `JobState` value.

    The states of the pictures are the truth; this one sums them up for lists. Of a ``paused`` job no further picture is
    taken; a ``cleared`` one has ended and its owner wants to see it in the queue no more.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index(None, "owner_id", "created_at"),
        Index(None, "owner_id", "state"),
        Index(None, "state", "priority", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"))
    recipe: Mapped[dict[str, Any]]
    count: Mapped[int]
    state: Mapped[str]
    priority: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    paused: Mapped[bool] = mapped_column(default=False)
    cleared: Mapped[bool] = mapped_column(default=False)


class PictureRow(Base):
    """One picture of a job. ``attempts`` counts how often a worker took it; ``seconds`` is what it cost.

    ``changes`` are the fields in which its recipe is another one than its job's and its index say: the words that
    chance chose for it.

    ``image_id`` is no foreign key: a picture stays done when its image is later deleted for good.
    """

    __tablename__ = "pictures"
    __table_args__ = (Index(None, "state", "job_id", "idx"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    idx: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0)
    image_id: Mapped[str | None] = mapped_column(default=None)
    error: Mapped[str | None] = mapped_column(default=None)
    seconds: Mapped[float | None] = mapped_column(Double, default=None)
    changes: Mapped[dict[str, Any] | None] = mapped_column(default=None)


_SEARCHED = (
    *("owner_id", "binned_at", "created_at", "id"),
    *("favourite", "seed", "steps", "width_px", "height_px", "sampler", "checkpoint"),
)
"""What a search by field looks at, newest first: the index holds it all, so no whole row is read to pass it over."""


class ImageRow(Base):
    """A finished picture in a file. ``number`` only serves the search index; the world knows the opaque ``id``.

    ``job_id`` is no foreign key: a picture outlives its job, and comes back from its file when the jobs are lost.
    ``recipe`` is the resolved recipe of an own picture, a partial one of a picture from elsewhere, or null;
    ``infotext`` is the text other programs read. ``file`` is relative to the folder of images, with forward slashes.
    ``parent_id`` is the id of the picture this one was made from; no foreign key, since a child outlives its parent.
    """

    __tablename__ = "images"
    __table_args__ = (
        UniqueConstraint("id"),
        UniqueConstraint("file"),
        UniqueConstraint("job_id", "idx"),
        Index("ix_images_fields", *_SEARCHED),
        Index(None, "parent_id"),
    )

    number: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    id: Mapped[str]
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"))
    job_id: Mapped[str | None]
    idx: Mapped[int | None]
    file: Mapped[str]
    sha256: Mapped[str]
    width_px: Mapped[int]
    height_px: Mapped[int]
    prompt: Mapped[str]
    negative_prompt: Mapped[str]
    checkpoint: Mapped[str]
    sampler: Mapped[str]
    seed: Mapped[int | None] = mapped_column(BigInteger)
    steps: Mapped[int | None]
    recipe: Mapped[dict[str, Any] | None]
    notes: Mapped[dict[str, str]]
    infotext: Mapped[str]
    created_at: Mapped[datetime]
    favourite: Mapped[bool] = mapped_column(default=False)
    binned_at: Mapped[datetime | None] = mapped_column(default=None)
    parent_id: Mapped[str | None] = mapped_column(default=None)


class ImageTagRow(Base):
    """A word somebody put on a picture of theirs; ``name`` is in small letters."""

    __tablename__ = "image_tags"
    __table_args__ = (Index(None, "name", "image_id"),)

    image_id: Mapped[str] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)


class AlbumRow(Base):
    """A named set of pictures of one owner."""

    __tablename__ = "albums"
    __table_args__ = (UniqueConstraint("owner_id", "name"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"))
    name: Mapped[str]
    created_at: Mapped[datetime]


class AlbumImageRow(Base):
    """A picture in an album."""

    __tablename__ = "album_images"
    __table_args__ = (Index(None, "image_id"),)

    album_id: Mapped[str] = mapped_column(ForeignKey("albums.id", ondelete="CASCADE"), primary_key=True)
    image_id: Mapped[str] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), primary_key=True)


class PersonRow(Base):
    """Somebody with an account; ``id`` is that of the owner of their things. ``name_key`` is the name in small letters.

    ``epoch`` stands in every session: when it grows, they end. ``password_hash`` is null for guests.
    """

    __tablename__ = "people"
    __table_args__ = (UniqueConstraint("name_key"),)

    id: Mapped[str] = mapped_column(ForeignKey("owners.id"), primary_key=True)
    name: Mapped[str]
    name_key: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str | None]
    epoch: Mapped[int]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class KeyRow(Base):
    """An API key, by the hash of it."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("key_hash"), Index(None, "person_id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    name: Mapped[str]
    key_hash: Mapped[str]
    created_at: Mapped[datetime]


class InvitationRow(Base):
    """An invitation for guests, by the hashes of its link and its PIN."""

    __tablename__ = "invitations"

    id: Mapped[str] = mapped_column(primary_key=True)
    token_hash: Mapped[str]
    pin_hash: Mapped[str]
    guests_left: Mapped[int]
    expires_at: Mapped[datetime]


class SourceOwnerRow(Base):
    """That a source picture or mask, by its hash, is somebody's; the same one may be several people's."""

    __tablename__ = "source_owners"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"), primary_key=True)


class ImportRow(Base):
    """An import of folders into the gallery. ``at`` is the last file that is settled, in folder number ``folder``;
    the counts and ``problems`` (pairs of file and reason) are those up to there, so it goes on from there.
    """

    __tablename__ = "imports"
    __table_args__ = (Index(None, "owner_id", "created_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"))
    folders: Mapped[list[str]]
    labels: Mapped[str]
    state: Mapped[str]
    total: Mapped[int] = mapped_column(default=0)
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    folder: Mapped[int] = mapped_column(default=0)
    at: Mapped[str] = mapped_column(default="")
    imported: Mapped[int] = mapped_column(default=0)
    doubles: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    problems: Mapped[list[list[str]]]
    error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(default=None)


class ClientOptionsRow(Base):
    """What somebody's programs have set for themselves through A1111's API."""

    __tablename__ = "client_options"

    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"), primary_key=True)
    options: Mapped[dict[str, Any]]


class RememberedRow(Base):
    """What the studio remembers of somebody between devices, by ``name``: their form, or how they like the page."""

    __tablename__ = "remembered"

    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[dict[str, Any]]
    revision: Mapped[int]
    changed_at: Mapped[datetime]


class WallRow(Base):
    """A picture that somebody hung on the wall for everybody."""

    __tablename__ = "wall"
    __table_args__ = (UniqueConstraint("image_id"), Index(None, "hung_at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    image_id: Mapped[str] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    shows_prompt: Mapped[bool]
    hung_at: Mapped[datetime]


class LinkRow(Base):
    """A link to one picture for whoever has it; ``expires_at`` is null for one that stays until it is withdrawn."""

    __tablename__ = "links"
    __table_args__ = (Index(None, "image_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    image_id: Mapped[str] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    shows_prompt: Mapped[bool]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
