"""The registry: which kind of target a query is about, and what a query says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from connector.errors import ConfigError
from connector.targets import registry
from connector.targets.codecatalyst.hosts import SERVICE_PREFIXES
from connector.targets.codecatalyst.names import SUFFIX
from connector.targets.model import Query

from . import toy

FIRST = registry.KINDS[0]
SPACE = (("space", "MySpace"),)


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the second kind."""
    monkeypatch.setattr(registry, "KINDS", [FIRST, toy.ROW])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query("bear.toy"), toy.ROW),
        (Query("BEAR.TOY"), toy.ROW),
        (Query("bear.codecatalyst"), FIRST),
        (Query("aws-devenv-1"), FIRST),
        (Query("codecatalyst-dev-env=a=b=c"), FIRST),
        (Query("bear"), FIRST),
        (Query("toy"), FIRST),
        (Query(), FIRST),
        (Query("bear", SPACE), FIRST),
        (Query("", SPACE), FIRST),
    ],
)
def test_name_and_options_lead_to_a_kind(query: Query, expected: registry.KindRow) -> None:
    assert registry.row_of(query) is expected


def test_option_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--space does not go with the name 'bear\.toy'"):
        registry.row_of(Query("bear.toy", SPACE))


def test_query_with_an_option_leaves_out_kinds_without_it() -> None:
    assert registry.rows_of(Query()) == [FIRST, toy.ROW]
    assert registry.rows_of(Query(options=SPACE)) == [FIRST]


def test_variables_narrow_a_query_of_their_own_kind() -> None:
    environ = {"SPACE_NAME": "A", "PROJECT_NAME": "B", "DEVENV_ID": "1"}
    assert FIRST.narrowed(Query(), environ).options == (("space", "A"), ("project", "B"))
    assert FIRST.narrowed(Query(options=SPACE), environ).option("space") == "MySpace"
    assert toy.ROW.narrowed(Query(), environ) == Query()


@pytest.mark.parametrize(
    ("query", "environ", "expected"),
    [
        (Query("bear"), {}, True),
        (Query(options=(("id", "1"),)), {}, True),
        (Query(), {"DEVENV_ID": "1"}, True),
        (Query(options=SPACE), {"SPACE_NAME": "A", "DEVENV_ID": ""}, False),
    ],
)
def test_query_names_a_target_by_name_option_or_variable(
    query: Query, environ: dict[str, str], expected: bool
) -> None:
    assert registry.names_target(query, environ) is expected


def test_words_of_a_query_name_the_same_target() -> None:
    query = Query("bear", (("space", "-odd"), ("id", "1")), "work", "https://x")
    assert query.words == (
        *("bear", "--space=-odd", "--id", "1", "--profile", "work"),
        *("--endpoint-url", "https://x"),
    )
    assert Query().words == ()


def test_row_agrees_with_the_room() -> None:
    assert FIRST.prefixes[1:] == SERVICE_PREFIXES[1:]
    assert all(prefix.startswith(SERVICE_PREFIXES) for prefix in FIRST.prefixes)
    assert FIRST.suffixes == (SUFFIX,)


def test_registry_imports_no_kind() -> None:
    program = (
        "import sys, connector.targets.registry; "
        "print(sorted(name for name in sys.modules if name.startswith('connector.targets.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "['connector.targets.model', 'connector.targets.registry']\n"
