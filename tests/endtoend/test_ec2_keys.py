"""Keys that are pushed by EC2 Instance Connect, with a real sshd."""

from __future__ import annotations

import subprocess
from pathlib import Path

from connector.emulator.api.ec2.model import Instance

from .fleet import NODE, Fleet, User
from .sshd import USER, Sshd, program

START = "ssm:StartSession"


def test_pushed_key_logs_in(user: User, fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    with_keys = Sshd(tmp_path / "own")
    authorized = tmp_path / "own" / "authorized_keys"
    authorized.write_text("")
    key = user.home / ".ssh" / "id_ed25519"
    subprocess.run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    model = fleet.world.model

    def authorize(instance: Instance) -> None:
        keys = (each.key for each in model.keys(instance) if each.user == USER)
        authorized.write_text("".join(f"{key}\n" for key in keys))

    model.on_push = authorize
    try:
        port = str(with_keys.port)
        denied = user.run("connector", "ssh", "web.ec2", "-p", port, "true")
        assert denied.returncode == 255
        assert "Permission denied" in denied.stderr
        # ssh's own options come before the configuration, which names another key.
        ssh = ["connector", "ssh", "--push-key", "web.ec2", "-p", port]
        assert user.says(*ssh, "-i", str(key), "echo pushed") == "pushed\n"
        assert fleet.calls().count("ec2-instance-connect:SendSSHPublicKey") == 1
        authorized.write_text("")
        options = [
            word for each in (f"Port={port}", f"IdentityFile={key}") for word in ("-o", each)
        ]
        (user.home / "file").write_text("pushed")
        copied = user.home / "copied"
        words = ["connector", "cp", "--push-key", *options, str(user.home / "file")]
        assert user.says(*words, f"web.ec2:{copied}") == ""
        assert copied.read_text() == "pushed"
        authorized.write_text("")
        config = user.config.read_text().replace(str(fleet.sshd.user_key), str(key))
        user.config.write_text(config)
        user.config.write_text(
            f"Host web.ec2\n  Port {port}\n"
            "  ProxyCommand connector proxy --push-key --user %r --port %p %n\n"
            + user.config.read_text()
        )
        assert user.says("ssh", "web.ec2", "echo pushed") == "pushed\n"
    finally:
        model.on_push = lambda instance: None
        with_keys.close()


def test_key_is_pushed_once_an_instance_runs(user: User, fleet: Fleet) -> None:
    words = ["connector", "proxy", "--start", "--push-key", "--user", USER, fleet.db.id]
    with subprocess.Popen(
        words, env=user.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as proxy:
        assert proxy.stdout is not None
        assert proxy.stdout.readline().startswith(b"SSH-2.0-")
        proxy.terminate()
    (pushed,) = fleet.call(lambda: fleet.world.model.keys(fleet.db))
    public = fleet.sshd.user_key.with_suffix(".pub").read_text()
    assert (pushed.user, pushed.key) == (USER, " ".join(public.split()[:2]))


def test_denied_push_names_the_permission(user: User, fleet: Fleet) -> None:
    fleet.account.deny("ec2-instance-connect:SendSSHPublicKey")
    line = user.fails(77, "proxy", "--push-key", "--user", USER, fleet.web.id)
    assert "ec2-instance-connect:SendSSHPublicKey on resource: arn:aws:ec2:us-west-2:" in line
    assert START not in fleet.calls()


def test_key_is_not_pushed_to_managed_nodes(user: User) -> None:
    line = user.fails(78, "proxy", "--push-key", NODE)
    assert f"--push-key is for EC2 instances; {NODE} is a managed node" in line


def test_no_other_key_is_pushed_than_ssh_offers(user: User, fleet: Fleet) -> None:
    words = ("-i", str(user.home / "none"), "-o", "IdentityAgent=none", "-F", "none", "true")
    told = user.connector("ssh", "--push-key", "web.ec2", *words).stderr
    assert "There is no ed25519 or RSA key of ssh that can be pushed. Make one with" in told
    assert "ec2-instance-connect:SendSSHPublicKey" not in fleet.calls()


def test_missing_key_is_told(user: User) -> None:
    user.write(".ssh/config", "Host *", "IdentityFile none")
    line = user.fails(78, "proxy", "--push-key", "--user", "ec2-user", "web.ec2")
    assert "There is no ed25519 or RSA key of ssh that can be pushed. Make one with" in line
