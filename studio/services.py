"""The one place where concrete parts are chosen and wired: ``build_studio(settings)`` gives a `Studio`.

The page, the REST routes and the commands all speak to a `Studio`; none of them builds parts of its own. Only one
studio at a time works on a home folder, so that two queues never take the same picture: a lock file sees to it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from studio.accounts import Accounts, Belongings
from studio.accounts.quotas import Quota, Quotas
from studio.accounts.remembered import Memories
from studio.errors import InvalidField, NotFound, SetupError, StudioError
from studio.gallery import Gallery, Image
from studio.gallery.bare import BarePictures
from studio.gallery.imports import Imports
from studio.gallery.links import Links
from studio.gallery.wall import Wall
from studio.holdings import Holdings
from studio.jobs import Dispatcher, Hub, JobView, Order, Queue, Supervisor
from studio.jobs.allowance import check_work
from studio.library import Library
from studio.library.arrivals import Arrivals
from studio.library.checks import Checks
from studio.library.hub import Hub as ModelHub
from studio.locating import Locator
from studio.offer import StudioOffer
from studio.paths import Paths, shipped
from studio.presets import Presets, lacking
from studio.prompt import count_tokens
from studio.prompt.matrix import combinations
from studio.prompt.tokenizer import FileTokenizer
from studio.prompt.unfold import unfold
from studio.prompts import DRAWN, Prompts, changes_of, with_prompt
from studio.recipe import Recipe, ResolvedRecipe, resolve
from studio.recipe.events import PictureDone
from studio.recipe.lines import Line, recipe_of, refused
from studio.recipe.model import AUTO_SEED
from studio.recipe.presets import Preset
from studio.settings import Settings
from studio.settings_file import mend_settings_file
from studio.sources import Sources
from studio.store import Database
from studio.store.blobs import Blobs
from studio.store.files import in_words
from studio.store.lock import HomeLock
from studio.upkeep.caretaker import BackupPlan, Caretaker
from studio.upkeep.notices import Notices
from studio.upkeep.room import Room
from studio.upkeep.tidy import Tidying
from studio.variations import STRENGTH, Way, more_like, names_vae, varied_with, with_checkpoint, with_preset
from studio.whereabouts import Memory
from studio.wildcards import Shelf

log = logging.getLogger(__name__)

LOCAL_OWNER = "local"
"""The one owner there is until accounts exist."""

ENGINES = {
    "torch": "studio.engine.build:create_engine",
    "fake": "studio.engine.fake:create_fake_engine",
}


@dataclass(frozen=True)
class Studio:
    """A running studio: its parts, and the few verbs that everybody shares."""

    settings: Settings
    paths: Paths
    database: Database
    library: Library
    offer: StudioOffer
    presets: Presets
    gallery: Gallery
    imports: Imports
    sources: Sources
    belongings: Belongings
    accounts: Accounts
    quotas: Quotas
    memories: Memories
    wall: Wall
    links: Links
    bare: BarePictures
    holdings: Holdings
    prompts: Prompts
    queue: Queue
    hub: Hub
    supervisor: Supervisor
    dispatcher: Dispatcher
    memory: Memory
    arrivals: Arrivals
    checks: Checks
    room: Room
    notices: Notices
    caretaker: Caretaker
    lock: HomeLock
    _started: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start the worker and feed it with what waits, from before a restart too. Harmless when repeated."""
        if not self._started.is_set():
            self._started.set()
            self.library.watch()
            self.dispatcher.start()
            self.caretaker.start()
            self.imports.start()

    def close(self) -> None:
        """Stop the worker, park what is unfinished, and let go of the home folder. Harmless when repeated."""
        self.arrivals.close()
        self.checks.close()
        self.library.close()  # before what may wait for the hash of a large file
        self.dispatcher.close()
        self.caretaker.close()
        self.imports.close()
        self.database.close()
        self.lock.release()

    @property
    def worker_status(self) -> str:
        """``starting``, ``ready``, ``restarting`` or ``failed``."""
        return self.supervisor.status

    def hub_of_models(self) -> ModelHub:
        """A connection to the hub that models come from; to be closed."""
        return ModelHub()

    def certificate_fingerprint(self) -> str | None:
        """Of the certificate that the studio made itself, to compare with what a browser shows."""
        if self.settings.tls != "auto":
            return None
        from studio.network.certificates import Certificate

        with contextlib.suppress(SetupError):  # taken away meanwhile; the next start makes another
            return Certificate(self.paths.certificate, self.paths.certificate_key).fingerprint()
        return None

    def describe(self) -> dict[str, object]:
        """The worker, its device, and how many jobs wait."""
        ready = self.supervisor.ready
        return {
            "worker": self.worker_status,
            "reason": self.supervisor.reason,
            "device": ready.device if ready else None,
            "device_name": ready.device_name if ready else None,
            "memory_bytes": ready.memory_bytes if ready else None,
            "waiting_jobs": len(self.queue.places()),
            "free_disk_bytes": self.room.free_bytes,
        }

    def submit(
        self,
        recipe: Recipe,
        count: int = 1,
        owner: str = LOCAL_OWNER,
        job_id: str | None = None,
        lineage: Mapping[str, str] | None = None,
        *,
        matrix: bool = False,
    ) -> JobView:
        """Queue ``count`` pictures of a recipe. The same id with the same order again is harmless.

        ``lineage`` says what they are variations of, as `Variation.lineage` gives it. With ``matrix`` the prompt is a
        prompt matrix: ``count`` pictures of each combination of its parts, all from the same seed.

        Raises:
            StorageFull: the disk has no room for more pictures.
            InvalidField, PromptError: a value or prompt that cannot be used; nothing was queued.
            UnknownCheckpoint, UnknownSampler, ModelError: a name nothing answers to, or a model that cannot run.
            Conflict: the id is taken by another order.
            OverQuota: that many more are too many of this person's just now.
        """
        order = self._order(recipe, count, owner, job_id, lineage or {}, matrix=matrix)
        job = self.dispatcher.enqueue_all(owner, [order], self.quotas.of(owner))[0]
        return self.job(job.id, owner)

    def submit_lines(
        self, recipe: Recipe, lines: Sequence[Line], count: int = 1, owner: str = LOCAL_OWNER, batch_id: str = ""
    ) -> list[JobView]:
        """Queue a job for each line, which says what is otherwise than in ``recipe``; all of them, or none.

        Jobs get the id of the batch with the line's number behind it, so that repeating the same is harmless.

        Raises:
            InvalidField: a line that cannot be used, named by its number; nothing was queued.
            Conflict: the id is taken by another order.
            OverQuota: that many more are too many of this person's just now.
        """
        orders = []
        for line in lines:
            job_id = f"{batch_id}-{line.number}" if batch_id else None
            try:
                wanted = recipe_of(line, recipe)
                orders.append(self._order(wanted, count if line.count is None else line.count, owner, job_id))
            except StudioError as error:
                raise refused(line.number, error) from None
        jobs = self.dispatcher.enqueue_all(owner, orders, self.quotas.of(owner))
        return [self.job(job.id, owner) for job in jobs]

    def _order(
        self,
        recipe: Recipe,
        count: int,
        owner: str,
        job_id: str | None,
        lineage: Mapping[str, str] | None = None,
        *,
        matrix: bool = False,
    ) -> Order:
        self.room.check()
        most = self.settings.max_count
        if not 1 <= count <= most:
            raise InvalidField("count", f"{count} pictures cannot be ordered at once", f"1 to {most}")
        resolved = self._resolve(recipe, owner).model_copy(update=dict(lineage or {}))
        quota = self.quotas.of(owner)
        if quota is not None:
            check_work(resolved, quota)
        texts = combinations(resolved.prompt) if matrix else [resolved.prompt]
        if len(texts) * count > most:
            words = f"its matrix has {len(texts):,} combinations, which makes {len(texts) * count:,} pictures"
            raise InvalidField("prompt", words, f"up to {most}")
        pictures = [
            picture for text in texts for picture in self.prompts.understood(with_prompt(resolved, text), count)
        ]
        rolled = [name for name in ("seed", "variation_seed") if getattr(recipe, name) == AUTO_SEED]
        drawn = DRAWN if any(picture.templates.typed() for picture in pictures) else ()
        return Order(pictures[0], len(pictures), job_id, rolled=(*rolled, *drawn), changes=changes_of(pictures))

    def resolve(self, recipe: Recipe, owner: str = LOCAL_OWNER) -> ResolvedRecipe:
        """The recipe with every "auto" answered and its prompts understood, without queueing it.

        Raises what `submit` does, and `NotFound` for a source that is somebody else's.
        """
        return self.prompts.understood(self._resolve(recipe, owner))[0]

    def _resolve(self, recipe: Recipe, owner: str) -> ResolvedRecipe:
        for sha256 in (recipe.source, recipe.mask):
            if sha256:
                self.belongings.check(owner, sha256)
        return resolve(recipe, self.offer)

    def vary(
        self,
        image_id: str,
        way: Way,
        owner: str = LOCAL_OWNER,
        *,
        count: int = 4,
        strength: float = STRENGTH,
        name: str = "",
        job_id: str | None = None,
    ) -> JobView:
        """Queue variations of a picture of the gallery; their lineage says so.

        ``name`` is the preset or checkpoint to take, empty for the next one; of these one picture is made.

        Raises:
            NotFound: no such picture.
            Conflict: it cannot be varied, or there is no other preset or checkpoint.
            InvalidField: as `submit`.
        """
        image = self.gallery.get(owner, image_id)
        if way == "like":
            variation = more_like(image, strength)
        elif way == "preset":
            variation = with_preset(image, self._without_preset(image), self.presets_of(owner), name)
        else:
            sound = [card for card in self.library.parts("checkpoint") if not card.problem]
            usable = [card.name for card in sound if self.library.has_vae(card) or names_vae(image)]
            variation = with_checkpoint(image, sorted(set(usable), key=str.casefold), name)
        how_many = count if way == "like" else 1
        return self.submit(variation.recipe, how_many, owner, job_id, variation.lineage())

    def _without_preset(self, image: Image) -> Image:
        """The picture that presets were tried on, when ``image`` is such a try."""
        if varied_with(image, "preset") and image.parent_id:
            with contextlib.suppress(NotFound):
                return self.gallery.get(image.owner, image.parent_id)
        return image

    def presets_of(self, owner: str = LOCAL_OWNER) -> Mapping[str, Preset]:
        """Every preset that somebody may use, by name: what ships, the home's, and their own."""
        return self.presets.of(owner)

    def job(self, job_id: str, owner: str = LOCAL_OWNER) -> JobView:
        """A job as it stands. Raises `NotFound` for anybody else's."""
        return self.hub.view(owner, job_id)

    def jobs(self, owner: str = LOCAL_OWNER, limit: int = 50) -> Sequence[JobView]:
        """The newest jobs, newest first."""
        return self.hub.views(owner, limit=limit)

    def cancel(self, job_id: str, owner: str = LOCAL_OWNER) -> JobView:
        """Stop a job within one step; finished pictures stay."""
        self.dispatcher.cancel(owner, job_id)
        return self.job(job_id, owner)

    def retry(self, job_id: str, owner: str = LOCAL_OWNER) -> JobView:
        """Queue the failed and cancelled pictures of a job again, with the seeds they had."""
        self.dispatcher.retry(owner, job_id, self.quotas.of(owner))
        return self.job(job_id, owner)

    def pause(self, job_id: str, owner: str = LOCAL_OWNER) -> JobView:
        """Take no more pictures of a job; those on their way are finished. Raises `NotFound`, `Conflict`."""
        self.dispatcher.pause(owner, job_id)
        return self.job(job_id, owner)

    def resume(self, job_id: str, owner: str = LOCAL_OWNER) -> JobView:
        """Go on with a paused job. Raises `NotFound`, `Conflict`."""
        self.dispatcher.resume(owner, job_id)
        return self.job(job_id, owner)

    def move(self, job_id: str, place: int, owner: str = LOCAL_OWNER) -> JobView:
        """Put a job at a place among one's own, 1 the next. Raises `NotFound`, `Conflict`, `InvalidField`."""
        self.dispatcher.move(owner, job_id, place)
        return self.job(job_id, owner)

    def overview(self, owner: str = LOCAL_OWNER) -> dict[str, object]:
        """The queue as ``owner`` sees it, and what is used of their quota (``None`` where there is no limit)."""
        quota = self.quotas.of(owner)
        used = None if quota is None else self.queue.usage(owner, quota).as_dict()
        return {**self.dispatcher.overview(owner).as_dict(), "quota": used}

    def count_tokens(self, text: str, checkpoint: str = "auto") -> tuple[int, int]:
        """Tokens used, and tokens that fit into as many chunks of 75 as that takes; of a template, in one example."""
        card = self.library.find(checkpoint, hashed=False)
        vocabulary = self.prompts.vocabulary(card)
        if vocabulary is None or card.tokenizer_dir is None:
            return 0, 75
        sample = unfold(text, 0, self.prompts.wildcards.snapshot())
        return count_tokens(sample, FileTokenizer.cached(card.tokenizer_dir), words=vocabulary.words)


