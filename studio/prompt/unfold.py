"""From a template and a seed to the one prompt it stands for, the same on every machine.

The tree of choices is drawn from by the ``dynamicprompts`` library's sampler, with three things of ours in it: chance
that asks nothing but ``Random.random()`` of Python (the one number that all its versions promise to repeat), several
of weighted options without their weights changing places, and wildcards that come from whoever calls. It never
touches the global random generator.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from random import Random

from dynamicprompts.commands import (
    Command,
    SamplingMethod,
    SequenceCommand,
    VariantCommand,
    VariantOption,
    WildcardCommand,
)
from dynamicprompts.samplers import RandomSampler
from dynamicprompts.sampling_context import SamplingContext
from dynamicprompts.sampling_result import SamplingResult
from dynamicprompts.types import ResultGen
from dynamicprompts.utils import rotate_and_join
from dynamicprompts.wildcards import WildcardManager

from studio.errors import PromptError, UnknownWildcard
from studio.prompt.template import MAX_DEPTH, Choice, Place, Wildcard, is_template, read_template
from studio.recipe.limits import MAX_PROMPT_CHARACTERS, check_prompt

MAX_DRAWS = 10_000
"""Wildcards looked into for one prompt: files that name each other several times over grow without end."""

MAX_DRAWN_CHARACTERS = 10 * MAX_PROMPT_CHARACTERS
"""Of all entries together; what they make has to fit into a prompt anyway."""


@dataclass(frozen=True)
class Entry:
    """One line of a wildcard, which may be a template itself, and how often it is drawn beside the others."""

    text: str
    weight: float = 1.0


Wildcards = Callable[[str], Sequence[Entry]]
"""The entries of a name or pattern, never none. Raises `UnknownWildcard`."""


def unfold(text: str, seed: int, wildcards: Wildcards, field: str = "prompt") -> str:
    """What ``text`` becomes with this seed; a text without choices stays as it is.

    The negative prompt draws apart from the prompt; a second pass draws as the first does, so equal templates give
    equal words.

    Raises:
        PromptError: a template that cannot be read, a name that no wildcard has, or one that names itself for ever.
        InvalidField: what was drawn is no prompt, being too long.
    """
    if not is_template(text):
        return text
    command = read_template(text, Place(field))
    _check_names(command, wildcards, field)
    stream = "negative" if "negative" in field else "positive"
    digest = hashlib.sha256(f"latent-studio wildcards 1 {stream} {seed}".encode()).digest()
    sampler = _Sampler(wildcards, field, Turns(seed))
    context = SamplingContext(
        default_sampling_method=SamplingMethod.RANDOM,
        wildcard_manager=WildcardManager(),
        samplers={SamplingMethod.RANDOM: sampler},
        rand=Random(int.from_bytes(digest, "big")),
    )
    result = next(context.generator_from_command(command)).text
    if is_template(result):
        raise PromptError(field, f"what was drawn makes another template, which is not read: {result[:80]!r}", 1)
    check_prompt(field, result)
    return result


class Turns:
    """Choices that go by the seed itself, so that the pictures of a job, whose seeds count up, run through them."""

    def __init__(self, seed: int) -> None:
        self._seed = self._rest = seed

    def next(self, sign: str, options: int) -> int:
        """``@``: all such choices turn with every seed. ``!``: the first turns with every seed, the next whenever that
        one is through, so that every combination comes.
        """
        if sign == "@":
            return self._seed % options
        self._rest, turn = divmod(self._rest, options)
        return turn


class _Sampler(RandomSampler):
    """The library's sampler; see the module for what is ours."""

    def __init__(self, wildcards: Wildcards, field: str, turns: Turns) -> None:
        self._wildcards, self._field, self._turns = wildcards, field, turns
        self._draws = 0
        self._drawn_characters = 0

    def _get_variant(self, command: VariantCommand, context: SamplingContext) -> ResultGen:
        several = command.max_bound > 1 or command.min_bound != 1
        only = command.values[0] if len(command.values) == 1 else None
        if isinstance(only, Wildcard) and several:
            options = [VariantOption(self._read(entry, only), entry.weight) for entry in self._entries(only)]
            command = Choice(
                options, command.min_bound, command.max_bound, command.separator, sign=getattr(command, "sign", "")
            )
        sign = getattr(command, "sign", "")
        if sign and len(command.values) > 1:
            yield self._turned(command.adjust_range(), sign, context)
        else:
            yield from super()._get_variant(command, context)

    def _turned(self, command: VariantCommand, sign: str, context: SamplingContext) -> SamplingResult:
        """What the options make whose turn it is, in their order."""
        chosen = arrangement(len(command.values), command.min_bound, command.max_bound, self._turns, sign)
        parts = [context.generator_from_command(command.values[index]) for index in chosen]
        return rotate_and_join(parts, separator=command.separator) if parts else SamplingResult("")

    def _get_variant_num_choices(self, command: VariantCommand, context: SamplingContext) -> int:
        return command.min_bound + int(context.rand.random() * (command.max_bound - command.min_bound + 1))

    def _get_variant_choices(
        self, values: list[Command], weights: list[float], num_choices: int, rand: Random
    ) -> list[Command]:
        left = list(range(len(values)))
        chosen: list[Command] = []
        while left and len(chosen) < num_choices and any(weights[one] for one in left):
            index = left.pop(pick([weights[one] for one in left], rand))
            chosen.append(values[index])
        return chosen

    def _get_wildcard(self, command: WildcardCommand, context: SamplingContext) -> ResultGen:
        assert isinstance(command, Wildcard)
        entries = self._entries(command)
        while True:
            if command.sign:
                entry = entries[self._turns.next(command.sign, len(entries))]
            else:
                entry = entries[pick([one.weight for one in entries], context.rand)]
            yield from islice(context.generator_from_command(self._read(entry, command)), 1)

    def _entries(self, command: Wildcard) -> Sequence[Entry]:
        name = str(command.wildcard)
        self._draws += 1
        if command.depth > MAX_DEPTH or self._draws > MAX_DRAWS:
            raise PromptError(self._field, f"the wildcard {name!r} names itself, directly or by others", command.column)
        return _known(self._wildcards, name, self._field, command.column)

    def _read(self, entry: Entry, named_by: Wildcard) -> Command:
        place = Place(self._field, named_by.column, named_by.depth + 1, str(named_by.wildcard))
        self._drawn_characters += len(entry.text)
        if self._drawn_characters > MAX_DRAWN_CHARACTERS:
            raise PromptError(self._field, f"the wildcard {place.of!r} brings too much for a prompt", named_by.column)
        return read_template(entry.text, place)


