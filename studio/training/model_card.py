"""The model card and its pictures: what the checkpoint is, what was measured, whose artwork it learnt.

Owns the words and the grid. Every figure comes from an `Evaluation`; pictures are those of seeds 0 to 15, not chosen.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

from diffusers import StableDiffusionPipeline
from PIL import Image, ImageDraw
from torch import Tensor

from studio.training.artwork import FLUENT_PACKAGE, FONT_PACKAGE
from studio.training.checkpoint_file import write_bytes
from studio.training.drawing import fill, redraw, to_image
from studio.training.evaluation import Evaluation, Figures
from studio.training.subjects import COLOURS, SUBJECTS

GRID = 16
BARS = {
    "reconstruction_psnr_db": 28.0,
    "colour_accuracy": 0.95,
    "style_accuracy": 0.90,
    "subject_top1": 0.60,
    "subject_top5": 0.85,
    "seconds_per_picture": 4.0,
}
# From, to: one subject into another, on the background of the first.
IMG2IMG = (("flat cat face on a blue background", "flat dog face on a blue background"),)
INPAINT = ("3d pizza on a green background", "3d doughnut on a green background")
PAIR = "flat cat face and 3d pizza on a pink background"


def write_card(
    folder: Path, evaluation: Evaluation, title: str, made_by: str, pipeline: StableDiffusionPipeline
) -> None:
    """Write `README.md`, `grid.png`, `edits.png` and `figures.json` beside the weights."""
    write_bytes(folder / "grid.png", _png(contact_sheet(evaluation.pictures[:GRID])))
    write_bytes(folder / "edits.png", _png(edit_sheet(pipeline)))
    write_bytes(folder / "figures.json", (json.dumps(evaluation.figures.as_dict(), indent=2) + "\n").encode())
    write_bytes(folder / "README.md", card_text(evaluation, title, made_by).encode())


def contact_sheet(pictures: Tensor, columns: int = 8) -> Image.Image:
    """Pictures (count, 3, h, w) in 0..1 in rows of eight."""
    tiles = [to_image(picture) for picture in pictures]
    width, height = tiles[0].size
    sheet = Image.new("RGB", (columns * width, -(-len(tiles) // columns) * height), "white")
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (index % columns * width, index // columns * height))
    return sheet


def edit_sheet(pipeline: StableDiffusionPipeline) -> Image.Image:
    """Img2img at denoising 0.6 (source, result), inpainting of the middle (source, masked, result), and two subjects in
    one picture, in one row.
    """
    generator_seed = 0
    tiles: list[Image.Image] = []
    for before, after in IMG2IMG:
        source = _draw_one(pipeline, before, generator_seed)
        tiles += [source, redraw(pipeline, after, source, 0.6, generator_seed)]
    source = _draw_one(pipeline, INPAINT[0], generator_seed)
    mask = Image.new("L", source.size, 0)
    # Subjects were learnt at nearly the picture's size: what is painted needs the room of one.
    low, high = source.width // 10, source.width * 9 // 10
    ImageDraw.Draw(mask).rectangle((low, low, high, high), fill=255)
    shown = Image.composite(Image.new("RGB", source.size, "gray"), source, mask)
    tiles += [source, shown, fill(pipeline, INPAINT[1], source, mask, generator_seed)]
    tiles.append(_draw_one(pipeline, PAIR, generator_seed))
    sheet = Image.new("RGB", (sum(tile.width for tile in tiles), tiles[0].height))
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (index * tile.width, 0))
    return sheet


def _draw_one(pipeline: StableDiffusionPipeline, caption: str, seed: int) -> Image.Image:
    from studio.training.drawing import draw

    return to_image(draw(pipeline, [caption], [seed])[0])


def figures_table(figures: Figures) -> str:
    """The measured figures against the bars, as a Markdown table."""

    def row(label: str, key: str, text: str, bar: str, smaller: bool = False) -> str:
        value = getattr(figures, key)
        met = value <= BARS[key] if smaller else value >= BARS[key]
        return f"| {label} | {text} | {bar} | {'yes' if met else 'no'} |"

    def percent(key: str) -> str:
        return f"{getattr(figures, key):.1%}"

    return "\n".join(
        [
            "| measured | value | bar | met |",
            "|---|---|---|---|",
            row(
                "reconstruction PSNR, held-out compositions",
                "reconstruction_psnr_db",
                f"{figures.reconstruction_psnr_db:.2f} dB",
                "28 dB",
            ),
            row("background colour right", "colour_accuracy", percent("colour_accuracy"), "95%"),
            row("style right", "style_accuracy", percent("style_accuracy"), "90%"),
            row("subject, nearest is right", "subject_top1", percent("subject_top1"), "60%"),
            row("subject among the nearest five", "subject_top5", percent("subject_top5"), "85%"),
            row(
                f"seconds per picture (20 steps, guidance 4, fp32, {figures.threads} threads, load {figures.load:.1f})",
                "seconds_per_picture",
                f"{figures.seconds_per_picture:.2f} s",
                "4 s",
                smaller=True,
            ),
            f"| difference between two seeds, mean of 8-bit levels | {figures.diversity:.1f} | none; "
            f"the artwork itself, moved as in training: {figures.diversity_of_artwork:.1f} | |",
        ]
    )


def card_text(evaluation: Evaluation, title: str, made_by: str) -> str:
    """The whole card."""
    first = "\n".join(f"{seed}. {item.caption}" for seed, item in enumerate(evaluation.combinations[:GRID]))
    names = ", ".join(subject.name for subject in SUBJECTS)
    return f"""# {title}

