"""``connector doctor`` as a user runs it, and what of its answer a test looks at."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from .cloud import Cloud
from .commands import CONNECTOR, Commands

#: Members of the document, and of each of its legs.
MEMBERS = {"ok", "exitCode", "seconds", "legs"}
LEG_MEMBERS = {"name", "status", "text", "hint", "seconds", "facts"}

PASSWORD = "s3cret-of-the-proxy"
LOCAL_USER = "johndoe"
PROFILE = "work-at-acme"
START_URL = "https://d-1234567890.awsapps.com/start"


@dataclass
class Diagnosis:
    """What the doctor found."""

    exit_code: int
    legs: dict[str, dict[str, Any]]

    def status(self, name: str) -> str:
        status: str = self.legs[name]["status"]
        return status

    def text(self, name: str) -> str:
        """Text and hint of a leg."""
        return f"{self.legs[name]['text']} -> {self.legs[name]['hint']}"

    def by_status(self, status: str) -> list[str]:
        return [name for name, leg in self.legs.items() if leg["status"] == status]


class Patient:
    """A user's set-up: a home, a configuration of ssh and one of AWS."""

    def __init__(self, commands: Commands, cloud: Cloud) -> None:
        self.environ = {**commands.environ, "LOGNAME": LOCAL_USER}
        self.host = cloud.host
        self.token = cloud.token
        self.config = Path(commands.environ["HOME"], "ssh_config")
        self._commands = commands
        self._cloud = cloud
        self.write_config("ProxyCommand connector proxy %n")

    def write_config(self, *lines: str, host: str = "codecatalyst-dev-env*") -> None:
        """A section of ssh's configuration; ``User`` and ``ConnectTimeout`` as they should be."""
        settings = [*lines, "User mde-user", "ConnectTimeout 660"]  # ssh takes the first of two
        self.config.write_text("\n".join((f"Host {host}", *(f"  {x}" for x in settings), "")))

    def log_in(self, expires_in: float, **members: str) -> None:
        """A login of the profile, in the files of the AWS CLI, and no token in a variable."""
        self.token = secrets.token_urlsafe(48)
        self._cloud.tokens.accept(self.token, self._cloud.environment.creator_id)
        home = Path(self.environ["HOME"])
        cache = home / ".aws/sso/cache"
        cache.mkdir(parents=True)
        (home / ".aws/config").write_text(
            f"[profile {PROFILE}]\nsso_session = {PROFILE}\n"
            f"[sso-session {PROFILE}]\nsso_region = eu-west-1\nsso_start_url = {START_URL}\n"
        )
        expires_at = datetime.now(timezone.utc) + timedelta(seconds=expires_in)
        name = hashlib.sha1(PROFILE.encode()).hexdigest()
        (cache / f"{name}.json").write_text(
            json.dumps(
                {
                    "accessToken": self.token,
                    "expiresAt": expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    **members,
                }
            )
        )
        del self.environ["AWS_BEARER_TOKEN_CODECATALYST"]
        self.write_config(f"ProxyCommand connector proxy --profile {PROFILE} %n")

    def command(self, *options: str) -> list[str]:
        words = [*CONNECTOR, "doctor", *options, "-F", str(self.config)]
        return [*words, self.host] if self.host else words

    def examine(self, *options: str) -> Diagnosis:
        """Run it for the answer; then run it for a report, which must hold nothing private."""
        answer = self._commands.run(*self.command("--json", *options), environ=self.environ)
        assert answer.stderr == b""
        diagnosis = read(answer.stdout, answer.returncode)
        report = self._commands.run(*self.command("--report", *options), environ=self.environ)
        assert report.returncode == diagnosis.exit_code
        self.check_report(report.stdout.decode())
        return diagnosis

    def check_report(self, report: str) -> None:
        """:raises AssertionError: when it holds what is nobody's business."""
        assert len(report.splitlines()) > 8
        environment = self._cloud.environment
        names = [environment.space_name, environment.project_name, environment.id, self.host]
        names += ["mary", environment.creator_id, PASSWORD, LOCAL_USER, PROFILE, START_URL]
        names += [
            str(self._commands.directory),
            "my-env",
            "blue-whale",
            "proxy.invalid",
            self.token,
            *self._cloud.secrets(),
        ]
        for name in filter(None, names):
            found = re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", report, re.I)
            assert found is None, f"{name} in {report}"


def read(document: bytes, exit_code: int) -> Diagnosis:
    """:raises AssertionError: when it is not what is documented."""
    found: Mapping[str, Any] = json.loads(document)
    assert found.keys() == MEMBERS
    assert found["exitCode"] == exit_code
    assert found["ok"] is (exit_code == 0)
    assert found["seconds"] < 40
    assert all(leg.keys() == LEG_MEMBERS for leg in found["legs"])
    assert {leg["status"] for leg in found["legs"]} <= {"ok", "warn", "fail", "skip"}
    assert bool(exit_code) is any(leg["status"] == "fail" for leg in found["legs"])
    return Diagnosis(exit_code, {leg["name"]: leg for leg in found["legs"]})


def stopped_once(cloud: Cloud, count: int = 2) -> bool:
    """Whether each session was stopped: one of the examination, one of the report."""
    return len(cloud.sessions) == count and all(cloud.stops(it) == 1 for it in cloud.sessions)
