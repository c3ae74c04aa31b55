"""The autoencoder of a checkpoint that has none of its own: what network a VAE's file makes, told from its header.

Its numbers are read when a picture wants them, as those of every VAE that is chosen for a checkpoint; here is only its
shape. How large latents are is the checkpoint's business, so the scale is that of its family.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

from studio.engine.model_files import CheckpointFiles, ComponentFiles, read_json
from studio.engine.single_file import vae_config
from studio.errors import DamagedModel, UnsupportedModel
from studio.library.families import family_folder
from studio.library.header import read_header
from studio.library.identify import VAE

LATENT_CHANNELS = 4
_NETWORK = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")
"""What of such a file is the network; training leaves other things in it too."""


def with_other_vae(files: CheckpointFiles, vae: Path | None) -> CheckpointFiles:
    """A checkpoint that is to wear the VAE in the file ``vae``, because it has none of its own.

    Raises:
        UnsupportedModel: no VAE was chosen, or it is one of another kind.
        DamagedModel: its file cannot be read.
    """
    if vae is None:
        raise UnsupportedModel(f"{files.path.name} has no VAE of its own. Choose one for it.")
    header = read_header(vae)
    if header.problem:
        raise DamagedModel(f"The VAE {vae.name} cannot be used. {header.problem}")
    bare = {name.removeprefix(VAE): info.shape for name, info in header.tensors.items()}
    shapes = {name: shape for name, shape in bare.items() if name.startswith(_NETWORK)}
    try:
        config = vae_config(shapes, _base(files))
    except (KeyError, IndexError, ValueError) as error:
        raise UnsupportedModel(f"The VAE {vae.name} is built in a way that the studio does not know.") from error
    if config["latent_channels"] != LATENT_CHANNELS:
        raise UnsupportedModel(f"The VAE {vae.name} does not fit the checkpoint {files.path.name}. Choose another.")
    part = ComponentFiles(f"The VAE {vae.name}", config, (), sum(prod(shape) for shape in shapes.values()))
    return replace(files, components={**files.components, "vae": part})


def _base(files: CheckpointFiles) -> Mapping[str, Any]:
    """The configuration that a folder has kept of its VAE, else that of the family: 1.x and 2.x have the same."""
    own = files.path / "vae" / "config.json"
    if own.is_file():
        return read_json(own)
    folder = family_folder("sdxl" if "text_encoder_2" in files.components else "sd1")
    assert folder is not None
    return read_json(folder / "vae" / "config.json")