def pick(weights: Sequence[float], rand: Random) -> int:
    """An index, by chance in proportion to its weight. Plain additions: newer Pythons add up ``sum`` otherwise."""
    up_to = list(accumulate(weights))
    at = rand.random() * up_to[-1]
    return next((index for index, edge in enumerate(up_to) if at < edge), len(up_to) - 1)


def arrangement(options: int, least: int, most: int, turns: Turns, sign: str) -> list[int]:
    """Which options come in which order, of all arrangements of ``least`` to ``most`` of them."""
    sizes = [math.perm(options, size) for size in range(least, most + 1)]
    number = turns.next(sign, sum(sizes))
    size = least
    for count in sizes:
        if number < count:
            break
        number -= count
        size += 1
    left = list(range(options))
    chosen = []
    for taken in range(size):
        place, number = divmod(number, math.perm(options - taken - 1, size - taken - 1))
        chosen.append(left.pop(place))
    return chosen


def named_in(command: Command) -> Iterator[Wildcard]:
    """Every wildcard that a tree names itself."""
    if isinstance(command, Wildcard):
        yield command
    elif isinstance(command, SequenceCommand):
        for part in command.tokens:
            yield from named_in(part)
    elif isinstance(command, VariantCommand):
        for part in command.values:
            yield from named_in(part)


def _check_names(command: Command, wildcards: Wildcards, field: str) -> None:
    """Refuse unknown names wherever they stand: an option that chance passes over today comes up tomorrow."""
    for wildcard in named_in(command):
        _known(wildcards, str(wildcard.wildcard), field, wildcard.column)


def _known(wildcards: Wildcards, name: str, field: str, column: int) -> Sequence[Entry]:
    try:
        return wildcards(name)
    except UnknownWildcard as error:
        raise PromptError(field, str(error).rstrip("."), column) from None
