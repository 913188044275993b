"""The connections of a copy whose far end always ends them."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from connector.copy import copying, crew
from connector.copy.copying import Copy
from connector.copy.links import Way
from connector.copy.names import wish_of
from connector.copy.work import Work
from connector.errors import ConnectFailed, ConnectorError

from .servers import ATTRS, HANDLE, STATUS, Answer, server

STAT, OPEN, CLOSE = 17, 3, 4
REGULAR = b"\0\0\0\5" + (5000).to_bytes(8, "big") + (0o100644).to_bytes(4, "big")


class FailingLink:
    """A connection to a server that ends it at a certain request.

    :ivar opened: how many there were.
    """

    opened = 0
    fatal = OPEN

    def __init__(self, *_: object, **__: object) -> None:
        self._stack = ExitStack()

    def open(self) -> None:
        FailingLink.opened += 1
        self.pipeline = self._stack.enter_context(server(self._answer))

    def _answer(self, kind: int) -> Answer | None:
        if kind == self.fatal:
            return None
        return (ATTRS, REGULAR) if kind == STAT else (HANDLE, b"\0\0\0\1h")

    def failure(self) -> ConnectorError:
        return ConnectFailed("The far end has ended")

    def close(self) -> None:
        self._stack.close()

    abort = close


@pytest.fixture
def copy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Copy:
    monkeypatch.setattr(crew, "_FIRST_PAUSE", 0.0)
    monkeypatch.setattr(FailingLink, "opened", 0)
    for module in (crew, copying):
        monkeypatch.setattr(module, "Link", FailingLink)
    way = cast(Way, None)
    return Copy(
        wish_of(["far:file", str(tmp_path / "file")]),
        way,
        1,
        recursive=False,
        preserve=False,
        resume=False,
        report=lambda _: None,
        before_end=lambda: None,
    )


def test_connection_that_never_does_anything_is_given_up(copy: Copy, tmp_path: Path) -> None:
    with pytest.raises(ConnectFailed, match="The far end has ended"):
        copy.run(lambda _: None)
    assert FailingLink.opened == 6
    assert list(tmp_path.iterdir()) == []


def test_connection_that_ends_before_the_plan_is_explained(
    copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FailingLink, "fatal", STAT)
    with pytest.raises(ConnectFailed, match="The far end has ended"):
        copy.run(lambda _: None)
    assert FailingLink.opened == 1


def test_file_whose_copy_fails_is_closed_at_the_far_end(
    copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def answer(_: FailingLink, kind: int) -> Answer:
        asked.append(kind)
        if kind in (STAT, OPEN):
            return (ATTRS, REGULAR) if kind == STAT else (HANDLE, b"\0\0\0\1h")
        code = 0 if kind == CLOSE else 4
        return STATUS, code.to_bytes(4, "big") + bytes(8)

    monkeypatch.setattr(FailingLink, "_answer", answer)
    copy.run(lambda _: None)
    assert [problem for _, problem in copy.problems] == ["the far end reports a failure"]
    assert (asked.count(OPEN), asked.count(CLOSE)) == (1, 1)


def test_lack_of_open_files_lowers_the_number_of_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: FailingLink) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(crew, "Link", FailingLink)
    monkeypatch.setattr(FailingLink, "open", fail)
    said: list[str] = []
    work = Work([], 1)
    team = crew.Crew(work, cast(Way, None), cast(Any, None), None, said.append)
    team._working = team._count = 3

    assert team._connect(0) is None
    assert team.connected == 0
    (line,) = said
    assert line.startswith("The system allows no more open files")
    assert line.endswith("The copy goes on with 2 of 3 connections")
