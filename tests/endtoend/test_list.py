"""``connector list``: its output for pipes, programs and terminals."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from connector.emulator.api.codecatalyst.model import (
    DevEnvironment,
    Repository,
    Settings,
    Status,
)
from connector.emulator.api.errors import (
    AccessDeniedException,
    InternalFailure,
    UnauthorizedException,
)

from .cloud import Cloud
from .commands import CONNECTOR, Commands
from .terminals import Terminal

LIST, PROJECTS, SPACES = "ListDevEnvironments", "ListProjects", "ListSpaces"


@pytest.fixture
def named(cloud: Cloud) -> dict[str, DevEnvironment]:
    cloud.environment.alias = "demo"
    return {
        "front": cloud.add(
            "Other.Space",
            "web.site-1",
            "Web.Front",
            repositories=(Repository("site", "main"), Repository("docs")),
            settings=Settings(instance_type="dev.standard1.large", inactivity_timeout_minutes=0),
        ),
        "old": cloud.add("ExampleCorp", "Shop", "old", status=Status.STOPPED),
        "other": cloud.add("Other.Space", "Shop", "old", status=Status.FAILED),
        "nameless": cloud.add("Other.Space", "Shop"),
    }


def run(commands: Commands, *words: str) -> tuple[int, list[str], list[str]]:
    answer = commands.run(*CONNECTOR, *words)
    return (
        answer.returncode,
        answer.stdout.decode().splitlines(),
        answer.stderr.decode().splitlines(),
    )


def test_pipe_gets_fields_separated_by_tabs(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    ids = {name: environment.id for name, environment in named.items()}
    size = "dev.standard1.small\t15"
    short = ids["nameless"][:8]
    assert run(commands, "list") == (
        0,
        [
            f"old.Shop.ExampleCorp.codecatalyst\tSTOPPED\told\tExampleCorp\tShop\t-\t{size}"
            f"\t{ids['old']}",
            f"demo.codecatalyst\tRUNNING\tdemo\tExampleCorp\tweb.site-1\t-\t{size}"
            f"\t{cloud.environment.id}",
            f"{short}.codecatalyst\tRUNNING\t-\tOther.Space\tShop\t-\t{size}\t{ids['nameless']}",
            f"old.Shop.Other.Space.codecatalyst\tFAILED\told\tOther.Space\tShop\t-\t{size}"
            f"\t{ids['other']}",
            "Web.Front.codecatalyst\tRUNNING\tWeb.Front\tOther.Space\tweb.site-1"
            f"\tsite:main,docs\tdev.standard1.large\t0\t{ids['front']}",
        ],
        [],
    )


def test_json_lists_the_fields_of_environments(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    code, out, err = run(commands, "ls", "--json", "--space", "Other.Space")
    assert (code, err) == (0, [])
    found = {item["id"]: item for item in json.loads("\n".join(out))}
    assert len(found) == 3
    front, nameless = found[named["front"].id], found[named["nameless"].id]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", front.pop("lastUpdatedTime"))
    assert front == {
        "sshName": "Web.Front.codecatalyst",
        "kind": "codecatalyst",
        "alias": "Web.Front",
        "space": "Other.Space",
        "project": "web.site-1",
        "id": named["front"].id,
        "state": "RUNNING",
        "stateReason": None,
        "instanceType": "dev.standard1.large",
        "inactivityTimeoutMinutes": 0,
        "repositories": [
            {"name": "site", "branch": "main"},
            {"name": "docs", "branch": None},
        ],
        "creatorId": named["front"].creator_id,
    }
    assert nameless["alias"] is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--space", "ExampleCorp"], ["old.Shop.ExampleCorp", "demo"]),
        (["--space", "examplecorp", "--project", "SHOP"], ["old.Shop.ExampleCorp"]),
        (["--project", "web.site-1"], ["demo", "Web.Front"]),
    ],
)
def test_filtered_list_shows_the_names_of_all_environments(
    commands: Commands, named: dict[str, DevEnvironment], words: list[str], expected: list[str]
) -> None:
    code, out, err = run(commands, "list", *words)
    assert (code, err) == (0, [])
    assert [line.split(".codecatalyst\t")[0] for line in out] == expected


def test_terminal_gets_a_table(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    shown = {columns: on_terminal(commands, columns) for columns in (150, 80, 50)}
    for columns, lines in shown.items():
        assert all(len(line) <= columns for line in lines)
        assert lines[0].split()[:3] == ["SSH", "NAME", "STATE"]
        for name in ("old.Shop.Other.Space", "Web.Front", "demo"):
            assert any(line.startswith(f"{name}.codecatalyst ") for line in lines)
    heading, *rows = shown[150]
    assert heading.split()[2:] == ["STATE", "PROJECT", "REPOSITORY", "SIZE", "TIMEOUT"]
    (front,) = [row for row in rows if row.startswith("Web.Front")]
    assert front.split()[1:] == [
        "RUNNING",
        "Other.Space/web.site-1",
        "site",
        "(main)",
        "large",
        "never",
    ]
    assert "docs" in rows[-1]


def on_terminal(commands: Commands, columns: int) -> list[str]:
    """Return the output without its colours."""
    with Terminal(40, columns) as terminal:
        process = terminal.start(commands, *CONNECTOR, "list")
        shown = terminal.reader.rest().decode()
        assert process.wait() == 0
    assert "\x1b[" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "\x1b" not in plain
    return [line.rstrip() for line in plain.splitlines()]


def test_control_characters_of_the_service_are_replaced(commands: Commands, cloud: Cloud) -> None:
    cloud.add("ExampleCorp", "Shop", "a\x1b]0;x\x07b\t[red]c", repositories=(Repository("\x9b2J"),))
    code, out, err = run(commands, "list", "--project", "Shop")
    assert (code, err) == (0, [])
    assert all(char.isprintable() or char == "\t" for line in out for char in line)
    (line,) = out
    assert line.split("\t")[2] == "a ]0;x b [red]c"
    assert len(line.split("\t")) == 9
    shown = on_terminal(commands, 120)
    assert all(line.isprintable() for line in shown)


def test_list_fills_the_cache_of_names(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    assert run(commands, "list", "--space", "ExampleCorp")[0] == 0
    assert run(commands, "start", "web.front")[0] == 0
    assert cloud.count(SPACES) == 1


def test_empty_list_comes_with_a_hint(commands: Commands, cloud: Cloud) -> None:
    cloud.delete(cloud.add("ExampleCorp", "Shop", "old"))
    code, out, err = run(commands, "list", "--project", "shop")
    assert (code, out) == (0, [])
    assert err == [
        "connector: You have no Dev Environments in the project 'shop'. "
        "Others are elsewhere: run `connector list`"
    ]
    assert run(commands, "list", "--project", "shop", "--json")[1] == ["[]"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--space", "Nowhere"), "no space 'Nowhere'. Check --space"),
        (("--project", "nope"), "no project 'nope'. Check --project"),
        (
            ("--space", "ExampleCorp", "--project", "nope"),
            "no project 'nope' in the space 'ExampleCorp'. Check",
        ),
    ],
)
def test_place_that_does_not_exist_is_refused(
    commands: Commands, cloud: Cloud, words: tuple[str, ...], said: str
) -> None:
    for command in (("list", "--json"), ("start", "demo")):
        code, out, err = run(commands, *command, *words)
        assert (code, out) == (68, [])
        assert err[0].startswith(f"connector: You have access to {said}")


def test_refused_space_is_a_note(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    cloud.misbehaviours.refuse(PROJECTS, AccessDeniedException("Ask your administrator"))
    code, out, err = run(commands, "list")
    assert code == 0
    assert 2 <= len(out) <= 3
    (note,) = err
    assert re.match(r"connector: You have no access to the space \S+: Ask your admin", note)


def test_failing_space_is_an_error_beside_the_rest(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment], tmp_path: Path
) -> None:
    cloud.misbehaviours.refuse(PROJECTS, InternalFailure("Broken"), times=5)
    code, out, err = run(commands, "list")
    assert code == 69
    assert len(out) < 5
    assert all("cannot list the space" in note for note in err)
    names = commands.directory / "home/.cache/devenv-connector/names.json"
    assert not names.exists()


def test_rejected_token_is_reported(commands: Commands, cloud: Cloud) -> None:
    cloud.misbehaviours.refuse(SPACES, UnauthorizedException("Expired"))
    code, out, err = run(commands, "list")
    assert (code, out) == (77, [])
    assert len(err) == 1
