"""What the starter checkpoint can draw: subjects, styles and background colours, with the words people use for them.

Owns the vocabulary alone. Names are those of Unicode's CLDR (as in the PyPI package `emoji`), then what people say.
"""

from __future__ import annotations

from dataclasses import dataclass

STYLES = ("flat", "3d")

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "orange": (245, 130, 32),
    "yellow": (250, 215, 50),
    "green": (60, 160, 70),
    "teal": (20, 155, 155),
    "blue": (45, 95, 215),
    "purple": (130, 60, 180),
    "pink": (250, 160, 200),
    "brown": (115, 72, 40),
    "black": (20, 20, 22),
    "gray": (150, 150, 150),
    "white": (250, 250, 250),
}

COLOUR_ALIASES = {"gray": ("gray", "grey")}


@dataclass(frozen=True)
class Subject:
    """One thing with artwork in both styles: its code point and its names, the CLDR short name first."""

    code_point: int
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.names[0]


# Code point and names. Chosen to be told apart: a "cat" and a "cat face" are two pictures, so the short word goes to
# the face only where no whole animal is in the list.
_TABLE = """
1f431 cat face|cat|kitten
1f436 dog face|dog|puppy
1f42d mouse face|mouse
1f430 rabbit face|rabbit|bunny
1f98a fox|fox face
1f43b bear|bear face
1f43c panda|panda face
1f428 koala|koala face
1f42f tiger face|tiger
1f981 lion|lion face
1f42e cow face|cow
1f437 pig face|pig
1f438 frog|frog face
1f435 monkey face|monkey
1f414 chicken|hen
1f427 penguin
1f424 baby chick|chick
1f989 owl
1f986 duck
1f985 eagle
1f984 unicorn|unicorn face
1f41d honeybee|bee
1f98b butterfly
1f40c snail
1f41e lady beetle|ladybug|ladybird
1f422 turtle|tortoise
1f40d snake
1f419 octopus
1f980 crab
1f42c dolphin
1f433 spouting whale|whale
1f988 shark
1f420 tropical fish|fish
1f418 elephant
1f992 giraffe
1f993 zebra
1f994 hedgehog
1f996 T-Rex|dinosaur
1f9a9 flamingo
1f99c parrot
1f34e red apple|apple
1f350 pear
1f34a tangerine|mandarin
1f34b lemon
1f34c banana
1f349 watermelon
1f347 grapes
1f353 strawberry
1f352 cherries|cherry
1f351 peach
1f34d pineapple
1f965 coconut
1f95d kiwi fruit|kiwi
1f345 tomato
1f346 eggplant|aubergine
1f951 avocado
1f966 broccoli
1f33d ear of corn|corn
1f955 carrot
1f344 mushroom
1f35e bread
1f950 croissant
1f968 pretzel
1f9c0 cheese wedge|cheese
1f354 hamburger|burger
1f35f french fries|fries
1f355 pizza
1f32d hot dog
1f32e taco
1f95a egg
1f369 doughnut|donut
1f36a cookie|biscuit
1f370 shortcake|cake
1f9c1 cupcake|muffin
1f366 soft ice cream|ice cream
1f36d lollipop
1f37f popcorn
2615 hot beverage|coffee|tea
1f37a beer mug|beer
1f377 wine glass|wine
1f335 cactus
1f332 evergreen tree|pine tree
1f333 deciduous tree|tree
1f334 palm tree
1f337 tulip
1f339 rose
1f33b sunflower
1f338 cherry blossom
1f340 four leaf clover|clover
1f341 maple leaf|leaf
1f697 automobile|car
1f695 taxi
1f68c bus
1f692 fire engine|fire truck
1f691 ambulance
1f69c tractor
1f6b2 bicycle|bike
1f682 locomotive|steam train
1f680 rocket
2708 airplane|plane
1f681 helicopter
26f5 sailboat|boat
1f6f8 flying saucer|ufo
1f600 grinning face|smiley
1f60d smiling face with heart-eyes|face in love
1f60e smiling face with sunglasses|cool face
1f62d loudly crying face|crying face
1f621 enraged face|angry face
1f634 sleeping face
1f920 cowboy hat face|cowboy
1f47b ghost
1f47d alien
1f916 robot
1f383 jack-o-lantern|pumpkin
26c4 snowman without snow|snowman
2764 red heart|heart
2b50 star
1f525 fire|flame
1f4a7 droplet|water drop
1f31e sun with face|sun
1f319 crescent moon|moon
1f308 rainbow
2601 cloud
26a1 high voltage|lightning
2744 snowflake
1f30d globe showing Europe-Africa|globe|earth
1f3e0 house
1f3f0 castle
26fa tent
1f30b volcano
26bd soccer ball|football
1f3c0 basketball
1f3be tennis|tennis ball
1f3b8 guitar
1f3ba trumpet
1f941 drum
1f388 balloon
1f381 wrapped gift|gift|present
1f382 birthday cake
1f451 crown
1f48e gem stone|diamond
1f3c6 trophy
1f4f7 camera
1f4a1 light bulb
1f514 bell
1f511 key
2702 scissors
1f528 hammer
2602 umbrella
1f453 glasses
1f3a9 top hat
1f9f8 teddy bear
23f0 alarm clock|clock
1f4d6 open book|book
""".strip()


def _parse(line: str) -> Subject:
    code_point, _, names = line.partition(" ")
    return Subject(int(code_point, 16), tuple(name.lower() for name in names.split("|")))


SUBJECTS: tuple[Subject, ...] = tuple(_parse(line) for line in _TABLE.splitlines())
