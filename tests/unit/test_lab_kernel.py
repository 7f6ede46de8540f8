"""The host's kernel settings: raised while the lab runs, put back after."""

from __future__ import annotations

from pathlib import Path

import pytest

from socle.lab import kernel


def test_what_is_too_low_is_raised_and_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "BEFORE", tmp_path / "before.json")
    had = dict.fromkeys(kernel.LEAST, 0) | {"fs/inotify/max_user_watches": 9_999_999}
    for name, value in had.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{value}\n")

    def now() -> dict[str, int]:
        return {name: int((tmp_path / name).read_text()) for name in kernel.LEAST}

    kernel.raise_settings(tmp_path)
    kernel.raise_settings(tmp_path)  # a lab that is brought up again
    assert now() == kernel.LEAST | {"fs/inotify/max_user_watches": 9_999_999}
    (tmp_path / "fs/inotify/max_user_watches").write_text("8888888\n")  # the administrator's, meanwhile
    had |= {"fs/inotify/max_user_watches": 8_888_888}
    kernel.put_back(tmp_path)
    assert now() == had
    kernel.put_back(tmp_path)
    assert now() == had
