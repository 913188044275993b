"""Host names, options and variables: what they name together, and what is refused."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import ConfigError
from connector.targets.codecatalyst.hosts import (
    EnvironmentName,
    Search,
    resolve,
)

ID = "01234567-89ab-cdef-0123-456789abcdef"
OTHER_ID = "fedcba98-7654-3210-fedc-ba9876543210"
ANYWHERE = ((None, None),)
THERE = ("ToolkitSpace", "ToolkitProject")
TOOLKIT = {"SPACE_NAME": "ToolkitSpace", "PROJECT_NAME": "ToolkitProject", "DEVENV_ID": OTHER_ID}
HERE = EnvironmentName("MySpace", "My.Project", ID)


@pytest.mark.parametrize(
    ("host", "options", "environ", "expected"),
    [
        (f"codecatalyst-dev-env=MySpace=My.Project={ID}", {}, {}, HERE),
        (f"codecatalyst-dev-env=MySpace=My.Project={ID}", {}, TOOLKIT, HERE),
        (f"codecatalyst-dev-env=MySpace=My.Project={ID}", {"space": "MySpace"}, {}, HERE),
        (f"aws-devenv-{ID}", {"space": "MySpace", "project": "My.Project"}, {}, HERE),
        (f"aws-devenv-{ID}", {"space": "MySpace", "project": "My.Project"}, TOOLKIT, HERE),
        (f"aws-devenv-{ID}", {}, TOOLKIT, EnvironmentName("ToolkitSpace", "ToolkitProject", ID)),
        (
            f"aws-devenv-{ID}",
            {"project": "My.Project", "dev_environment_id": ID},
            TOOLKIT,
            EnvironmentName("ToolkitSpace", "My.Project", ID),
        ),
        (
            None,
            {"space": "MySpace", "project": "My.Project", "dev_environment_id": ID},
            TOOLKIT,
            HERE,
        ),
        (None, {}, TOOLKIT, EnvironmentName("ToolkitSpace", "ToolkitProject", OTHER_ID)),
        ("", {}, TOOLKIT, EnvironmentName("ToolkitSpace", "ToolkitProject", OTHER_ID)),
        # Where options say all, what ssh calls it says nothing.
        (
            "my-env",
            {"space": "MySpace", "project": "My.Project", "dev_environment_id": ID},
            {},
            HERE,
        ),
        (
            f"codecatalyst-dev-env=abc={'a' * 63}={ID.upper()}",
            {},
            {},
            EnvironmentName("abc", "a" * 63, ID.upper()),
        ),
    ],
)
def test_host_name_and_options_name_an_environment(
    host: str | None, options: dict[str, str], environ: dict[str, str], expected: EnvironmentName
) -> None:
    assert resolve(host, **options, environ=environ) == expected


@pytest.mark.parametrize(
    ("host", "options", "environ", "expected"),
    [
        ("my-env", {}, {}, Search("my-env", ANYWHERE)),
        # DEVENV_ID does not speak for a name; the others say where to look first.
        ("my-env", {}, TOOLKIT, Search("my-env", (THERE, *ANYWHERE))),
        ("my-env", {"space": "MySpace"}, {}, Search("my-env", (("MySpace", None),))),
        (
            "my-env",
            {"space": "MySpace"},
            TOOLKIT,
            Search("my-env", (("MySpace", "ToolkitProject"), ("MySpace", None))),
        ),
        (f"aws-devenv-{ID}", {}, {}, Search(ID, ANYWHERE)),
        (
            f"aws-devenv-{ID}",
            {},
            {"SPACE_NAME": "", "PROJECT_NAME": "abc"},
            Search(ID, ((None, "abc"), *ANYWHERE)),
        ),
        (None, {"dev_environment_id": ID}, {}, Search(ID, ANYWHERE)),
        ("my-env", {"dev_environment_id": ID}, {}, Search(ID, ANYWHERE)),
        ("-x\x1b", {}, {}, Search("-x\x1b", ANYWHERE)),
    ],
)
def test_incomplete_name_is_looked_up(
    host: str | None, options: dict[str, str], environ: dict[str, str], expected: Search
) -> None:
    assert resolve(host, **options, environ=environ) == expected


@pytest.mark.parametrize(
    ("host", "options", "environ", "said"),
    [
        ("demo..codecatalyst", {}, {}, "a dot at an end, or two in a row"),
        ("aws-devenv-", {}, TOOLKIT, "'aws-devenv-' names no Dev Environment"),
        ("aws-devenv-1234", {}, TOOLKIT, "'1234' is not the id"),
        ("aws-devenv-1234", {}, {}, "'1234' is not the id"),
        ("my-env", {"dev_environment_id": "1234"}, {}, "'1234' is not the id"),
        (f"aws-devenv-{ID}\n", {}, TOOLKIT, "is not the id"),
        (f"aws-devenv-{ID}=x", {}, TOOLKIT, "is not the id"),
        ("codecatalyst-dev-env=", {}, TOOLKIT, "three parts"),
        (f"codecatalyst-dev-env=MySpace={ID}", {}, TOOLKIT, "three parts"),
        (f"codecatalyst-dev-env=MySpace=abc={ID}=", {}, {}, "three parts"),
        (f"codecatalyst-dev-env==abc={ID}", {}, TOOLKIT, "the name of a space"),
        (f"codecatalyst-dev-env=MySpace=abc={ID}", {"space": "Other"}, {}, "contradicts"),
        (f"codecatalyst-dev-env=myspace=abc={ID}", {"space": "MySpace"}, {}, "%n"),
        (f"codecatalyst-dev-env=MySpace=abc={ID}", {"project": "xyz"}, {}, "--project"),
        (f"codecatalyst-dev-env=abc=abc={ID}", {"dev_environment_id": OTHER_ID}, {}, "--id"),
        (f"aws-devenv-{ID}", {"dev_environment_id": OTHER_ID}, TOOLKIT, "contradicts"),
        (f"codecatalyst-dev-env=abc=abc={ID}", {"space": ""}, {}, "contradicts"),
    ],
)
def test_missing_or_contradictory_part_is_refused(
    host: str | None, options: dict[str, str], environ: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(host, **options, environ=environ)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "a" * 64,
        "-abc",
        "abc-",
        "a--b",
        "a._b",
        "a b c",
        "abc\n",
        "\x1b[2Jabc",
        "ärger",
        "abc\N{ARABIC-INDIC DIGIT THREE}",
        "a/b",
        "a%2e",
        "..",
        "\udce4bc",
    ],
)
def test_malformed_name_of_space_or_project_is_refused(name: str) -> None:
    for space, project, what in ((name, "fine", "space"), ("fine", name, "project")):
        with pytest.raises(ConfigError) as caught:
            EnvironmentName(space, project, ID).check()
        message = str(caught.value)
        assert f"is not the name of a {what}" in message
        assert message.isascii()
        assert message.isprintable()


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        ID[:-1],
        ID + "0",
        ID + "\n",
        ID.replace("0", "\N{ARABIC-INDIC DIGIT ZERO}"),
        ID.replace("-", ""),
    ],
)
def test_malformed_id_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="is not the id"):
        EnvironmentName("MySpace", "MyProject", wrong).check()


def test_long_hostile_name_is_refused_quickly() -> None:
    before = time.process_time()
    with pytest.raises(ConfigError) as caught:
        resolve(f"codecatalyst-dev-env={'a-' * 500_000}={'a' * 500_000}!={ID}", environ={})
    assert time.process_time() - before < 1
    assert len(str(caught.value)) < 400


@given(
    st.from_regex(r"[a-zA-Z0-9]+([-_.][a-zA-Z0-9]+)*", fullmatch=True).filter(
        lambda name: 3 <= len(name) <= 63
    ),
    st.from_regex(r"[a-zA-Z0-9]{3,63}", fullmatch=True),
    st.uuids(),
)
def test_host_name_reads_back(space: str, project: str, uuid: object) -> None:
    environment = EnvironmentName(space, project, str(uuid))
    assert resolve(environment.host_name, environ=TOOLKIT) == environment


anything = st.text() | st.sampled_from(["codecatalyst-dev-env=", "aws-devenv-", ID, "abc", ""])


@given(
    st.none() | st.lists(anything | st.just("=")).map("".join),
    st.none() | anything,
    st.none() | anything,
    st.none() | anything,
    st.dictionaries(st.sampled_from(sorted(TOOLKIT)), anything),
)
def test_any_input_is_resolved_or_refused(
    host: str | None,
    space: str | None,
    project: str | None,
    dev_environment_id: str | None,
    environ: dict[str, str],
) -> None:
    refusal = found = None
    try:
        found = resolve(
            host,
            space=space,
            project=project,
            dev_environment_id=dev_environment_id,
            environ=environ,
        )
    except ConfigError as error:
        refusal = str(error)
    if isinstance(found, EnvironmentName):
        assert resolve(found.host_name, environ={}) == found
    elif isinstance(found, Search):
        assert found.name
    else:
        assert refusal is not None
        assert refusal.isascii()
        assert refusal.isprintable()


@pytest.mark.parametrize("host", ["%n", "%h", "%n.codecatalyst"])
def test_token_of_ssh_that_was_not_replaced_is_reported(host: str) -> None:
    """paramiko, for one, hands ``%n`` on as it stands."""
    with pytest.raises(ConfigError, match=f"'{host}' was not replaced") as caught:
        resolve(host, environ=TOOLKIT)
    assert "config-ssh" in str(caught.value)
    assert (
        resolve(host, space="MySpace", project="My.Project", dev_environment_id=ID, environ={})
        == HERE
    )
