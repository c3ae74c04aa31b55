"""The queue: jobs and the states of their pictures, in the database, where they survive everything.

Every verb is one transaction, and every change of state names the state it starts from, so a late or repeated message
changes nothing. What a person may ask takes an owner; somebody else's job is `NotFound`. It refuses to know workers,
progress and pixels. It is longer than most because every verb that changes a state is here, so that all transitions can
be read in one place; one's own order is `line`, who is next `fairness`.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from itertools import groupby
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from studio.accounts.quotas import Quota
from studio.errors import Conflict, NotFound
from studio.jobs.allowance import Usage, check_room, usage
from studio.jobs.fairness import PICK_JOB, PLACES, Turns
from studio.jobs.line import Line
from studio.jobs.reading import own_job, read_jobs
from studio.jobs.records import Job, Order, PictureKey, TakenPicture
from studio.jobs.shares import Shares
from studio.jobs.states import UNFINISHED, change_picture, has_work, killed_too_often, park, settle
from studio.recipe import ResolvedRecipe
from studio.recipe.events import JobState
from studio.store.database import Database
from studio.store.tables import ImageRow, JobRow, OwnerRow, PictureRow


class Queue:
    """The jobs in ``database``. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.shares = Shares()
        self.line = Line(database, self.shares)
        self._turns = Turns()
        self._picking = threading.Lock()
        self._clock = threading.Lock()
        self._last_created = datetime.min.replace(tzinfo=timezone.utc)

    # --- what a person asks ---

    def enqueue(
        self,
        owner: str,
        recipe: ResolvedRecipe,
        count: int = 1,
        job_id: str | None = None,
        *,
        priority: int = 0,
        rolled: Collection[str] = (),
        quota: Quota | None = None,
        changes: Sequence[Mapping[str, Any] | None] = (),
    ) -> Job:
        """Queue ``count`` pictures. The same order with the same id again is harmless and answers the job there is.

        ``rolled`` names the fields of ``recipe`` that chance filled in (a seed of -1): a repeated order rolls them
        anew, so they do not make it another one. ``quota`` is what ``owner`` may ask for. ``changes`` hold what each
        picture's recipe has otherwise than the job's, see `ResolvedRecipe.for_picture`.

        Raises:
            InvalidField: a count below 1, or an id of other than 1 to 64 letters, digits, ``-`` and ``_``.
            OverQuota: that many more are too many just now.
            NotFound: nobody is called ``owner``.
            Conflict: the id is taken by another order.
        """
        return self.enqueue_all(owner, [Order(recipe, count, job_id, priority, rolled, changes)], quota)[0]

    def enqueue_all(self, owner: str, orders: Sequence[Order], quota: Quota | None = None) -> list[Job]:
        """Queue all of ``orders`` or, where one cannot be, none. Raises as `enqueue`."""
        ordered = [(order, order.checked_id(), self._next_moment()) for order in orders]
        with self._database.session() as session:
            if session.get(OwnerRow, owner) is None:
                raise NotFound(f"There is nobody called {owner!r} here.")
            rows = [self._added(session, owner, order, job_id, moment, quota) for order, job_id, moment in ordered]
            return read_jobs(session, rows)

    def get(self, owner: str, job_id: str) -> Job:
        """A job of ``owner``. Raises `NotFound` for an id that does not exist or is somebody else's."""
        with self._database.reading() as session:
            return read_jobs(session, [own_job(session, owner, job_id)])[0]

    def list(self, owner: str, limit: int = 50) -> tuple[Job, ...]:
        """The newest jobs of ``owner``, newest first."""
        newest = (
            select(JobRow).where(JobRow.owner_id == owner).order_by(JobRow.created_at.desc(), JobRow.id).limit(limit)
        )
        with self._database.reading() as session:
            return tuple(read_jobs(session, session.scalars(newest).all()))

    def cancel(self, owner: str, job_id: str, keep: Collection[int] = ()) -> Job:
        """Cancel the pictures of a job that are not finished, except those of index ``keep``. Raises `NotFound`."""
        with self._database.session() as session:
            row = own_job(session, owner, job_id)
            change = update(PictureRow).where(
                PictureRow.job_id == job_id, PictureRow.state.in_(UNFINISHED), PictureRow.idx.not_in(keep)
            )
            session.execute(change.values(state=JobState.CANCELLED.value))
            settle(session, row)
            return read_jobs(session, [row])[0]

    def retry(self, owner: str, job_id: str, quota: Quota | None = None) -> Job:
        """Queue the failed and cancelled pictures of a job again, with the seeds they had.

        Raises `NotFound`, and `OverQuota` while that many more are too many.
        """
        with self._database.session() as session:
            row = own_job(session, owner, job_id)
            again = PictureRow.job_id == job_id, PictureRow.state.in_((JobState.FAILED.value, JobState.CANCELLED.value))
            count = session.scalar(select(func.count()).select_from(PictureRow).where(*again)) or 0
            self._check_room(session, owner, ResolvedRecipe(**row.recipe), count, quota)
            self._arrive(session, owner)
            row.paused = row.cleared = False
            change = update(PictureRow).where(*again)
            session.execute(change.values(state=JobState.QUEUED.value, attempts=0, error=None))
            settle(session, row)
            return read_jobs(session, [row])[0]

    # --- what the dispatcher asks ---

    def read(self, job_ids: Iterable[str]) -> tuple[Job, ...]:
        """The jobs of these ids, whoever's; ids that are gone are left out."""
        with self._database.reading() as session:
            return tuple(read_jobs(session, session.scalars(select(JobRow).where(JobRow.id.in_(list(job_ids)))).all()))

    def unfinished(self) -> tuple[Job, ...]:
        """Everybody's jobs that wait or run, oldest first."""
        wanted = select(JobRow).where(JobRow.state.in_(UNFINISHED)).order_by(JobRow.created_at, JobRow.id)
        with self._database.reading() as session:
            return tuple(read_jobs(session, session.scalars(wanted).all()))

    def places(self) -> dict[str, int]:
        """Each waiting job's place in line, from 1, in that order."""
        with self._database.reading() as session:
            return {row.job_id: row.place for row in session.execute(text(PLACES))}

    def next_of_another_checkpoint(self, in_hand: Collection[str]) -> ResolvedRecipe | None:
        """The recipe of the job that waits longest among those whose checkpoint is not ``in_hand`` (by SHA-256)."""
        sha256 = JobRow.recipe["checkpoint_sha256"].as_string()
        waits = select(PictureRow.job_id).where(
            PictureRow.job_id == JobRow.id, PictureRow.state == JobState.QUEUED.value
        )
        wanted = (
            select(JobRow.recipe)
            .where(JobRow.state.in_(UNFINISHED), sha256.not_in([*in_hand, ""]), waits.exists())
            .order_by(JobRow.created_at, JobRow.id)
            .limit(1)
        )
        with self._database.reading() as session:
            found = session.scalar(wanted)
        return None if found is None else ResolvedRecipe(**found)

    def recover(self) -> int:
        """Put what nobody is making any more back into the queue; answers how many pictures. For start and stop.

        A picture that was saved just before the end is found by its image and is done. The end of the whole studio
        counts against no picture: it cannot be told from a power cut or an update.
        """
        image_id = (
            select(ImageRow.id)
            .join(JobRow, JobRow.id == ImageRow.job_id)
            # An image older than the job is of another one of this id, whose rows were lost with a damaged database.
            .where(ImageRow.created_at >= JobRow.created_at)
            .where(ImageRow.job_id == PictureRow.job_id, ImageRow.idx == PictureRow.idx)
            .correlate(PictureRow)
            .scalar_subquery()
        )
        running = update(PictureRow).where(PictureRow.state == JobState.RUNNING.value)
        with self._database.session() as session:
            session.execute(running.where(image_id.is_not(None)).values(state=JobState.DONE.value, image_id=image_id))
            back = session.execute(running.values(state=JobState.QUEUED.value)).rowcount  # type: ignore[attr-defined]
            for row in session.scalars(select(JobRow).where(JobRow.state.in_(UNFINISHED))):
                settle(session, row, may_wait_again=True)
            self._keep_shares(session)
            return int(back)

    def next_pictures(self, limit: int, worker_is_empty: bool = True, beyond: int = 0) -> tuple[TakenPicture, ...]:
        """Take up to ``limit`` pictures for the worker, by `fairness.PICK_JOB`; they are running from now on.

        Up to ``beyond`` more are taken while who is next has nothing on its way: those begin at once.

        A job that was running when a worker died gets the worker for itself, so that a second death says who did it:
        it is only taken when ``worker_is_empty``, and then nothing else is.
        """
        taken: list[TakenPicture] = []
        is_written = False
        try:
            with self._picking, self._database.session() as session:
                while len(taken) < limit + beyond:
                    more = self._next(session, limit - len(taken), worker_is_empty and not taken)
                    taken += more
                    if not more or more[0].suspect:
                        break
            is_written = True
        finally:
            for picture in () if is_written else taken:
                self.shares.end(picture.key)
        return tuple(taken)

    def _next(self, session: Session, room: int, worker_is_empty: bool) -> Sequence[TakenPicture]:
        """The next picture, or all that fit of a job that is under suspicion; none when there is nothing to take."""
        job_id = session.scalar(text(PICK_JOB), self._turns.parameters(self.shares.standings()))
        if job_id is None:
            return ()
        row = session.get_one(JobRow, job_id)
        at_once = room <= 0
        # Only who is next anyway: others who have nothing on its way have had their share, and wait for a place.
        if at_once and row.owner_id in self.shares.present():
            return ()
        suspect = self._is_suspect(session, job_id)
        if suspect and not worker_is_empty:
            return ()
        return self._take(session, row, room if suspect else 1, suspect, at_once)

    def mark_done(self, job_id: str, index: int, image_id: str, seconds: float) -> bool:
        """A picture was saved; answers whether that was news. What is saved is done, even when cancelled meanwhile."""
        before = (JobState.RUNNING, JobState.CANCELLED)
        return self._mark(job_id, index, before, state=JobState.DONE.value, image_id=image_id, seconds=seconds)

    def mark_failed(self, job_id: str, index: int, reason: str) -> bool:
        """A running picture could not be made, or not be saved; ``reason`` is what the person reads."""
        return self._mark(job_id, index, (JobState.RUNNING,), state=JobState.FAILED.value, error=reason)

    def mark_cancelled(self, job_id: str, index: int) -> bool:
        """The worker stopped a running picture."""
        return self._mark(job_id, index, (JobState.RUNNING,), state=JobState.CANCELLED.value)

    def put_back(self, keys: Sequence[PictureKey]) -> None:
        """Running pictures that the worker never began wait again, and nothing is held against them."""
        self.worker_died((), keys, "")

    def worker_died(self, started: Sequence[PictureKey], waiting: Sequence[PictureKey], reason: str) -> tuple[str, ...]:
        """A worker died with these pictures inside. Answers the ids of the jobs that were parked for it.

        All go back into the queue. Those it had ``started`` count it; at `states.MOST_ATTEMPTS` their whole job is
        parked as failed, because its other pictures differ by their seed only.
        """
        parked: list[str] = []
        for key in (*started, *waiting):
            self.shares.end(key)
        with self._database.session() as session:
            for job_id, keys in groupby(sorted({*started, *waiting}), key=lambda key: key[0]):
                row = session.get(JobRow, job_id)
                if row is None:
                    continue
                for key in keys:
                    change_picture(
                        session,
                        key,
                        (JobState.RUNNING,),
                        state=JobState.QUEUED.value,
                        attempts=PictureRow.attempts + int(key in started),
                    )
                if killed_too_often(session, job_id):
                    park(session, job_id, reason)
                    parked.append(job_id)
                settle(session, row, may_wait_again=True)
        return tuple(parked)

    def _is_suspect(self, session: Session, job_id: str) -> bool:
        waiting = PictureRow.job_id == job_id, PictureRow.state == JobState.QUEUED.value
        return bool(session.scalar(select(func.max(PictureRow.attempts)).where(*waiting)))

    def _take(self, session: Session, row: JobRow, limit: int, suspect: bool, at_once: bool) -> Sequence[TakenPicture]:
        waiting = PictureRow.job_id == row.id, PictureRow.state == JobState.QUEUED.value
        indices = session.scalars(select(PictureRow.idx).where(*waiting).order_by(PictureRow.idx).limit(limit)).all()
        session.execute(
            update(PictureRow)
            .where(PictureRow.job_id == row.id, PictureRow.idx.in_(indices))
            .values(state=JobState.RUNNING.value)
        )
        row.state = JobState.RUNNING.value
        row.started_at = row.started_at or datetime.now(timezone.utc)
        session.flush()
        recipe = ResolvedRecipe(**row.recipe)
        self._turns.note(row.owner_id, recipe.checkpoint_sha256)
        found = select(PictureRow.idx, PictureRow.changes).where(
            PictureRow.job_id == row.id, PictureRow.idx.in_(indices)
        )
        changes = {row.idx: row.changes for row in session.execute(found)}
        for index in indices:
            self.shares.take(row.owner_id, (row.id, index), recipe)
        return [
            TakenPicture(row.owner_id, row.id, index, recipe.for_picture(index, changes[index]), suspect, at_once)
            for index in indices
        ]

    def _added(
        self, session: Session, owner: str, order: Order, job_id: str, created_at: datetime, quota: Quota | None
    ) -> JobRow:
        """The row of an order: a new one, or the one there is when it was ordered before."""
        content = order.recipe.model_dump(mode="json")
        there = session.get(JobRow, job_id)
        if there is not None:
            _check_same_order(there, owner, content, order.count, order.rolled)
            if "prompt" not in order.rolled:
                _check_same_words(session, there, order.changes)
            return there
        self._check_room(session, owner, order.recipe, order.count, quota)
        self._arrive(session, owner)
        row = JobRow(
            id=job_id,
            owner_id=owner,
            recipe=content,
            count=order.count,
            state=JobState.QUEUED.value,
            priority=order.priority,
            created_at=created_at,
        )
        session.add(row)
        session.flush()
        changes = order.changes or [None] * order.count
        waiting = {"job_id": job_id, "state": JobState.QUEUED.value, "attempts": 0}
        session.execute(
            PictureRow.__table__.insert(),  # type: ignore[attr-defined]
            [{**waiting, "idx": index, "changes": changes[index]} for index in range(order.count)],
        )
        return row

    def _check_room(
        self, session: Session, owner: str, recipe: ResolvedRecipe, count: int, quota: Quota | None
    ) -> None:
        if quota is None:
            return
        waiting = select(func.count(JobRow.owner_id.distinct())).where(JobRow.state.in_(UNFINISHED), ~JobRow.paused)
        people = max(session.scalar(waiting) or 0, 1)
        picture_s = self.shares.expected_s(recipe) * people if self.shares.is_measured else None
        check_room(session, owner, count, quota, datetime.now(timezone.utc), picture_s)

    def usage(self, owner: str, quota: Quota) -> Usage:
        """What ``owner`` has used of ``quota``."""
        with self._database.reading() as session:
            return usage(session, owner, quota, datetime.now(timezone.utc))

    def _arrive(self, session: Session, owner: str) -> None:
        """Say so when somebody comes who had nothing to do; called before their job is there."""
        if not has_work(session, owner):
            self.shares.arrive(owner)

    def _keep_shares(self, session: Session) -> None:
        """Write down what everybody has had, and take over what an earlier run wrote."""
        written = self.shares.had_s()
        for owner, seconds in written.items():
            session.execute(update(OwnerRow).where(OwnerRow.id == owner).values(served_s=seconds))
        kept = {row.id: row.served_s for row in session.execute(select(OwnerRow.id, OwnerRow.served_s))}
        working = select(JobRow.owner_id).where(JobRow.state.in_(UNFINISHED), ~JobRow.paused).distinct()
        self.shares.restore(kept, session.scalars(working).all())

    def _mark(self, job_id: str, index: int, before: Collection[JobState], **values: object) -> bool:
        self.shares.end((job_id, index), is_made=values["state"] == JobState.DONE.value)
        with self._database.session() as session:
            changed = change_picture(session, (job_id, index), before, **values)
            row = session.get(JobRow, job_id)
            if changed and row is not None:
                settle(session, row)
                had_s = self.shares.had_s().get(row.owner_id, 0.0)
                session.execute(update(OwnerRow).where(OwnerRow.id == row.owner_id).values(served_s=had_s))
            return changed

    def _next_moment(self) -> datetime:
        """Now, but always later than the last answer: age is order, and clocks are coarse, or set back."""
        with self._clock:
            self._last_created = max(datetime.now(timezone.utc), self._last_created + timedelta(microseconds=1))
            return self._last_created


def _check_same_words(session: Session, there: JobRow, changes: Sequence[Mapping[str, Any] | None]) -> None:
    """That the pictures of a job are told by the same prompts as those of another order of its id."""
    found = select(PictureRow.changes).where(PictureRow.job_id == there.id).order_by(PictureRow.idx)
    kept = [(one or {}).get("prompt") for one in session.scalars(found)]
    if [(one or {}).get("prompt") for one in changes or [None] * there.count] != kept:
        raise Conflict(f"The id {there.id!r} is taken by another order. Choose another, or leave it out.")


def _check_same_order(
    there: JobRow, owner: str, content: dict[str, object], count: int, rolled: Collection[str]
) -> None:
    def meant(recipe: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in recipe.items() if name not in rolled}

    # The words are the same for a stranger's job: they tell no more than that this id cannot be had.
    if there.owner_id != owner or there.count != count or meant(there.recipe) != meant(content):
        raise Conflict(f"The id {there.id!r} is taken by another order. Choose another, or leave it out.")
