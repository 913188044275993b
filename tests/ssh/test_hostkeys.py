"""The known keys of hosts that get new ones with each start."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from connector.ssh.hostkeys import keep_keys_of_start
from manual.account import account_home

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
OTHER = f"other.example {KEY}"


@pytest.fixture
def known_hosts(tmp_path: Path) -> Path:
    return tmp_path / "ssh" / "known_hosts"


def hold(known_hosts: Path, *lines: str) -> None:
    known_hosts.parent.mkdir(exist_ok=True)
    with known_hosts.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def keys(known_hosts: Path) -> list[str]:
    return [line for line in known_hosts.read_text().splitlines() if not line.startswith("#")]


def keep(known_hosts: Path, *hosts: str, start: str = "the first start") -> None:
    keep_keys_of_start(str(known_hosts), hosts, start)


def test_key_of_the_same_start_is_kept(known_hosts: Path) -> None:
    keep(known_hosts, "box.example")
    hold(known_hosts, f"box.example {KEY}", OTHER)
    before = known_hosts.read_bytes()
    keep(known_hosts, "box.example")
    assert known_hosts.read_bytes() == before


def test_key_of_an_earlier_start_is_removed_once(known_hosts: Path) -> None:
    keep(known_hosts, "box.example")
    hold(known_hosts, f"box.example {KEY}", OTHER)
    keep(known_hosts, "box.example", start="the second start")
    assert keys(known_hosts) == [OTHER]
    hold(known_hosts, f"box.example {KEY}")
    keep(known_hosts, "box.example", start="the second start")
    assert keys(known_hosts) == [OTHER, f"box.example {KEY}"]


def test_marks_of_earlier_starts_do_not_pile_up(known_hosts: Path) -> None:
    for number in range(20):
        keep(known_hosts, "box.example", "alias", start=f"start {number}")
    assert len(known_hosts.read_text().splitlines()) == 2


def test_each_name_of_a_target_is_settled_by_itself(known_hosts: Path) -> None:
    keep(known_hosts, "long.box.example")
    hold(known_hosts, f"long.box.example {KEY}")
    keep(known_hosts, "box.example", "long.box.example")
    assert keys(known_hosts) == [f"long.box.example {KEY}"]


def test_name_is_matched_in_lower_case_as_ssh_writes_it(known_hosts: Path) -> None:
    hold(known_hosts, f"box.example {KEY}")
    keep(known_hosts, "Box.Example")
    assert keys(known_hosts) == []


def test_name_with_a_port_is_matched(known_hosts: Path) -> None:
    hold(known_hosts, f"[box.example]:2222 {KEY}", f"[box.example.other]:2222 {KEY}")
    keep(known_hosts, "box.example")
    assert keys(known_hosts) == [f"[box.example.other]:2222 {KEY}"]


def test_name_hashed_by_ssh_keygen_is_matched(known_hosts: Path) -> None:
    hold(known_hosts, f"box.example {KEY}", OTHER)
    subprocess.run(["ssh-keygen", "-H", "-f", known_hosts], check=True, capture_output=True)
    assert all(line.startswith("|1|") for line in keys(known_hosts))
    keep(known_hosts, "box.example")
    (left,) = keys(known_hosts)
    found = subprocess.run(
        ["ssh-keygen", "-F", "other.example", "-f", known_hosts], check=True, capture_output=True
    )
    assert left in found.stdout.decode()


@pytest.mark.parametrize("name", ["|1|", "|1|a|b", "|1|a|b|c", "|2|QQ==|QQ==", "|1|QQ==|\u20ac"])
def test_malformed_hash_is_left_alone(known_hosts: Path, name: str) -> None:
    hold(known_hosts, f"{name} {KEY}")
    keep(known_hosts, "box.example")
    assert keys(known_hosts) == [f"{name} {KEY}"]


def test_words_of_other_programs_make_no_lines_of_their_own(known_hosts: Path) -> None:
    keep(known_hosts, "box.example\nevil", "a b", "box.example", start="one\nevil key")
    (line,) = known_hosts.read_text().splitlines()
    assert line == "# connector: the keys of box.example are those of one evil key"


def test_link_to_a_file_elsewhere_stays_a_link(known_hosts: Path, tmp_path: Path) -> None:
    known_hosts.parent.mkdir()
    known_hosts.symlink_to(tmp_path / "elsewhere")
    keep(known_hosts, "box.example")
    assert known_hosts.is_symlink()
    assert (tmp_path / "elsewhere").read_text().startswith("# connector")


def test_new_file_is_private(known_hosts: Path) -> None:
    keep(known_hosts, "box.example")
    assert known_hosts.stat().st_mode & 0o777 == 0o600
    assert known_hosts.parent.stat().st_mode & 0o777 == 0o700


def test_file_of_the_user_keeps_its_mode_and_its_other_lines(known_hosts: Path) -> None:
    others = ("# of\u2028the user\x0c", "", f"{OTHER}\r")
    hold(known_hosts, *others)
    known_hosts.chmod(0o644)
    keep(known_hosts, "box.example")
    assert known_hosts.stat().st_mode & 0o777 == 0o644
    assert known_hosts.read_bytes().decode().split("\n")[:3] == [*others]


def test_nothing_is_written_without_names_or_where_ssh_completes_the_path(
    known_hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(known_hosts, "", "")
    monkeypatch.chdir(tmp_path)
    keep(Path("~nosuchuser/known_hosts"), "box.example")
    assert not list(tmp_path.iterdir())
    for part in ("%d", "${HOME}"):
        keep(known_hosts.with_name(part), "box.example")
        assert not known_hosts.with_name(part).exists()
    assert not known_hosts.exists()


def test_file_that_cannot_be_used_stays_as_it_is(
    known_hosts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hold(known_hosts)
    known_hosts.write_bytes(b"\xff\xfe")
    with caplog.at_level("INFO"):
        keep(known_hosts, "box.example")
    assert known_hosts.read_bytes() == b"\xff\xfe"
    assert "is not UTF-8 text" in caplog.text


def test_file_that_cannot_be_written_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a file").write_text("")
    with caplog.at_level("INFO"):
        keep(tmp_path / "a file" / "known_hosts", "box.example")
    assert "cannot be" in caplog.text


@pytest.mark.skipif("os.name == 'nt'")
def test_tests_cannot_reach_the_keys_of_the_account() -> None:
    keep(Path("~/.ssh/keys_of_tests"), "box.example")
    assert Path(os.environ["HOME"], ".ssh", "keys_of_tests").exists()
    assert not (account_home() / ".ssh" / "keys_of_tests").exists()


def test_tilde_is_the_home_of_the_user_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.name != "posix":
        pytest.skip("Windows has no user database")
    import pwd

    account = pwd.getpwuid(os.getuid())
    changed = pwd.struct_passwd((*account[:5], str(tmp_path / "ssh home"), account.pw_shell))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: changed)
    keep(Path("~/.ssh/keys"), "box.example")
    assert (tmp_path / "ssh home" / ".ssh" / "keys").exists()