def build_studio(settings: Settings) -> Studio:
    """Wire a studio on the home folder of ``settings``. It does nothing until ``start()``.

    Raises:
        SetupError: another studio works on this home folder.
        StorageError: the home folder cannot be written.
    """
    lock = HomeLock.acquire(settings.paths.home)
    try:
        return _build(settings, lock)
    except BaseException:
        lock.release()
        raise


def _build(settings: Settings, lock: HomeLock) -> Studio:
    paths = settings.paths
    _mend_settings(paths)
    database = Database.open(paths.database)
    gallery = Gallery(database, paths)
    sources = Sources(Blobs(paths.blobs))
    _mend(database, gallery)
    remarks = settings.remarks()
    for remark in remarks:
        log.warning("%s", remark)
    library = build_library(settings)
    offer = StudioOffer(library, sources, settings.max_side_px)
    hub = Hub()
    queue = Queue(database)
    supervisor = Supervisor(
        ENGINES[settings.engine],
        {
            "device": settings.device,
            "live_pictures": settings.live_pictures,
            "budget_mb": settings.device_memory_mb,
            "host_budget_mb": settings.host_memory_mb,
        },
    )
    caretaker = Caretaker(
        paths,
        Tidying(gallery, paths, settings.bin_days, settings.unused_days),
        BackupPlan(settings.backup_folder, settings.backup_hours, settings.backup_keep),
    )
    room = Room(paths.home, settings.disk_warning_mb, settings.disk_floor_mb)
    memory = Memory(library, lambda: supervisor.memory, lambda: supervisor.ready, paths.models)

    def save(done: PictureDone, recipe: ResolvedRecipe, owner: str) -> str:
        return gallery.add(done.pixels, recipe, done.notes, owner, done.job_id, done.index).id

    dispatcher = Dispatcher(
        queue=queue,
        supervisor=supervisor,
        locate=Locator(library, sources),
        save=save,
        hub=hub,
        live_pictures=settings.live_pictures,
        preview_every_steps=settings.preview_every_steps,
        idle_unload_s=settings.idle_unload_minutes * 60,
        on_loading=memory.heard,
        load_times=memory.load_times,
        may_begin=room.check,
    )
    accounts = Accounts(database, paths.secret_file, settings.password_cost == "cheap")
    return Studio(
        settings=settings,
        paths=paths,
        database=database,
        library=library,
        offer=offer,
        presets=build_presets(paths, library, offer),
        gallery=gallery,
        imports=Imports(gallery, paths.home),
        sources=sources,
        belongings=Belongings(database),
        accounts=accounts,
        quotas=build_quotas(settings, accounts),
        memories=Memories(database),
        wall=Wall(database, gallery),
        links=Links(database, gallery, accounts.secret.seal),
        bare=BarePictures(),
        holdings=Holdings(library, offer, sources),
        prompts=Prompts(library, build_wildcards(paths)),
        queue=queue,
        hub=hub,
        supervisor=supervisor,
        dispatcher=dispatcher,
        memory=memory,
        arrivals=Arrivals(paths.models, paths.cache, library.scan),
        checks=Checks(library, lambda: dispatcher.is_making),
        room=room,
        notices=Notices(paths, [room.warning, gallery.missing], [caretaker.trouble], remarks),
        caretaker=caretaker,
        lock=lock,
    )


