"""What ``backup.json`` says of a backup: when it was made, and every file with its hash."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from studio.errors import StorageError

MANIFEST = "backup.json"
FORMAT = 1


@dataclass(frozen=True)
class Kept:
    """One file: the hash of its bytes, and what tells that the original has not changed since."""

    sha256: str
    size: int
    changed_ns: int


@dataclass(frozen=True)
class Manifest:
    """``files`` is by place in the home, with forward slashes."""

    created_at: str
    files: dict[str, Kept] = field(default_factory=dict)

    @classmethod
    def from_json(cls, content: bytes, where: object) -> Manifest:
        """Raises `StorageError` for what is none, or one of a newer studio."""
        try:
            read = json.loads(content)
            if read["format"] != FORMAT:
                raise ValueError("it is of another version of the studio")
            files = {str(name): Kept(str(kept[0]), int(kept[1]), int(kept[2])) for name, kept in read["files"].items()}
            for name in files:
                if name.startswith("/") or ".." in name.split("/") or "\\" in name or ":" in name:
                    raise ValueError(f"it names a place outside of a home: {name!r}")
            return cls(str(read["created_at"]), files)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise StorageError(f"{where} is no whole backup: its {MANIFEST} cannot be used ({error}).") from error

    def to_json(self) -> bytes:
        files = {name: [kept.sha256, kept.size, kept.changed_ns] for name, kept in sorted(self.files.items())}
        return json.dumps({"format": FORMAT, "created_at": self.created_at, "files": files}, indent=0).encode()
