"""``--json``: every command prints its document in the same form."""

from __future__ import annotations

import json

import pytest

from .cloud import Cloud
from .commands import CONNECTOR, Commands


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("whoami",),
        ("sessions", "list", "ENV"),
        ("config", "show"),
        ("doctor", "ENV"),
    ],
)
def test_json_has_the_same_indentation_everywhere(
    commands: Commands, cloud: Cloud, words: tuple[str, ...]
) -> None:
    session = cloud.start_session()
    call = [cloud.host if word == "ENV" else word for word in words]
    out = commands.run(*CONNECTOR, *call, "--json").stdout.decode()
    assert out == json.dumps(json.loads(out), indent=2) + "\n"
    assert out.count("\n") > 3
    cloud.stop_session(next(each for each in cloud.sessions if each.id == session["sessionId"]))
