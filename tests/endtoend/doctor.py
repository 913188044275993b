"""``connector doctor`` as a user runs it, and its report for tests."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest.mock import patch

from connector.cli.doctor import make_case
from connector.cli.output.doctorview import exit_code
from connector.cli.parsers import parse
from connector.cli.settings import settle
from connector.doctor.findings import examine
from connector.doctor.plan import Plan

from .cloud import Cloud
from .commands import CONNECTOR, Commands

#: Members of the document, and of each leg.
MEMBERS = {"ok", "exitCode", "seconds", "legs"}
LEG_MEMBERS = {"name", "status", "text", "hint", "seconds", "facts"}

_WAITS = "  ConnectTimeout 900\n"

PASSWORD = "s3cret-of-the-proxy"
LOCAL_USER = "johndoe"
PROFILE = "work-at-acme"
START_URL = "https://d-1234567890.awsapps.com/start"

#: What a target that is not known blocks, where the gateway is known from an earlier session.
TARGET = ("environment", "session", "greeting", "session-end", "ssh-login")

#: Legs that only a doctor without a target has. Patients have no AWS keys.
KEYS = ("keys", "keys-identity")

_GATEWAY = ("gateway", "gateway-dns", "gateway-proxy", "gateway-tls")
_SESSION = ("session", *_GATEWAY, "greeting", "session-end", "ssh-login")
_IDENTITY = ("environment", *_SESSION)
_API_TLS = ("clock", "identity", *_IDENTITY)
_API_PROXY = ("api-tls", *_API_TLS)

#: Leg -> the legs that are skipped when it fails, where no gateway is known from earlier sessions.
SKIPPED: Mapping[str, Sequence[str]] = {
    "ssh-config": ("ssh-login",),
    "ca": ("token", "api", "api-dns", "api-proxy", *_API_PROXY),
    "profile": ("token", "identity", *_IDENTITY),
    "token": ("identity", *_IDENTITY),
    "api-dns": ("api-proxy", *_API_PROXY),
    "api-proxy": _API_PROXY,
    "api-tls": _API_TLS,
    "identity": _IDENTITY,
    "environment": _SESSION,
    "gateway-dns": ("gateway-proxy", "gateway-tls", "greeting", "ssh-login"),
    "gateway-tls": ("greeting", "ssh-login"),
    "greeting": ("ssh-login",),
    "ssh-login": (),
}


@dataclass
class Diagnosis:
    """The doctor's findings."""

    exit_code: int
    legs: dict[str, dict[str, Any]]

    def status(self, name: str) -> str:
        status: str = self.legs[name]["status"]
        return status

    def text(self, name: str) -> str:
        """Return the text and hint of a leg."""
        return f"{self.legs[name]['text']} -> {self.legs[name]['hint']}"

    def failure(self, exit_code: int, name: str) -> str:
        """Return the text and hint of the first leg that failed, which the exit code tells."""
        assert (self.exit_code, self.by_status("fail")[:1]) == (exit_code, [name]), self.legs
        return self.text(name)

    def check(self, exit_code: int, *names: str, skipped: Sequence[str] | None = None) -> None:
        """Assert that these legs failed, or warned if the exit code is 0, and what is skipped.

        :param skipped: by default what the failure of the first leg blocks: :data:`SKIPPED`.
        """
        if skipped is None:
            skipped = SKIPPED[names[0]] if exit_code else ()
        found = self.exit_code, self.by_status("fail" if exit_code else "warn")
        whole = (*found, self.by_status("skip"))
        examined = [name for name in skipped if name in self.legs]
        assert whole == (exit_code, [*names], examined), whole

    def by_status(self, status: str) -> list[str]:
        return [name for name, leg in self.legs.items() if leg["status"] == status]


