"""The gateway of last time: remembered without its secrets, and never in the way."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from connector.sessions import SessionAccess, StartProgress
from connector.targets.memory import (
    MOST,
    Memory,
    cache_file,
)
from connector.targets.source import GatewayMemory, RememberingSource

from ..aws.helpers import UNWATCHED

HOST = "ssmmessages.us-west-2.amazonaws.com"
URL = f"wss://{HOST}/v1/data-channel/s-1?role=publish_subscribe&X-Amz-Signature=secret"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "gateways.json"


def gateways(path: Path, key: str) -> GatewayMemory:
    return GatewayMemory(Memory(path, key))


def test_gateway_is_recalled_without_path_and_query(path: Path) -> None:
    gateways(path, "a").note(URL)
    gateways(path, "b").note("wss://localhost:8443/")
    assert gateways(path, "a").recall() == HOST
    assert gateways(path, "b").recall() == "localhost:8443"
    assert gateways(path, "c").recall() == ""
    assert "secret" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_known_gateway_is_not_written_again(path: Path) -> None:
    memory = gateways(path, "a")
    memory.note(URL)
    before = path.stat().st_ino
    memory.note(URL)
    assert path.stat().st_ino == before


def test_oldest_gateways_are_forgotten(path: Path) -> None:
    for number in range(MOST + 3):
        gateways(path, str(number)).note(URL)
    assert list(json.loads(path.read_text())) == [str(number) for number in range(3, MOST + 3)]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": 5}', b"\xff\xfe", b"[" * 100_000])
def test_damaged_file_counts_as_empty_and_is_replaced(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    memory = gateways(path, "a")
    assert memory.recall() == ""
    memory.note(URL)
    assert memory.recall() == HOST


@pytest.mark.parametrize("url", ["wss://[", "wss://user:password@host/", "wss://\ud800/"])
def test_malformed_url_is_ignored(path: Path, url: str) -> None:
    memory = gateways(path, "a")
    memory.note(url)
    assert "password" not in memory.recall()


def test_unwritable_cache_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    memory = gateways(tmp_path / "file" / "gateways.json", "a")
    memory.note(URL)
    assert memory.recall() == ""


def test_gateway_of_a_started_session_is_noted(path: Path) -> None:
    access = SessionAccess(URL, "token", "s-1")

    class Source:
        stopped = ""

        def start(self, progress: StartProgress) -> SessionAccess:
            return access

        def resume(self, access: SessionAccess) -> SessionAccess | None:
            return None

        def stop(self, access: SessionAccess, timeout: float) -> None:
            self.stopped = access.session_id

        def tidy(self) -> None:
            """There is nothing to tidy."""

    source = Source()
    remembering = RememberingSource(source, gateways(path, "a"))
    assert remembering.start(UNWATCHED) is access
    assert gateways(path, "a").recall() == HOST
    assert remembering.resume(access) is None
    remembering.stop(access, 1)
    assert source.stopped == "s-1"


def test_cache_is_in_the_platforms_directory(home: Path) -> None:
    assert Path(cache_file({}, "a.json")).is_relative_to(home)
    if os.name == "posix" and os.uname().sysname == "Linux":
        assert cache_file({"XDG_CACHE_HOME": "/c"}, "a.json") == "/c/devenv-connector/a.json"