def build_quotas(settings: Settings, accounts: Accounts) -> Quotas:
    """What members and guests may ask for; admins have no limit."""
    member = Quota(settings.member_waiting_pictures, settings.member_pictures_per_hour, settings.member_megapixel_steps)
    guest = Quota(settings.guest_waiting_pictures, settings.guest_pictures_per_hour, settings.guest_megapixel_steps)
    return Quotas(accounts.people, {"member": member, "guest": guest})


def _mend_settings(paths: Paths) -> None:
    try:
        mend_settings_file(paths.settings_file)
    except OSError as error:
        raise in_words(error, paths.settings_file) from error


def _mend(database: Database, gallery: Gallery) -> None:
    """Bring files and rows together again, and name what was set aside or is damaged."""
    if database.preparation.set_aside is not None:
        log.warning("%s", database.preparation)
    log.info("%s", gallery.recover())


def build_library(settings: Settings) -> Library:
    """The model library over the person's own folders first, then the checkpoints that ship."""
    paths = settings.paths
    library = Library(
        [paths.models, *settings.models],
        cache=paths.cache,
        default=settings.default_checkpoint,
        shipped=[shipped("assets") / "models", shipped("assets") / "loras"],
        may_be_missing=[paths.models],
        own_cards=paths.model_cards,
    )
    library.scan()
    return library


def build_holdings(settings: Settings) -> Holdings:
    """What a recipe from elsewhere is compared with, for commands that make no pictures."""
    library, sources = build_library(settings), Sources(Blobs(settings.paths.blobs))
    return Holdings(library, StudioOffer(library, sources, settings.max_side_px), sources)


def build_presets(paths: Paths, library: Library, offer: StudioOffer) -> Presets:
    """The presets that ship, those of the home, and each person's own, which win."""
    return Presets(
        shipped("presets"),
        paths.presets,
        paths.presets_of,
        lambda preset: lacking(preset, library, offer),
        lambda: library.revision,
    )


@contextlib.contextmanager
def presets_alone(settings: Settings) -> Iterator[Presets]:
    """The presets, for commands that make no pictures."""
    library = build_library(settings)
    try:
        yield build_presets(
            settings.paths, library, StudioOffer(library, Sources(Blobs(settings.paths.blobs)), settings.max_side_px)
        )
    finally:
        library.close()


def build_wildcards(paths: Paths) -> Shelf:
    """The wildcards that ship, and the person's own, which win."""
    return Shelf(shipped("assets") / "wildcards", paths.wildcards)
