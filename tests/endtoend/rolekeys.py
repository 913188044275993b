"""Temporary AWS keys that end in the middle of sessions, as a profile's program gives them."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path

from connector.emulator.api.account import HOME_REGION

from .cloud import Cloud
from .commands import Commands

#: An end that is not the keys': the service calls them expired long before.
_FAR = "2099-01-01T00:00:00Z"


class RoleKeys:
    """Keys in a file, which the ``credential_process`` of a profile prints.

    The file holds secrets: remove it at the end.

    :param file: the file.
    """

    def __init__(self, cloud: Cloud, file: Path) -> None:
        self._cloud = cloud
        self._file = file

    def give(self, seconds: float, *, told: bool = True) -> None:
        """Replace the keys.

        :param seconds: of the new keys' life.
        :param told: whether the program says when they end; otherwise only a refusal shows it.
        """
        key = self._cloud.give_role_key(seconds)
        assert key.expires_at is not None
        end = datetime.fromtimestamp(key.expires_at, timezone.utc)
        document = {
            "Version": 1,
            "AccessKeyId": key.id,
            "SecretAccessKey": key.secret,
            "SessionToken": key.token,
            "Expiration": f"{end:%Y-%m-%dT%H:%M:%SZ}" if told else _FAR,
        }
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(document))
        os.replace(new, self._file)

    def remove(self) -> None:
        """Remove the file."""
        self._file.unlink()

    def configure(self, commands: Commands) -> None:
        """Let programs use these keys, and reach all services of the cloud."""
        directory = Path(commands.environ["HOME"]) / ".aws"
        directory.mkdir()
        lines = ("[default]", f"region = {HOME_REGION}", f"credential_process = cat {self._file}")
        (directory / "config").write_text("\n".join((*lines, "")))
        commands.environ["AWS_ENDPOINT_URL"] = self._cloud.server.url
