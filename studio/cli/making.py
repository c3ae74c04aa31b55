"""Has a recipe made, once or once for each picture of a folder, and says where the results are.

In a folder one file's trouble is said and does not stop the others; the command then ends with an error all the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from studio.cli.orders import JobDict, Maker, Saving, finished_ids, maker, shown
from studio.cli.starts import Start, read_file
from studio.errors import GenerationFailed, StorageError, StudioError

if TYPE_CHECKING:
    from studio.recipe import Recipe
    from studio.settings import Settings


@dataclass
class Making:
    """One run of a command. ``out`` is a folder for copies; ``is_batch``: the pictures come from a folder."""

    maker: Maker
    recipe: Recipe
    count: int
    out: Path | None
    is_batch: bool
    saving: Saving = field(default_factory=Saving)
    matrix: bool = False
    lines: str | None = None
    failed: int = 0

    def run(self, starts: list[Start]) -> None:
        """Order everything, then wait for each in turn; on Ctrl+C what is unfinished is cancelled."""
        orders: list[tuple[str, JobDict]] = []
        try:
            if self.lines is not None:
                orders = [("", job) for job in self.maker.submit_lines(self.recipe, self.lines, self.count)]
            for start in starts or ((None,) if self.lines is None else ()):
                name = start.picture.name if start and self.is_batch else ""
                with self._trouble(name):
                    orders.append((name, self.maker.submit(self._recipe_of(start), self.count, self.matrix)))
            for name, job in orders:
                with self._trouble(name):
                    self._finish(name, shown(self.maker.follow(job["id"]), job, name))
        except KeyboardInterrupt:
            for _, job in orders:
                self.maker.cancel(job["id"])
            raise
        if self.failed:
            raise GenerationFailed(f"{self.failed} of {len(starts)} files could not be done; the reasons are above.")

    def _recipe_of(self, start: Start | None) -> Recipe:
        if start is None:
            return self.recipe
        stored = {"source": self.maker.take_in(read_file(start.picture), "picture")}
        if start.mask is not None:
            stored["mask"] = self.maker.take_in(read_file(start.mask), "mask")
        return self.recipe.with_fields(stored)

    def _finish(self, name: str, job: JobDict) -> None:
        for image_id in finished_ids(job):
            path, data = self.maker.file(image_id, self.saving)
            typer.echo(str(self._copied(name, path, data) if self.out else path))

    def _copied(self, name: str, path: Path, data: bytes) -> Path:
        """A copy in the folder; of a batch it begins with the name of the file it was made from."""
        from studio.store import write_atomic

        assert self.out is not None
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"The folder {self.out} cannot be made: {error.strerror}.") from error
        file_name = path.with_suffix(self.saving.suffix).name
        copy = self.out / (f"{Path(name).stem}-{file_name}" if name else file_name)
        write_atomic(copy, data)
        return copy

    @contextlib.contextmanager
    def _trouble(self, name: str) -> Iterator[None]:
        """In a batch a file's error is one line, and the next file's turn."""
        try:
            yield
        except StudioError as error:
            if not self.is_batch:
                raise
            self.failed += 1
            typer.secho(f"{name}: {error}", fg=typer.colors.RED, err=True)


def make(
    settings: Settings,
    recipe: Recipe,
    starts: list[Start],
    count: int,
    out: Path | None,
    is_batch: bool,
    saving: Saving | None = None,
    matrix: bool = False,
    lines: str | None = None,
) -> None:
    """Have ``recipe`` made from each of ``starts``, or once without any, and print where the pictures are.

    ``matrix`` takes its prompt for a prompt matrix; ``lines`` is a text with a job a line.

    Raises:
        StudioError: whatever was wrong; of a batch, after the other files were done.
    """
    with maker(settings) as chosen:
        Making(chosen, recipe, count, out, is_batch, saving or Saving(), matrix, lines).run(starts)