class Patient:
    """A user's set-up: a home, an ssh configuration and an AWS configuration."""

    def __init__(self, commands: Commands, cloud: Cloud) -> None:
        self.environ = {**commands.environ, "LOGNAME": LOCAL_USER}
        self.host = cloud.host
        self.token = cloud.token
        self.config = Path(commands.environ["HOME"], "ssh_config")
        self.known_hosts = self.config.with_name("known_hosts")
        self._commands = commands
        self._cloud = cloud
        self.write_config("ProxyCommand connector proxy %n")

    def write_config(self, *lines: str, host: str = "codecatalyst-dev-env*") -> None:
        """Write a section of the ssh configuration. ``User`` and ``ConnectTimeout`` are right."""
        # ssh takes the first of two values, so the lines of the test win.
        settings = [*lines, "User mde-user", "ConnectTimeout 660", *self.key_settings()]
        self.config.write_text("\n".join((f"Host {host}", *(f"  {x}" for x in settings), "")))

    def key_settings(self) -> list[str]:
        """Return settings for keys that exclude the keys of the account that runs the tests."""
        return [
            "StrictHostKeyChecking accept-new",
            f"UserKnownHostsFile {self.known_hosts}",
            "GlobalKnownHostsFile /dev/null",
            "IdentityFile none",
            "IdentityAgent none",
        ]

    def log_in(self, expires_in: float, **members: str) -> None:
        """Log in with the profile by the AWS CLI's files, and unset the token's variable."""
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

    def look_at_config(self) -> Diagnosis:
        """Return what the doctor's legs find that look at ssh's configuration, in this process."""
        options = parse("doctor", self.command()[len(CONNECTOR) + 1 :])
        with patch.dict(os.environ, self.environ, clear=True):
            settle(options)
            plan = Plan(make_case(options, self.environ))
            try:
                legs = [leg for leg in plan.legs() if leg.name in ("ssh-client", "ssh-config")]
                findings = list(examine(legs, lambda leg: None))
            finally:
                plan.close()
        found = {
            leg.leg.name: vars(leg.result) | {"status": leg.result.status.value} for leg in findings
        }
        return Diagnosis(exit_code(findings), found)

    def examine(self, *options: str) -> Diagnosis:
        """Run the doctor and return its findings."""
        answer = self._commands.run(*self.command("--json", *options), environ=self.environ)
        assert answer.stderr == b""
        return diagnosis(answer)


def lead_ssh(home: Path) -> None:
    """Lead ssh to all targets, so that the doctor finds no fault in a user's configuration."""
    config = home / ".ssh" / "config"
    config.parent.mkdir(mode=0o700, exist_ok=True)
    text = config.read_text() if config.exists() else ""
    if "ProxyCommand" not in text:
        config.write_text(f"{text}\nHost *\n  ProxyCommand connector proxy %n\n{_WAITS}")
        config.chmod(0o600)


def diagnosis(answer: subprocess.CompletedProcess[Any]) -> Diagnosis:
    """Return the findings of `connector doctor --json`."""
    return read(answer.stdout, answer.returncode)


def read(document: bytes, exit_code: int) -> Diagnosis:
    """Return the findings in a document.

    :raises AssertionError: when the document is not as documented.
    """
    found: Mapping[str, Any] = json.loads(document)
    assert found.keys() == MEMBERS
    assert found["exitCode"] == exit_code
    assert found["ok"] is (exit_code == 0)
    assert found["seconds"] < 40
    assert all(leg.keys() == LEG_MEMBERS for leg in found["legs"])
    assert {leg["status"] for leg in found["legs"]} <= {"ok", "warn", "fail", "skip"}
    assert bool(exit_code) is any(leg["status"] == "fail" for leg in found["legs"])
    return Diagnosis(exit_code, {leg["name"]: leg for leg in found["legs"]})


def all_stopped_once(cloud: Cloud, count: int = 2) -> bool:
    """Return whether each session was stopped once: the doctor's own, and the one of its ssh."""
    return len(cloud.sessions) == count and all(cloud.stops(it) == 1 for it in cloud.sessions)
