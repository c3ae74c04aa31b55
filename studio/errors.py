"""The one exception tree of the studio.

    StudioError                     every error that a person is meant to read
    ├── InvalidField                a value out of its range; names the field and what is allowed
    │   ├── PromptError             a prompt that cannot be understood; points at a column
    │   ├── SearchError             a search that cannot be understood; points at a column
    │   └── TooLarge                a file beyond what may be uploaded
    ├── NotFound                    an id or name that does not exist (or is not yours)
    │   ├── UnknownCheckpoint
    │   ├── UnknownPart             a LoRA, VAE, embedding or upscaler that is not there
    │   ├── UnknownSampler
    │   └── UnknownWildcard
    ├── Conflict                    the request contradicts what is already there
    ├── LoginNeeded                 nobody the studio knows; log in
    ├── TooManyTries                too many wrong passwords; says when to come back
    ├── OverQuota                   more than this person may ask for now; says when to come back
    ├── Refused                     a request that may not be made from there, or by that person
    ├── ModelError                  a model file that cannot be used, and why
    │   ├── DamagedModel            truncated, unreadable or not what it claims to be
    │   └── UnsupportedModel        recognised, but not something the engine can run
    ├── GenerationFailed            a picture that could not be made, with the setting to change
    │   ├── Unstable                the trajectory left the sane range or turned into NaN
    │   └── OutOfMemory             says needed and free memory
    ├── Offline                     another machine that is needed does not answer
    ├── Cancelled                   somebody asked for it to stop
    ├── StorageError                a file or the database could not be read or written
    │   ├── StorageFull
    │   └── StorageMissing          a folder is not there just now: a drive that was taken out, say
    └── SetupError                  a setting or the installation is wrong; says what to run

Every message says what happened and what to try, in words for the person at the screen. It refuses nothing itself:
raising is up to the layer that knows the limits.
"""

from __future__ import annotations


class StudioError(Exception):
    """Base of all errors that are shown to a person; ``str(error)`` is the sentence they read."""

    code = "error"
    http_status = 500

    def details(self) -> dict[str, object]:
        """Machine-readable extras for the REST answer, beside ``code`` and the message."""
        return {}


class InvalidField(StudioError):
    """A value outside what its field allows: ``field`` names it, ``allowed`` says in words what would be right."""

    code = "invalid_field"
    http_status = 422

    def __init__(self, field: str, message: str, allowed: str = "") -> None:
        super().__init__(f"{field}: {message}" + (f" (allowed: {allowed})" if allowed else ""))
        self.field = field
        self.message = message
        self.allowed = allowed

    def details(self) -> dict[str, object]:
        return {"field": self.field, "allowed": self.allowed}

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.field, self.message, self.allowed)


class PromptError(InvalidField):
    """A prompt that cannot be understood; ``column`` counts characters from 1."""

    code = "prompt"

    def __init__(self, field: str, message: str, column: int) -> None:
        super().__init__(field, f"{message} at column {column}")
        self.column = column
        self.plain_message = message

    def details(self) -> dict[str, object]:
        return {**super().details(), "column": self.column}

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.field, self.plain_message, self.column)


class SearchError(InvalidField):
    """A search that cannot be understood; ``column`` counts characters from 1."""

    code = "search"

    def __init__(self, message: str, allowed: str, column: int) -> None:
        super().__init__("search", f"{message} at column {column}", allowed)
        self.column = column
        self.plain_message = message

    def details(self) -> dict[str, object]:
        return {**super().details(), "column": self.column}

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.plain_message, self.allowed, self.column)


class TooLarge(InvalidField):
    """A file beyond what may be uploaded."""

    code = "too_large"
    http_status = 413


class NotFound(StudioError):
    """An id or name that does not exist, or belongs to somebody else: the two look the same on purpose."""

    code = "not_found"
    http_status = 404


class UnknownCheckpoint(NotFound):
    """No model file answers to that name or hash."""

    code = "unknown_checkpoint"
    http_status = 422


class UnknownPart(NotFound):
    """No LoRA, VAE, embedding or upscaler answers to that name or hash."""

    code = "unknown_part"
    http_status = 422


class UnknownSampler(NotFound):
    """No sampler or schedule answers to that name."""

    code = "unknown_sampler"
    http_status = 422


class UnknownWildcard(NotFound):
    """No wildcard answers to that name or pattern."""

    code = "unknown_wildcard"
    http_status = 422


class Conflict(StudioError):
    """The request contradicts what is already there (an id used for another recipe, say)."""

    code = "conflict"
    http_status = 409


class LoginNeeded(StudioError):
    """A request of somebody the studio does not know."""

    code = "login_needed"
    http_status = 401


class TooManyTries(StudioError):
    """Too many wrong passwords, keys or PINs; ``retry_after_s`` says when to come back."""

    code = "too_many_tries"
    http_status = 429

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many tries went wrong. Try again in {retry_after_s} seconds.")
        self.retry_after_s = retry_after_s

    def details(self) -> dict[str, object]:
        return {"retry_after_s": self.retry_after_s}

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.retry_after_s,)


class OverQuota(StudioError):
    """More pictures than somebody may ask for just now; ``retry_after_s`` says when to come back."""

    code = "over_quota"
    http_status = 429

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s

    def details(self) -> dict[str, object]:
        return {"retry_after_s": self.retry_after_s}

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.retry_after_s)


class Refused(StudioError):
    """A request that may not be made: from another site's page, under another name, or by that person."""

    code = "refused"
    http_status = 403


class ModelError(StudioError):
    """A model file that cannot be used."""

    code = "model"
    http_status = 422


class DamagedModel(ModelError):
    """A model file that is truncated, unreadable, or not what it claims to be."""

    code = "damaged_model"


class UnsupportedModel(ModelError):
    """A model that is recognised but that the engine cannot run (yet)."""

    code = "unsupported_model"


class GenerationFailed(StudioError):
    """A picture could not be made; the rest of the queue goes on."""

    code = "generation_failed"


class Unstable(GenerationFailed):
    """The numbers left the sane range; the message names the setting to change."""

    code = "unstable"


class OutOfMemory(GenerationFailed):
    """The device has too little memory for this picture; the message says needed and free megabytes."""

    code = "out_of_memory"


class Offline(StudioError):
    """Another machine that is needed (the model hub, say) does not answer; what is here goes on working."""

    code = "offline"
    http_status = 503


class Cancelled(StudioError):
    """Somebody asked for it to stop."""

    code = "cancelled"
    http_status = 409


class StorageError(StudioError):
    """A file or the database could not be read or written."""

    code = "storage"


class StorageFull(StorageError):
    """The disk is full; nothing was lost, and the message says where room is needed."""

    code = "storage_full"
    http_status = 507


class StorageMissing(StorageError):
    """A folder that was there is gone, as when a drive was taken out; what waits for it goes on when it is back."""

    code = "storage_missing"
    http_status = 503


class SetupError(StudioError):
    """A setting or the installation is wrong; the message says what to run or change."""

    code = "setup"
