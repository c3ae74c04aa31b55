"""ComfyUI: the graph that was run, followed backwards from the saved picture.

A picture holds it as ``prompt``: node id to ``{"class_type", "inputs"}``, where an input is a value or the
``[node id, slot]`` it comes from (https://docs.comfy.org, "API format"). One sampler makes a recipe; a second one
behind an enlargement is its second pass. Nodes that a recipe has no place for are named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from studio.dialects.reading import Draft, Part, Reading, as_float, as_int, model_name
from studio.dialects.sampler_names import k_sampler, k_schedule

Node = Mapping[str, Any]

MOST_NODES = 5000
MOST_CONDITIONINGS = 200
_VALUE_KEYS = ("value", "text", "string", "int", "float", "seed", "noise_seed", "number", "Value")
_OUTPUTS = ("SaveImage", "PreviewImage", "SaveAnimatedWEBP", "SaveImageWebsocket")
_JOINED_BY = {"ConditioningConcat": " BREAK ", "ConditioningAverage": ", "}
_LATENT_METHODS = {
    "nearest-exact": "Latent (nearest-exact)",
    "bilinear": "Latent",
    "bicubic": "Latent (bicubic)",
    "bislerp": "Latent (bicubic)",
    "area": "Latent (antialiased)",
}
_PLAIN = frozenset(
    ("KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced", "KSamplerSelect", "BasicScheduler",
     "KarrasScheduler", "RandomNoise", "CFGGuider", "BasicGuider", "CLIPTextEncode", "CLIPTextEncodeSDXL",
     "CheckpointLoaderSimple", "CheckpointLoader", "UNETLoader", "VAELoader", "LoraLoader", "LoraLoaderModelOnly",
     "CLIPSetLastLayer", "EmptyLatentImage", "VAEDecode", "VAEEncode", "VAEEncodeForInpaint", "SetLatentNoiseMask",
     "LoadImage", "LoadImageMask", "LatentUpscale", "LatentUpscaleBy", "ImageScale", "ImageScaleBy",
     "UpscaleModelLoader", "ImageUpscaleWithModel", "ConditioningCombine", "ConditioningConcat", "DualCLIPLoader",
     "CLIPLoader", "PrimitiveNode", "PrimitiveInt", "PrimitiveFloat", "PrimitiveString", "Reroute", *_OUTPUTS)
)  # fmt: skip
"""Nodes that a recipe has a place for, or that do nothing to the picture."""


def is_graph(content: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a graph of nodes."""
    return bool(content) and all(isinstance(node, dict) and "class_type" in node for node in content.values())


def read_graph(content: Mapping[str, Any]) -> Reading:
    """The recipe of a graph, as far as it makes one."""
    return _Graph(content).read()


