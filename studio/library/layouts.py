"""Where the models lie in the folders of other programs, given as they are; nothing is ever written there.

Of a whole installation only its model folders are walked, not its Python environment or its pictures. Layouts: A1111,
Forge and SD.Next (``models/Stable-diffusion``, ``models/Lora``, ``embeddings`` …), ComfyUI and Fooocus
(``models/checkpoints``, ``models/loras`` …), InvokeAI (``models`` beside ``databases``). What a file is, its header
says in each of them, so a LoRA put into the wrong folder is a LoRA all the same.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import closing
from pathlib import Path

log = logging.getLogger(__name__)

_INVOKE_DATABASE = Path("databases") / "invokeai.db"
_MOST_ROWS = 100_000


def model_folders(given: Path) -> tuple[Path, ...]:
    """The folders to walk for a folder that somebody gave: itself, unless it is another program's installation."""
    models = given / "models"
    if _is_there(models / "Stable-diffusion"):
        return tuple(folder for folder in (models, given / "embeddings") if _is_there(folder))
    if _is_there(models / "checkpoints") or _is_there(given / _INVOKE_DATABASE) or _is_there(given / "invokeai.yaml"):
        return (models,)
    return (given,)


def given_names(given: Path) -> dict[Path, str]:
    """What InvokeAI calls its models: it files them under keys, so their own names are in its database alone.

    The database is opened so that not even a lock file is made beside it; one that cannot be read gives no names.
    """
    database = given / _INVOKE_DATABASE
    if not _is_there(database):
        return {}
    names: dict[Path, str] = {}
    try:
        address = f"{database.resolve().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            rows = connection.execute("SELECT config FROM models LIMIT ?", (_MOST_ROWS,)).fetchall()
        for (text,) in rows:
            config = json.loads(text)
            path, name = config.get("path"), config.get("name")
            if isinstance(path, str) and isinstance(name, str) and name.strip():
                names[given / "models" / path] = name.strip()  # an absolute path stays what it is
    except (sqlite3.Error, ValueError, TypeError, AttributeError, OSError) as error:
        log.info("InvokeAI's names in %s cannot be read: %s", database, error)
    return names


def _is_there(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:
        return False
