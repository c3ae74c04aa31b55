"""What OpenAPI says of all routes alike: the one shape of errors, and an example of each kind of answer.

Routes describe themselves; here only what FastAPI cannot know is added, so it stays out of their code.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

ERROR = {
    "type": "object",
    "description": "What went wrong, and what to change.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "description": "For programs: invalid_field, not_found, conflict …"},
                "message": {"type": "string", "description": "For people: what happened and what to try."},
                "field": {"type": "string", "description": "The field it is about, where there is one."},
                "allowed": {"type": "string", "description": "What the field takes, in words."},
                "column": {"type": "integer", "description": "Where in a prompt, counted from 1."},
            },
        }
    },
    "example": {
        "error": {
            "code": "invalid_field",
            "message": "steps: 0 is out of range (allowed: 1 to 1000)",
            "field": "steps",
            "allowed": "1 to 1000",
        }
    },
}

CLIENT_ERROR = {
    "type": "object",
    "description": "What went wrong, in the shape that A1111's clients know.",
    "required": ["error", "detail", "errors"],
    "properties": {
        "error": {"description": "A code; of what the door refuses, an object as everywhere else."},
        "detail": {"type": "string", "description": "A1111's words where it has some, else the sentence."},
        "body": {"type": "string"},
        "errors": {"type": "string", "description": "For people: what happened and what to try."},
    },
}

RECIPE = {"prompt": "3d cat face on a blue background", "seed": 7, "steps": 20, "sampler": "DPM++ 2M"}
BODIES: dict[tuple[str, str], Any] = {
    ("post", "/api/v1/recipes/resolve"): RECIPE,
    ("post", "/api/v1/recipes/validate"): RECIPE,
    ("post", "/api/v1/prompts/count"): {"text": "a (red:1.2) fox", "checkpoint": "auto"},
    ("post", "/api/v1/images/bin"): {"ids": ["0123456789abcdef0123456789abcdef"]},
    ("post", "/api/v1/images/restore"): {"ids": ["0123456789abcdef0123456789abcdef"]},
    ("post", "/api/v1/images/{image_id}/favourite"): {"favourite": True},
    ("patch", "/api/v1/models/{model_id}"): {"notes": "good at faces", "trigger_words": ["ink style"]},
}
ANSWERS: dict[tuple[str, str], Any] = {
    ("post", "/api/v1/jobs"): {"id": "first", "state": "queued", "count": 1, "done": 0, "progress": 0.0},
    ("get", "/api/v1/jobs/{job_id}"): {"id": "first", "state": "running", "count": 1, "done": 0, "progress": 0.4},
    ("get", "/api/v1/queue"): {
        "jobs": [
            {"id": "first", "state": "queued", "paused": False, "count": 4, "done": 0, "place": 2, "starts_in_s": 31.5}
        ],
        "ended": [],
        "others": {"people": 1, "jobs": 1, "pictures": 12},
        "quota": {
            "waiting_pictures": {"used": 4, "most": 40},
            "pictures_per_hour": {"used": 12, "most": 120},
            "megapixel_steps": {"most": 150},
        },
    },
    ("get", "/api/v1/models/residency"): {
        "device": None,
        "host": {"total_bytes": 16e9, "used_bytes": 1.2e9, "free_bytes": 9e9, "budget_bytes": 5e9},
        "disk": {"total_bytes": 5e11, "used_bytes": 3e10, "free_bytes": 1e11, "budget_bytes": 0},
        "models": [{"id": "0123…", "name": "starter", "device_bytes": 0, "host_bytes": 37e6, "ready": True}],
        "costs": {"starter": {"place": "disk", "bytes": 37e6, "seconds": 0.2, "needs_vae": False}},
        "automatic": "starter",
        "unload_after_minutes": 15,
    },
    ("post", "/api/v1/models/unload"): {"unloading": True},
    ("get", "/api/v1/models/arrivals"): {
        "arrivals": [
            {
                "id": "0123…",
                "way": "pull",
                "source": "owner/name",
                "file": "ink.safetensors",
                "variant": "",
                "name": "ink.safetensors",
                "state": "running",
                "done_bytes": 4e8,
                "size_bytes": 2e9,
                "bytes_per_s": 2e7,
                "seconds_left": 80.0,
                "checking": False,
                "problem": "",
            }
        ]
    },
    ("get", "/api/v1/models/checks"): {
        "state": "running",
        "models": 27,
        "checked": 3,
        "stopped": 0,
        "current": {"id": "0123…", "name": "ink", "state": "running", "done_bytes": 4e7, "size_bytes": 1.5e8},
        "problems": [{"id": "4567…", "name": "cut", "problem": "The file is cut short: …"}],
        "done_bytes": 4.2e9,
        "size_bytes": 6.9e10,
        "bytes_per_s": 4.1e8,
        "seconds_left": 158.0,
    },
    ("get", "/api/v1/models/{model_id}/check"): {
        "id": "0123…",
        "name": "ink",
        "state": "done",
        "done_bytes": 1.5e8,
        "size_bytes": 1.5e8,
        "bytes_per_s": 0.0,
        "seconds_left": None,
        "sound": True,
        "problem": None,
        "at": "2026-01-31T12:00:00+00:00",
    },
    ("get", "/api/v1/images"): {"images": [{"id": "0123…", "prompt": "a fox", "seed": 7}], "total": 1, "next": None},
    ("post", "/api/v1/recipes/read"): {
        "program": "ComfyUI",
        "recipe": {"prompt": "a fox", "steps": 20, "sampler": "Euler a"},
        "has": [
            {"kind": "sampler", "name": "Euler a", "hash": "", "found": "Euler a", "words": "The sampler … is here."}
        ],
        "lacks": [{"kind": "lora", "name": "fur", "hash": "", "found": "", "words": "The LoRA “fur” is not here. …"}],
        "notes": [],
        "unused": {},
        "mode": "text",
    },
    ("post", "/api/v1/recipes/validate"): {"valid": True, "infotext": "a fox\nSteps: 20, …", "error": None},
    ("post", "/api/v1/prompts/count"): {"used": 4, "capacity": 75},
}


def describe(app: FastAPI) -> None:
    """Let ``app`` describe its errors and examples in its OpenAPI."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(plain())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Error"], schemas["ClientError"] = ERROR, CLIENT_ERROR
    for path, operations in schema.get("paths", {}).items():
        if not path.startswith(("/api/v1", "/sdapi/", "/internal/")):
            continue
        shape = "Error" if path.startswith("/api/v1") else "ClientError"
        refusal = {"application/json": {"schema": {"$ref": f"#/components/schemas/{shape}"}}}
        for method, operation in operations.items():
            answers = operation["responses"]
            answers.pop("422", None)
            answers["4XX"] = {"description": "Refused: the answer says what to change.", "content": refusal}
            answers["5XX"] = {"description": "Failed: the answer says what to try.", "content": refusal}
            key = (method, path)
            if key in BODIES:
                operation["requestBody"]["content"]["application/json"]["example"] = BODIES[key]
            if key in ANSWERS:
                good = next(answer for code, answer in answers.items() if code.startswith("2"))
                good.setdefault("content", {}).setdefault("application/json", {})["example"] = ANSWERS[key]
    return schema
