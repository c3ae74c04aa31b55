"""How people ask for a picture: captions in many forms.

Owns the grammar. Some captions leave the style, the colour or both unsaid, and some carry words that mean nothing
here, so that a prompt with words never learnt still draws its subject.
"""

from __future__ import annotations

from random import Random

from studio.training.combinations import Combination, article
from studio.training.subjects import COLOUR_ALIASES, COLOURS, STYLES, SUBJECTS

PLAIN_SHARE = 0.45
UNSAID_STYLE_SHARE = 0.08
UNSAID_COLOUR_SHARE = 0.08
FILLER_SHARE = 0.15

FILLERS = tuple(
    """
cute, beautiful, little, big, nice, happy, funny, simple, colourful, bright, shiny, small, old, new, lovely,
detailed, highly detailed, masterpiece, best quality, high quality, sharp, soft light, studio light,
icon, emoji, sticker, drawing, illustration, picture, image, photo, artwork, render, digital art, trending,
award winning, centered, close up, realistic, cartoon, painting, poster, logo, minimal, 8k, 4k, vivid,
smooth, perfect, please, draw, with a smile, on the table, in the sky, at night, in the morning, in spring,
by a famous artist, running, sitting, wearing clothes, for children, isolated, very, two, three, one,
magic, future, wild, friendly, strange, quiet, summer, winter, city, forest, sea, village, king, queen,
galaxy, neon, wooden, stone, paper, glass, metal, fluffy, sweet, tasty, fresh, giant, tiny, ancient, modern
""".replace("\n", " ")
    .strip()
    .split(", ")
)


def caption(combination: Combination, random: Random) -> str:
    """One way to ask for this combination."""
    subject = SUBJECTS[combination.subject]
    name = subject.name if random.random() < 0.5 else random.choice(subject.names)
    style = "" if random.random() < UNSAID_STYLE_SHARE else STYLES[combination.style]
    colour = "" if random.random() < UNSAID_COLOUR_SHARE else _colour_word(combination.colour, random)
    text = _phrase(name, style, colour, random)
    return _with_filler(text, random) if random.random() < FILLER_SHARE else text


def pair_caption(first: Combination, second: Combination, random: Random) -> str:
    """Two subjects side by side on the first one's colour, "flat cat face and 3d pizza on a pink background"."""
    sides = []
    for side in (first, second):
        subject = SUBJECTS[side.subject]
        name = subject.name if random.random() < 0.5 else random.choice(subject.names)
        lead = random.choice(("", f"{article(STYLES[side.style])} "))
        sides.append(f"{lead}{STYLES[side.style]} {name}")
    colour = _colour_word(first.colour, random)
    return f"{sides[0]} and {sides[1]} on {article(colour)} {colour} background"


def _colour_word(colour: int, random: Random) -> str:
    word = list(COLOURS)[colour]
    return random.choice(COLOUR_ALIASES.get(word, (word,)))


def _phrase(name: str, style: str, colour: str, random: Random) -> str:
    thing = f"{style} {name}".strip()
    if not colour:
        return random.choice((thing, f"{article(thing)} {thing}"))
    if random.random() < PLAIN_SHARE:
        return f"{thing} on {article(colour)} {colour} background"
    forms = [
        f"{article(thing)} {thing} on {article(colour)} {colour} background",
        f"{article(thing)} {thing}, {colour} background",
        f"{thing}, {colour} background",
        f"{colour} background, {thing}",
        f"{thing} on {colour}",
        f"{thing} with {article(colour)} {colour} background",
        f"{name}, {style}, {colour}" if style else f"{name}, {colour}",
        f"{article(name)} {name} in {style} style on {article(colour)} {colour} background"
        if style
        else f"{name} on {colour}",
    ]
    return random.choice(forms)


def _with_filler(text: str, random: Random) -> str:
    words = ", ".join(random.sample(FILLERS, random.randint(1, 3)))
    forms = (f"{text}, {words}", f"{words}, {text}", f"a {words} of {text}", f"{text} {words}")
    return random.choice(forms)
