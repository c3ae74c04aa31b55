"""Which program wrote a picture's texts, and its reader. Our own exact recipe goes first, guesses last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from studio.dialects import a1111, comfyui, fooocus, invokeai, novelai
from studio.dialects.reading import Reading, json_object
from studio.recipe import Recipe
from studio.recipe.metadata import INFOTEXT_KEYWORD, RECIPE_KEYWORD, from_png_text

OURS = "Latent Studio"


def read_texts(texts: Mapping[str, str]) -> Reading | None:
    """What a picture's texts say, by keyword; ``None`` when they say nothing of how it was made.

    Raises:
        InvalidField: prompts longer than a recipe may hold.
    """
    own = from_png_text({RECIPE_KEYWORD: texts.get(RECIPE_KEYWORD, "")})
    if own is not None:
        unused = dict(own.unknown)
        return Reading(OURS, own.recipe, own.model_hash, unused=unused, resolved=own.resolved, templates=own.templates)
    parameters = texts.get(INFOTEXT_KEYWORD, "")
    content = json_object(parameters)
    if content is not None:
        return _read_object(content)
    for keyword in ("invokeai_metadata", "sd-metadata"):
        found = json_object(texts.get(keyword, ""))
        if found is not None:
            return invokeai.read_metadata(found) if keyword == "invokeai_metadata" else invokeai.read_sd_metadata(found)
    if "Dream" in texts:
        return invokeai.read_dream(texts["Dream"])
    comment = json_object(texts.get("Comment", ""))
    if comment is not None and novelai.is_comment(comment):
        return novelai.read_comment(comment, texts.get("Description", ""), texts.get("Source", ""))
    # ComfyUI's nodes that save A1111's text beside the graph know better than we what the graph does.
    if parameters.strip():
        return a1111.read_infotext(parameters)
    graph = json_object(texts.get("prompt", ""))
    if graph is not None and comfyui.is_graph(graph):
        return comfyui.read_graph(graph)
    if json_object(texts.get("workflow", "")) is not None:
        note = "It holds ComfyUI's canvas only, not the graph that was run: names of inputs are missing there."
        return Reading("ComfyUI", Recipe(), notes=(note,))
    return None


def read_text(text: str) -> Reading:
    """What a pasted text says: A1111's, or the JSON of one of the programs; any other text is a prompt.

    Raises:
        InvalidField: prompts longer than a recipe may hold.
    """
    content = json_object(text)
    found = _read_object(content) if content is not None else None
    return found if found is not None else a1111.read_infotext(text)


def _read_object(content: Mapping[str, Any]) -> Reading | None:
    if isinstance(content.get("recipe"), dict):
        return read_texts({RECIPE_KEYWORD: json.dumps(content)})
    if comfyui.is_graph(content):
        return comfyui.read_graph(content)
    if fooocus.is_fooocus(content):
        return fooocus.read_json(content)
    if "positive_prompt" in content:
        return invokeai.read_metadata(content)
    return novelai.read_comment(content) if novelai.is_comment(content) else None
