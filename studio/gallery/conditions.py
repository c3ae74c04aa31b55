"""What each clause of a search means in the database: one condition on images, from indexed columns and full text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timezone
from typing import Any, cast

from sqlalchemy import ColumnElement, and_, case, func, not_, or_, select, text

from studio.gallery.query import Clause, parse
from studio.gallery.search import Term, expression
from studio.store.tables import AlbumImageRow, AlbumRow, ImageRow, ImageTagRow

LONGER_SIDE: ColumnElement[int] = case(
    (ImageRow.width_px > ImageRow.height_px, ImageRow.width_px), else_=ImageRow.height_px
)
_NUMBERS: dict[str, ColumnElement[Any]] = {
    "steps": cast(ColumnElement[Any], ImageRow.steps),
    "seed": cast(ColumnElement[Any], ImageRow.seed),
    "size": LONGER_SIDE,
    "width": cast(ColumnElement[Any], ImageRow.width_px),
    "height": cast(ColumnElement[Any], ImageRow.height_px),
}


def conditions(search: str, owner: str, dialect: str) -> list[ColumnElement[bool]]:
    """The conditions that an owner's image matches a search; none for an empty one.

    Raises:
        SearchError: it cannot be understood; says where and what is allowed.
        InvalidField: it is too long.
    """
    clauses = parse(search)
    indexed = [clause for clause in clauses if _is_indexed(clause, dialect)]
    found = [_of_clause(clause, owner) for clause in clauses if clause not in indexed]
    return [*found, *_in_full_text(indexed)]


def _of_clause(clause: Clause, owner: str) -> ColumnElement[bool]:
    condition = _MEANINGS.get(clause.field, _number)(clause, owner)
    # what is not known (a seed nobody wrote down, say) is not so, and must stay when the opposite is asked for
    return not_(func.coalesce(condition, False)) if clause.is_excluded else condition


def _number(clause: Clause, owner: str) -> ColumnElement[bool]:
    column = _NUMBERS[clause.field]
    least, most = cast("tuple[int, int]", clause.value)
    compared: dict[str, ColumnElement[bool]] = {
        ">": column > most,
        ">=": column >= least,
        "<": column < least,
        "<=": column <= most,
    }
    return compared[clause.sign] if clause.sign in compared else column.between(least, most)


def _sides(clause: Clause, owner: str) -> ColumnElement[bool]:
    width, height = cast("tuple[int, int]", clause.value)
    return and_(ImageRow.width_px == width, ImageRow.height_px == height)


def _date(clause: Clause, owner: str) -> ColumnElement[bool]:
    first, after = cast("tuple[date, date | None]", clause.value)
    made, begin = ImageRow.created_at, _moment(first)
    end = _moment(after) if after is not None else datetime.max.replace(tzinfo=timezone.utc)
    compared: dict[str, ColumnElement[bool]] = {">": made >= end, ">=": made >= begin, "<": made < begin}
    compared["<="] = made < end
    return compared[clause.sign] if clause.sign in compared else and_(made >= begin, made < end)


def _moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=timezone.utc)


def _favourite(clause: Clause, owner: str) -> ColumnElement[bool]:
    return ImageRow.favourite.is_(bool(clause.value))


def _named(column: Any) -> Callable[[Clause, str], ColumnElement[bool]]:
    """A name: all of it when it stood in quotes, else a piece of it; capitals do not matter."""

    def condition(clause: Clause, owner: str) -> ColumnElement[bool]:
        value = str(clause.value)
        if clause.is_phrase:
            return func.lower(column) == value.lower()
        return cast("ColumnElement[bool]", column.icontains(value, autoescape=True))

    return condition


def _tag(clause: Clause, owner: str) -> ColumnElement[bool]:
    tagged = select(ImageTagRow.image_id).where(ImageTagRow.name == str(clause.value).lower())
    return ImageRow.id.in_(tagged)


def _album(clause: Clause, owner: str) -> ColumnElement[bool]:
    named = select(AlbumRow.id).where(
        AlbumRow.owner_id == owner, func.lower(AlbumRow.name) == func.lower(str(clause.value))
    )
    return ImageRow.id.in_(select(AlbumImageRow.image_id).where(AlbumImageRow.album_id.in_(named)))


_MEANINGS: dict[str, Callable[[Clause, str], ColumnElement[bool]]] = {
    "sides": _sides,
    "date": _date,
    "fav": _favourite,
    "sampler": _named(ImageRow.sampler),
    "model": _named(ImageRow.checkpoint),
    "prompt": lambda clause, owner: ImageRow.prompt.icontains(str(clause.value), autoescape=True),
    "negative": lambda clause, owner: ImageRow.negative_prompt.icontains(str(clause.value), autoescape=True),
    "tag": _tag,
    "album": _album,
}

# --- full text ---


def _is_indexed(clause: Clause, dialect: str) -> bool:
    return clause.field in ("prompt", "negative") and dialect == "sqlite" and _term(clause).has_words


def _term(clause: Clause) -> Term:
    return Term(str(clause.value), clause.is_phrase)


def _in_full_text(clauses: Sequence[Clause]) -> list[ColumnElement[bool]]:
    """One question for all words that must be there, and one for those that must not."""
    asked = [expression(_column(clause), [_term(clause)]) for clause in clauses if not clause.is_excluded]
    refused = [expression(_column(clause), [_term(clause)]) for clause in clauses if clause.is_excluded]
    found: list[ColumnElement[bool]] = []
    if asked:
        found.append(_matching(" AND ".join(asked), "IN", "asked"))
    if refused:
        found.append(_matching(" OR ".join(refused), "NOT IN", "refused"))
    return found


def _column(clause: Clause) -> str:
    return "prompt" if clause.field == "prompt" else "negative_prompt"


def _matching(words: str, how: str, name: str) -> ColumnElement[bool]:
    found = text(f"images.number {how} (SELECT rowid FROM image_search WHERE image_search MATCH :{name})")
    return or_(found.bindparams(**{name: words}))
