"""AWS's own CLI against the emulator, with this connector as its Session Manager plugin."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connector.emulator.harness import ConnectorEmulator

from ..forks import AWS_CLI, run

PROFILE = "work"
SSO_PROFILE = "sso"

#: What the CLI starts as ``session-manager-plugin``: it answers as that does, and attaches.
PLUGIN = """\
#!{python}
import os, sys
words = sys.argv[1:]
if words == ["--version"]:
    print("1.2.764.0")
elif not words:
    print("\\nThe Session Manager plugin was installed successfully.\\n")
else:
    session, profile = words[0], words[3]
    if session.startswith("AWS_SSM_START_SESSION_RESPONSE"):
        session = os.environ.pop(session)
    os.environ["CONNECTOR_SESSION"] = session
    attach = [sys.executable, "-m", "connector", "attach", "--profile", profile]
    os.execv(sys.executable, attach)
"""


class AwsCli:
    """A user of the CLI whose profile has the emulator's key.

    :ivar command: the words that start the CLI.
    """

    def __init__(self, emulator: ConnectorEmulator, directory: Path) -> None:
        if importlib.util.find_spec("awscli") is None:
            pytest.skip("the AWS CLI is not installed")
        self.command = list(AWS_CLI)
        self._directory = directory
        plugin = directory / "bin" / "session-manager-plugin"
        plugin.parent.mkdir()
        plugin.write_text(PLUGIN.format(python=sys.executable))
        plugin.chmod(0o755)
        self.environ = dict(emulator.environ)
        keys = [self.environ.pop(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
        region = self.environ.pop("AWS_REGION")
        del self.environ["AWS_DEFAULT_REGION"]
        config = directory / "config"
        config.write_text(
            f"[profile {PROFILE}]\nregion = {region}\naws_access_key_id = {keys[0]}\n"
            f"aws_secret_access_key = {keys[1]}\n"
            f"[profile stranger]\nregion = {region}\naws_access_key_id = {keys[0]}\n"
            "aws_secret_access_key = of-another-account\n"
        )
        self.environ |= {
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": str(directory / "none"),
            "AWS_PROFILE": PROFILE,
            "AWS_PAGER": "",
            "HOME": str(directory),
            "PATH": f"{plugin.parent}{os.pathsep}{self.environ['PATH']}",
            # The CLI brings a botocore of its own, which warns of Pythons near their end.
            "PYTHONWARNINGS": "ignore",
        }

    def write_sso_profile(self, role: str, token: str) -> None:
        """Write a profile of a role, as `aws configure sso` and `aws sso login` leave it."""
        with (self._directory / "config").open("a") as config:
            config.write(
                f"[profile {SSO_PROFILE}]\nsso_session = shop\nsso_account_id = 111122223333\n"
                f"sso_role_name = {role}\nregion = us-west-2\n"
                "[sso-session shop]\nsso_region = us-west-2\nsso_start_url = https://shop.example\n"
            )
        cache = self._directory / ".aws" / "sso" / "cache"
        cache.mkdir(parents=True)
        name = hashlib.sha1(b"shop").hexdigest()
        document = {"accessToken": token, "expiresAt": "2099-01-01T00:00:00Z"}
        (cache / f"{name}.json").write_text(json.dumps(document))

    def run(
        self, *words: str, input: str = "", profile: str = PROFILE
    ) -> subprocess.CompletedProcess[str]:
        environ = {**self.environ, "AWS_PROFILE": profile}
        anew = profile == SSO_PROFILE  # the cache's path depends on HOME during the imports
        command = [*self.command, *words]
        return run(command, input=input, timeout=60, env=environ, text=True, anew=anew)

    def says(self, *words: str, input: str = "") -> str:
        """Return the output of a command that succeeds."""
        done = self.run(*words, "--profile", PROFILE, input=input)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def answer(self, *words: str) -> Any:
        """Return the answer of an API's operation."""
        return json.loads(self.says(*words, "--output", "json"))

    def proxy(self, *words: str) -> str:
        """Return a ProxyCommand that runs the CLI."""
        return shlex.join([*self.command, *words, "--profile", PROFILE])
