"""What is remembered of the last list of Dev Environments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connector.targets.codecatalyst.hosts import EnvironmentName
from connector.targets.codecatalyst.names import NameCache
from connector.targets.memory import Memory
from connector.targets.names import MAX_AGE

ONE = EnvironmentName("Space", "Project", "id-1", "Al.ias")
TWO = EnvironmentName("Space", "Project", "id-2")


class Now:
    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "names.json"


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def cache(path: Path, now: Now) -> NameCache:
    return NameCache(Memory(path, "login at endpoint"), now)


def test_names_are_remembered(cache: NameCache, path: Path) -> None:
    assert cache.recall() is None
    cache.note([TWO, ONE])
    assert cache.recall() == [ONE, TWO]
    assert path.stat().st_mode & 0o777 == 0o600
    cache.note([])
    assert cache.recall() == []


def test_name_is_known_at_once(cache: NameCache, now: Now) -> None:
    now.time += 0.7
    cache.note([ONE])
    assert cache.recall() is not None


def test_thousands_of_names_are_remembered(cache: NameCache) -> None:
    many = [EnvironmentName("s" * 63, "p" * 63, f"{n:036}", f"{n:063}") for n in range(5000)]
    cache.note(many)
    assert len(cache.recall() or ()) == 5000


def test_names_expire_after_a_day(cache: NameCache, now: Now) -> None:
    cache.note([ONE])
    now.time += MAX_AGE
    assert cache.recall() is not None
    now.time += 1
    assert cache.recall() is None
    assert cache.recall(max_age=2 * MAX_AGE) is not None


def test_names_of_the_future_are_ignored(cache: NameCache, now: Now) -> None:
    cache.note([ONE])
    now.time -= 60
    assert cache.recall() is None


def test_logins_have_separate_names(cache: NameCache, path: Path, now: Now) -> None:
    other = NameCache(Memory(path, "other login"), now)
    cache.note([ONE])
    other.note([TWO])
    assert cache.recall() != other.recall()
    assert len(json.loads(path.read_text())) == 2


@pytest.mark.parametrize(
    "entry",
    [
        5,
        [],
        {},
        {"time": 1_800_000_000},
        {"time": "1800000000", "names": []},
        {"time": 1_800_000_000, "names": {}},
        {"time": 1_800_000_000, "names": [5]},
        {"time": 1_800_000_000, "names": [["a", "b", "c"]]},
        {"time": 1_800_000_000, "names": [["a", "b", "c", None]]},
        {"time": float("nan"), "names": []},
    ],
)
def test_malformed_entry_counts_as_missing(cache: NameCache, path: Path, entry: object) -> None:
    cache.note([ONE])
    path.write_text(json.dumps({"login at endpoint": entry}))
    assert cache.recall() is None
