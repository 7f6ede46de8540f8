"""Writing files: whole or not at all, and readable by their owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_file(file: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Replaces the file in one step, mode 0600 from the first byte; makes its folder.

    `durable`: on the disk before it counts. What can be made again need not wait for that.
    """
    data = content.encode() if isinstance(content, str) else content
    part = _part(file)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(data)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_file_once(file: Path, content: str) -> None:
    """Two runs that start together agree on the file of the one that was first."""
    part = _part(file)
    write_file(part, content)
    try:
        os.link(part, file)
    except FileExistsError:
        pass
    finally:
        part.unlink()


def _part(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file.with_name(f".{file.name}.{os.getpid()}-{secrets.token_hex(4)}")
