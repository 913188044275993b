"""A connection trusts the CA certificates of the user's store as it is now."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme

from .cloud import Cloud
from .commands import Commands
from .targets import GREETING, TcpService, greeting_echo

#: Words outside certificates. A small file is loaded whole, and nothing of it is remembered.
PADDING = "# words on the certificates\n" * 700


def connect(commands: Commands, environ: Mapping[str, str]) -> None:
    process = commands.proxy(environ=environ)
    process.reader.until(GREETING)
    process.hang_up()
    assert process.wait() == 0
    assert process.stderr() == ""


def is_refused(commands: Commands, environ: Mapping[str, str]) -> bool:
    process = commands.proxy(environ=environ)
    return process.wait() == 76 and "is signed by an unknown CA" in process.stderr()


def test_bundle_is_trusted_as_it_is_now(cloud: Cloud, commands: Commands, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    other = trustme.CA().cert_pem.bytes().decode()
    environ = {**commands.environ, "AWS_CA_BUNDLE": str(bundle)}
    memory = commands.directory / "home/.cache/devenv-connector/anchors.json"
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        bundle.write_text(PADDING + other + cloud.ca_file.read_text())
        connect(commands, environ)
        assert json.loads(memory.read_text())[str(bundle)]["anchors"] == [
            cloud.ca_file.read_text().rstrip()
        ]
        connect(commands, environ)

        bundle.write_text(PADDING + other)
        assert is_refused(commands, environ)


@pytest.mark.skipif(sys.platform == "win32", reason="the system's store is no directory")
@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_directory_is_trusted_as_it_is_now(
    cloud: Cloud, commands: Commands, tmp_path: Path
) -> None:
    shutil.copy(cloud.ca_file, tmp_path / "ca.pem")
    subprocess.run(["openssl", "rehash", tmp_path], check=True)
    environ = {**commands.environ, "SSL_CERT_DIR": str(tmp_path)}
    del environ["AWS_CA_BUNDLE"]
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        connect(commands, environ)

        (tmp_path / "ca.pem").unlink()
        assert is_refused(commands, environ)
