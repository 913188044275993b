"""scp and sftp with the embedded SSH server."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
from pathlib import Path

import paramiko
import pytest

from .clients import HOST, OpenSsh, needs_clients

pytestmark = needs_clients


def test_scp_copies_files_both_ways(openssh: OpenSsh, tmp_path: Path) -> None:
    data = random.Random(3).randbytes(1_500_000)
    source = tmp_path / "source"
    source.write_bytes(data)
    source.chmod(0o640)
    os.utime(source, (1_000_000_000, 1_000_000_000))
    up = openssh.run("-p", str(source), f"{HOST}:copy", program="scp")
    assert up.returncode == 0, up.stderr
    copy = openssh.home / "copy"
    assert copy.read_bytes() == data
    assert copy.stat().st_mode & 0o777 == 0o640
    assert copy.stat().st_mtime == 1_000_000_000
    down = openssh.run(f"{HOST}:copy", str(tmp_path / "back"), program="scp")
    assert down.returncode == 0, down.stderr
    assert (tmp_path / "back").read_bytes() == data


def test_scp_copies_directories(openssh: OpenSsh, tmp_path: Path) -> None:
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "sub" / "file").write_text("x")
    assert openssh.run("-r", str(tmp_path / "tree"), f"{HOST}:", program="scp").returncode == 0
    assert (openssh.home / "tree" / "sub" / "file").read_text() == "x"
    back = openssh.run("-r", f"{HOST}:tree", str(tmp_path / "back"), program="scp")
    assert back.returncode == 0
    assert (tmp_path / "back" / "sub" / "file").read_text() == "x"


def test_scp_copies_with_the_old_protocol(openssh: OpenSsh, tmp_path: Path) -> None:
    if shutil.which("scp", path=os.environ.get("PATH")) is None:
        pytest.skip("needs scp at the far end")
    (tmp_path / "source").write_text("old")
    result = openssh.run("-O", str(tmp_path / "source"), f"{HOST}:copy", program="scp")
    assert result.returncode == 0, result.stderr
    assert (openssh.home / "copy").read_text() == "old"


def test_sftp_serves_common_commands(openssh: OpenSsh, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    batch = f"""
pwd
mkdir made
put {tmp_path}/file made/file
chmod 600 made/file
rename made/file made/renamed
symlink renamed made/link
ls -la made
cd made
get link {tmp_path}/back
-rm nothing
rm link
-rmdir ../made
rm renamed
cd ..
rmdir made
"""
    result = openssh.run("-b", "-", HOST, program="sftp", data=batch.encode())
    assert result.returncode == 0, result.stderr
    output = result.stdout.decode()
    assert str(openssh.home) in output
    assert "renamed" in output
    assert re.search(r"-rw-------.*renamed", output)
    assert "lrwx" in output
    errors = result.stderr.decode()
    assert "No such file" in errors
    assert "Failure" in errors
    assert (tmp_path / "back").read_text() == "hello"
    assert list(openssh.home.iterdir()) == []


def test_sftp_reports_denied_permission(openssh: OpenSsh) -> None:
    (openssh.home / "closed").mkdir(mode=0)
    # Root may enter any directory, but even root cannot write this file of the kernel.
    target = "/sys/kernel/notes" if os.getuid() == 0 else "closed/x"
    (openssh.home / "local").write_text("not wanted")
    batch = f"put {openssh.home}/local {target}".encode()
    result = openssh.run("-b", "-", HOST, program="sftp", data=batch)
    assert b"Permission denied" in result.stderr


def test_sftp_truncates_and_keeps_the_rest(openssh: OpenSsh) -> None:
    file = openssh.home / "file"
    file.write_text("0123456789")
    with paramiko.Transport(asyncio.run(openssh.server.connect())) as transport:
        transport.start_client(timeout=10)
        transport.auth_none("stranger")
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        client.truncate("file", 4)
        assert file.read_text() == "0123"
        with client.open("file", "a") as appended:
            appended.write(b"X")
            assert appended.stat().st_size == 5
        with pytest.raises(OSError, match="Failure"):
            client.rename("file", "file")
        client.posix_rename("file", "other")
        client.symlink("other", "link")
        assert client.readlink("link") == "other"
        assert client.normalize(".") == str(openssh.home)
        client.close()
    assert (openssh.home / "other").read_text() == "0123X"