class _Graph:
    def __init__(self, content: Mapping[str, Any]) -> None:
        some = list(content.items())[:MOST_NODES]
        self.nodes: dict[str, Node] = {str(key): node for key, node in some}
        self.draft = Draft("ComfyUI")

    def read(self) -> Reading:
        samplers = list(self._samplers())
        if not samplers:
            self.draft.notes.append("No sampler stands in this graph, so there is no recipe to take from it.")
            return self.draft.done()
        first = samplers[-1]
        self._settings(first)
        self._model(self._linked(first, "model") or self._guider(first, "model"))
        self._start(first)
        if len(samplers) > 1:
            self._second_pass(samplers[0], first)
        if len(samplers) > 2:
            self.draft.notes.append(f"{len(samplers)} samplers follow each other; the first and the last were taken.")
        others = sorted({str(node["class_type"]) for node in self.nodes.values()} - _PLAIN)
        if others:
            self.draft.leave("Other nodes", ", ".join(others))
        return self.draft.done()

    # --- the graph ---

    def _inputs(self, node: Node) -> Mapping[str, Any]:
        inputs = node.get("inputs")
        return inputs if isinstance(inputs, dict) else {}

    def _linked(self, node: Node, *names: str) -> Node | None:
        """The node that the first of these inputs comes from."""
        for name in names:
            link = self._inputs(node).get(name)
            if isinstance(link, list) and link and str(link[0]) in self.nodes:
                return self.nodes[str(link[0])]
        return None

    def _value(self, node: Node | None, *names: str) -> Any:
        """The value of the first of these inputs that is there, followed through nodes that only hold one."""
        seen: set[int] = set()
        while node is not None and id(node) not in seen:
            seen.add(id(node))
            inputs = self._inputs(node)
            name = next((name for name in names if inputs.get(name) is not None), None)
            if name is None or not isinstance(inputs[name], list):
                return inputs.get(name) if name else None
            node, names = self._linked(node, name), (name, *_VALUE_KEYS)
        return None

    def _upwards(self, node: Node | None) -> Iterator[Node]:
        """The node and all it comes from, nearest first, each once."""
        waiting, seen = [node] if node is not None else [], set[int]()
        while waiting:
            present = waiting.pop(0)
            if id(present) in seen:
                continue
            seen.add(id(present))
            yield present
            waiting += [found for name in self._inputs(present) if (found := self._linked(present, name)) is not None]

    def _samplers(self) -> Iterator[Node]:
        """The samplers behind the saved picture, the last one first; without a saved picture, all there are."""
        ends = [node for node in self.nodes.values() if node["class_type"] in _OUTPUTS]
        for end in ends:
            found = [node for node in self._upwards(end) if self._is_sampler(node)]
            if found:
                yield from found
                return
        yield from (node for node in reversed(self.nodes.values()) if self._is_sampler(node))

    def _is_sampler(self, node: Node) -> bool:
        inputs = self._inputs(node)
        is_custom = "sampler" in inputs and "sigmas" in inputs
        return is_custom or ({"sampler_name", "steps"} <= set(inputs) and ("cfg" in inputs or "positive" in inputs))

    def _guider(self, sampler: Node, *names: str) -> Node | None:
        guider = self._linked(sampler, "guider")
        return self._linked(guider, *names) if guider else None

    # --- what a recipe wants to know ---

    def _settings(self, sampler: Node) -> None:
        draft = self.draft
        draft.put("steps", self._steps(sampler), "steps")
        draft.put("guidance_scale", as_float(self._cfg(sampler)), "cfg")
        seed = self._value(sampler, "seed", "noise_seed")
        draft.put_seed(seed if seed is not None else self._value(self._linked(sampler, "noise"), "noise_seed"))
        name, schedule = self._sampler_and_schedule(sampler)
        draft.put("sampler", name, "sampler_name")
        draft.put("schedule", schedule, "scheduler")
        positive = self._linked(sampler, "positive") or self._guider(sampler, "positive", "conditioning")
        negative = self._linked(sampler, "negative") or self._guider(sampler, "negative")
        draft.put("prompt", self._text(positive, "positive"))
        draft.put("negative_prompt", self._text(negative, "negative"))
        for node in self._upwards(positive):
            layer = as_int(self._value(node, "stop_at_clip_layer"))
            if layer is not None:
                draft.put("clip_skip", -layer, "stop_at_clip_layer")

    def _steps(self, sampler: Node) -> int | None:
        steps = self._value(sampler, "steps")
        return as_int(steps if steps is not None else self._value(self._linked(sampler, "sigmas"), "steps"))

    def _cfg(self, sampler: Node) -> Any:
        cfg = self._value(sampler, "cfg")
        return cfg if cfg is not None else self._value(self._linked(sampler, "guider"), "cfg")

    def _sampler_and_schedule(self, sampler: Node) -> tuple[str | None, str | None]:
        name = self._value(sampler, "sampler_name") or self._value(self._linked(sampler, "sampler"), "sampler_name")
        schedule = self._value(sampler, "scheduler")
        sigmas = self._linked(sampler, "sigmas")
        if schedule is None and sigmas is not None:
            own = {"KarrasScheduler": "karras", "ExponentialScheduler": "exponential"}
            schedule = self._value(sigmas, "scheduler") or own.get(str(sigmas["class_type"]))
        return k_sampler(str(name)) if name else None, k_schedule(str(schedule)) if schedule else None

    def _denoise(self, sampler: Node) -> float:
        denoise = self._value(sampler, "denoise")
        value = as_float(denoise if denoise is not None else self._value(self._linked(sampler, "sigmas"), "denoise"))
        start, steps = as_int(self._value(sampler, "start_at_step")), self._steps(sampler)
        if value is None and start and steps:
            return max(0.0, 1 - start / steps)
        return 1.0 if value is None else value

    def _text(self, node: Node | None, side: str, seen: set[int] | None = None) -> str:
        """The words behind a conditioning, each node's once; several are joined as A1111's prompts do it."""
        seen = set() if seen is None else seen
        if node is None or id(node) in seen or len(seen) >= MOST_CONDITIONINGS:
            return ""
        seen.add(id(node))
        for name in ("text", "text_g", "prompt", side):
            words = self._value(node, name)
            if isinstance(words, str) and words.strip():
                return words
        names = [name for name in self._inputs(node) if name.startswith("conditioning") or name == side]
        texts = [self._text(self._linked(node, name), side, seen) for name in names]
        return _JOINED_BY.get(str(node["class_type"]), " AND ").join(text for text in texts if text)

    def _model(self, node: Node | None) -> None:
        for present in self._upwards(node):
            lora = self._value(present, "lora_name")
            if lora:
                weight = as_float(self._value(present, "strength_model"))
                self.draft.parts.append(Part("lora", model_name(lora), weight=1.0 if weight is None else weight))
            checkpoint = self._value(present, "ckpt_name", "unet_name")
            if checkpoint:
                self.draft.put("checkpoint", model_name(checkpoint), "ckpt_name")
        for present in self.nodes.values():
            vae = self._value(present, "vae_name")
            if vae and model_name(vae) not in ("pixel_space", "taesd"):
                self.draft.parts.append(Part("vae", model_name(vae)))

    def _start(self, sampler: Node) -> None:
        """Where the first sampler begins: an empty latent of some size, or a picture."""
        latent = self._linked(sampler, "latent_image", "latent", "samples")
        behind = list(self._upwards(latent))
        empty = next((node for node in behind if "Empty" in str(node["class_type"])), None)
        if empty is not None:
            self.draft.put("width_px", as_int(self._value(empty, "width")), "width")
            self.draft.put("height_px", as_int(self._value(empty, "height")), "height")
            return
        kinds = {str(node["class_type"]) for node in behind}
        if not any("LoadImage" in kind or "VAEEncode" in kind for kind in kinds):
            return
        is_masked = bool(kinds & {"VAEEncodeForInpaint", "SetLatentNoiseMask", "InpaintModelConditioning"})
        self.draft.put("mode", "inpaint" if is_masked else "image")
        self.draft.put("denoising_strength", self._denoise(sampler), "denoise")

    def _second_pass(self, last: Node, first: Node) -> None:
        draft = self.draft
        denoise = self._denoise(last)
        enlarging = next((node for node in self._upwards(last) if self._enlarges(node)), None)
        if enlarging is None:
            draft.notes.append("Two samplers follow each other without an enlargement; only the first was taken.")
            return
        draft.put("hires_denoising_strength", denoise, "denoise")
        draft.put("hires_steps", self._steps(last))
        draft.put("hires_scale", as_float(self._value(enlarging, "scale_by")), "scale_by")
        if "hires_scale" not in draft.fields:
            draft.put("hires_width_px", as_int(self._value(enlarging, "width")), "width")
            draft.put("hires_height_px", as_int(self._value(enlarging, "height")), "height")
        method = str(self._value(enlarging, "upscale_method") or "")
        model = next((self._value(node, "model_name") for node in self._upwards(enlarging)
                      if node["class_type"] == "UpscaleModelLoader"), None)  # fmt: skip
        if model:
            draft.put("hires_upscaler", model_name(model))
        elif str(enlarging["class_type"]).startswith("Latent"):
            draft.put("hires_upscaler", _LATENT_METHODS.get(method, "Latent"))
        else:
            draft.put("hires_upscaler", "Lanczos")
        sampler, schedule = self._sampler_and_schedule(last)
        if (sampler, schedule) != self._sampler_and_schedule(first):
            draft.put("hires_sampler", sampler)
            draft.put("hires_schedule", schedule)
        if self._cfg(last) != self._cfg(first):
            draft.put("hires_guidance_scale", as_float(self._cfg(last)))

    def _enlarges(self, node: Node) -> bool:
        return str(node["class_type"]) in ("LatentUpscale", "LatentUpscaleBy", "ImageScale", "ImageScaleBy")
