"""The registry: which kind of target a query is about, and what a query says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from connector.errors import ConfigError
from connector.targets import model, registry
from connector.targets.codecatalyst.hosts import SERVICE_PREFIXES
from connector.targets.codecatalyst.names import SUFFIX
from connector.targets.model import Query

from . import toy

FIRST = registry.KINDS[0]
SPACE = (("space", "MySpace"),)
TOYS = toy.ROW

SHELF = registry.KindOption("shelf", "text", "where it stands", ("SHELF",))
GENTLY = registry.KindOption("gently", "flag", "wake it gently", role=registry.START)

#: A kind with ids, options, one form of session, and targets that cost money.
DOLLS = toy.ROW._replace(
    name="doll",
    suffixes=(".doll",),
    id_prefixes=("d-",),
    options=(SHELF, GENTLY),
    forms=(model.SSH,),
    starts_unasked=False,
)
#: Another one with the same option.
CARS = toy.ROW._replace(name="car", suffixes=(".car",), options=(SHELF,), forms=(model.SHELL,))


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the second kind."""
    monkeypatch.setattr(registry, "KINDS", [FIRST, TOYS])


@pytest.fixture
def more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register kinds that share an option."""
    monkeypatch.setattr(registry, "KINDS", [FIRST, TOYS, DOLLS, CARS])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query("bear.toy"), TOYS),
        (Query("BEAR.TOY"), TOYS),
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


@pytest.mark.parametrize("row", registry.KINDS, ids=lambda row: row.name)
def test_ssh_tells_its_port_to_each_kind_that_takes_one(row: registry.KindRow) -> None:
    told = "%p" in row.load().ssh.proxy_words
    assert told is (row.option("port") is not None)


def test_option_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--space does not go with the name 'bear\.toy'"):
        registry.row_of(Query("bear.toy", SPACE))


def test_query_with_an_option_leaves_out_kinds_without_it() -> None:
    assert registry.rows_of(Query()) == [FIRST, TOYS]
    assert registry.rows_of(Query(options=SPACE)) == [FIRST]


def test_variables_narrow_a_query_of_their_own_kind() -> None:
    environ = {"SPACE_NAME": "A", "PROJECT_NAME": "B", "DEVENV_ID": "1"}
    assert FIRST.narrowed(Query(), environ).options == (("space", "A"), ("project", "B"))
    assert FIRST.narrowed(Query(options=SPACE), environ).option("space") == "MySpace"
    assert TOYS.narrowed(Query(), environ) == Query()


@pytest.mark.parametrize(
    ("query", "environ", "expected"),
    [
        (Query("bear"), {}, True),
        (Query(options=(("id", "1"),)), {}, True),
        (Query(), {"DEVENV_ID": "1"}, True),
        (Query(options=(("id", ""),)), {"DEVENV_ID": "1"}, False),
        (Query(options=SPACE), {"SPACE_NAME": "A", "DEVENV_ID": ""}, False),
    ],
)
def test_query_names_a_target_by_name_option_or_variable(
    query: Query, environ: dict[str, str], expected: bool
) -> None:
    assert registry.names_target(query, environ) is expected


def test_words_of_a_query_name_the_same_target() -> None:
    options = (("space", "-odd"), ("id", "1"), ("gently", True), ("shelf", ""))
    query = Query("bear", options, "work", "https://x")
    assert query.words == (
        *("bear", "--space=-odd", "--id", "1", "--gently", "--profile", "work"),
        *("--endpoint-url", "https://x"),
    )
    assert Query().words == ()


def test_flag_of_a_query_has_no_value() -> None:
    query = Query("bear", (("gently", True), ("shelf", "top")))
    assert query.flag("gently")
    assert not query.flag("shelf")
    assert (query.option("gently"), query.option("shelf")) == (None, "top")


@pytest.mark.usefixtures("more")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("d-0123456789abcdef0", DOLLS),
        ("D-0123456789ABCDEF0", DOLLS),
        ("d-01234567", DOLLS),
        ("d-0123456789abcdef", FIRST),  # 16 digits
        ("d-0123456789abcdefg", FIRST),
        ("d-love-cats", FIRST),
        ("d-", FIRST),
        ("x-01234567", FIRST),
        ("d-love-cats.doll", DOLLS),
    ],
)
def test_id_is_recognised_by_its_digits(name: str, expected: registry.KindRow) -> None:
    assert registry.row_of(Query(name)) is expected


@pytest.mark.usefixtures("more")
def test_name_that_options_leave_to_several_kinds_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not say which kind") as caught:
        registry.row_of(Query("anna", (("shelf", "top"),)))
    assert caught.value.hint == "Write anna.doll or anna.car"
    assert registry.row_of(Query("anna", (("shelf", "top"), ("gently", True)))) is DOLLS
    assert registry.row_of(Query("", (("shelf", "top"),))) is DOLLS


@pytest.mark.usefixtures("more")
def test_options_of_different_kinds_are_refused() -> None:
    with pytest.raises(ConfigError, match="--space and --shelf do not go together"):
        registry.rows_of(Query("", (*SPACE, ("shelf", "top"))))
    with pytest.raises(ConfigError, match="--space and --shelf do not go together"):
        registry.row_of(Query("anna", (*SPACE, ("shelf", "top"))))


@pytest.mark.usefixtures("more")
def test_kinds_may_share_an_option() -> None:
    query = Query(options=(("shelf", "top"),))
    assert registry.rows_of(query) == [DOLLS, CARS]
    assert DOLLS.narrowed(Query(), {"SHELF": "low"}) == Query(options=(("shelf", "low"),))


@pytest.mark.parametrize(
    ("row", "form", "hint"),
    [
        (DOLLS, model.SHELL, "Use `connector ssh anna.doll`"),
        (DOLLS, model.COMMAND, "Use `connector ssh anna.doll -- COMMAND`"),
        (CARS, model.SSH, "Use `connector shell anna.doll`"),
    ],
)
def test_form_that_a_service_lacks_is_refused_with_one_that_works(
    row: registry.KindRow, form: str, hint: str
) -> None:
    for each in row.forms:
        row.require(each, Query("anna.doll"))
    with pytest.raises(ConfigError) as caught:
        row.require(form, Query("anna.doll"))
    assert caught.value.hint == hint
    with pytest.raises(ConfigError) as caught:
        row.require(form, Query("a" * 90))
    assert caught.value.hint == hint.replace("anna.doll", "NAME")


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