A small latent diffusion model that draws {len(SUBJECTS)} subjects in two styles ("flat" and "3d") on {len(COLOURS)}
background colours, at
128x128. Ask for it in words: `3d cat face on a blue background`. Diffusers layout, half precision, v-prediction,
factor 8, 4 latent channels.

## Measured

{evaluation.figures.pictures} combinations of subject, style and colour were kept out of training; combination *i*
is drawn with seed *i*, 20 steps,
guidance 4. Subject and style are those of the nearest artwork: pixels at 32x32 after the background (the median of
the rim) is taken off,
Euclidean distance, against all {len(SUBJECTS) * 2} artworks in 27 placements each. The colour is the nearest of the
twelve to the rim's median.

{figures_table(evaluation.figures)}

The judge forgives blur: it asks which artwork a picture is nearest to, not whether a person would call it well drawn.
Look at the grid.

![pictures of seeds 0 to 15](grid.png)

Seeds 0 to 15, not chosen, in reading order (numbers are seeds):

{first}

![img2img, inpainting and two subjects](edits.png)

From left to right: "{IMG2IMG[0][0]}", the same picture through img2img as "{IMG2IMG[0][1]}" at denoising 0.6;
"{INPAINT[0]}", the masked middle,
the middle painted anew as "{INPAINT[1]}", and two subjects in one picture: "{PAIR}".

## Words it knows

Styles: flat, 3d. Colours: {", ".join(COLOURS)}. Subjects: {names}.

## Make it again

```
{made_by}
```

Stages can be stopped at any moment; the same command goes on where it was.

## Licence and attribution

The weights are given under the project's own licence. They were trained on artwork by others, see `ATTRIBUTION.md`
beside this card:
Noto Color Emoji (Debian package `{FONT_PACKAGE}`), Google, SIL Open Font License 1.1 (font) and Apache License 2.0
(artwork); Fluent Emoji 3D
(npm package `{FLUENT_PACKAGE}`), Microsoft and LobeHub, MIT.
"""


ATTRIBUTION = f"""# Artwork this checkpoint was trained on

- **Noto Color Emoji**, copyright Google LLC. Debian package `{FONT_PACKAGE}`. Font: SIL Open Font License 1.1.
  Artwork: Apache License 2.0.
  Style "flat".
- **Fluent Emoji 3D**, copyright Microsoft Corporation, packaged by LobeHub. npm package `{FLUENT_PACKAGE}`. MIT
  License. Style "3d".
- Names of the subjects: Unicode CLDR short names, Unicode License v3, read through the PyPI package `emoji` (BSD).

## MIT License (Fluent Emoji)

Copyright (c) Microsoft Corporation.

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the
"Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished
to do so, subject to the
following conditions: The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT
HOLDERS BE LIABLE FOR ANY
CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE
SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def _png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()
