"""Keys of the machine, found without botocore, are those that botocore finds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import botocore.session
import pytest
from botocore.credentials import create_credential_resolver
from botocore.utils import ContainerMetadataFetcher
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.aws.keys import machine
from connector.aws.keys.machine import keys_of_machine
from connector.aws.keys.places import Machine, place_of
from connector.aws.keys.source import AwsKeys
from connector.aws.profile import load_profile, with_credentials
from connector.errors import CredentialsError

from .sources import Sources, serving

URL, PATH = "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
METADATA = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
MODE = f"{METADATA}_MODE"

HOSTS = machine._CONTAINER_HOSTS
assert HOSTS[0] == ContainerMetadataFetcher.IP_ADDRESS


@pytest.fixture(scope="module")
def sources() -> Iterator[Sources]:
    with (
        serving() as sources,
        patch.object(ContainerMetadataFetcher, "SLEEP_TIME", 0),
        patch.object(ContainerMetadataFetcher, "IP_ADDRESS", sources.authority),
        patch.object(machine, "_CONTAINER_HOSTS", (sources.authority,)),
    ):
        sources.keys_differ = False
        yield sources


@pytest.fixture(autouse=True)
def afresh(sources: Sources) -> None:
    sources.answers.clear()
    sources.asked.clear()
    sources.headers.clear()
    sources.lifetime = 3600.0


def _quick(environ: dict[str, str], name: str | None = None) -> AwsKeys | None:
    profile = with_credentials(load_profile(name, environ), environ)
    try:
        place = place_of(profile, environ, named=name is not None)
    except CredentialsError:  # another source comes first, and is incomplete
        return None
    if not isinstance(place, Machine):
        return None
    return keys_of_machine(environ, time.time(), 20, place.is_container)


def _botocore(environ: dict[str, str], name: str | None = None) -> AwsKeys | None:
    with patch.dict(os.environ, environ):
        session = botocore.session.Session(profile=name)
        credentials: Any = create_credential_resolver(session).load_credentials()
        if credentials is None:
            return None
        frozen = credentials.get_frozen_credentials()
    # The fetcher of the metadata service postpones an end that is near.
    end = credentials._expiry_time.timestamp() if hasattr(credentials, "_expiry_time") else None
    return AwsKeys(frozen.access_key, frozen.secret_key, frozen.token or None, end)


def _configure(home: Path, settings: dict[str, str]) -> None:
    (home / ".aws").mkdir(exist_ok=True)
    lines = [f"{name} = {value}" for name, value in settings.items()]
    (home / ".aws/config").write_text("\n".join(["[default]", *lines, "[profile work]", *lines]))


ROLE = "/latest/meta-data/iam/security-credentials/"

#: Bad answers of the endpoints, by path.
ANSWERS = [
    {"/container": (403, "no")},
    {"/container": (200, "[]")},
    {"/container": (200, "{")},
    {"/container": (200, '{"AccessKeyId": "A", "SecretAccessKey": "s"}')},
    {"/latest/api/token": (403, "no")},
    {"/latest/api/token": (400, "no")},
    {ROLE: (404, "no")},
    {ROLE: (200, "")},
    {f"{ROLE}instance-role": (200, '{"Code": "Failed", "Message": "no"}')},
    {f"{ROLE}instance-role": (500, "no")},
]

SETTINGS = {
    "region": ["eu-west-1"],
    "output": ["json"],
    "retry_mode": ["standard"],
    "sso_session": ["gone"],
    "aws_access_key_id": ["AKIDF"],
    "aws_secret_access_key": ["hidden-f"],
    "credential_process": ["""echo '{"Version": 1, "AccessKeyId": "P", "SecretAccessKey": "s"}'"""],
    "metadata_service_timeout": ["2"],
    "ec2_metadata_service_endpoint": ["http://127.0.0.1:1"],
}

VARIABLES = {
    URL: ["{url}/container", "{local}/container", "http://example.com/container", "{url}", ""],
    PATH: ["/container", "/container?id=1", "", "container"],
    TOKEN: ["Basic hidden", "", "two\nlines"],
    f"{TOKEN}_FILE": ["{home}/token", "{home}/nosuch"],
    METADATA: ["{url}", "{url}/", "{local}", ""],
    MODE: ["IPv4", "ipv5", ""],
    "AWS_EC2_METADATA_DISABLED": ["true", "TRUE", "false", ""],
    "AWS_METADATA_SERVICE_TIMEOUT": ["2", "two"],
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS": ["2", "0"],
    "AWS_ACCESS_KEY_ID": ["", "AKIDE"],
    "AWS_SECRET_ACCESS_KEY": ["hidden-e"],
    "AWS_CREDENTIAL_FILE": ["{home}/ec2-keys"],
    "BOTO_CONFIG": ["{home}/boto", "$HOME/gsutil", "~/nosuch", ""],
    "AWS_PROFILE": ["work", "nosuch"],
}


#: As ``gsutil config`` writes it.
GSUTIL = """\
# This file contains credentials and other configuration information
[Credentials]
#aws_access_key_id = <your aws access key ID>
gs_oauth2_refresh_token = hidden
[Boto]
https_validate_certificates = True
"""


def _some(values: dict[str, list[str]]) -> st.SearchStrategy[dict[str, str]]:
    optional = {name: st.sampled_from(each) for name, each in values.items()}
    few = st.lists(st.sampled_from(sorted(values)), max_size=4, unique=True)
    return few.flatmap(
        lambda names: st.fixed_dictionaries({name: optional[name] for name in names})
    )


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from([None, None, "work"]),
    given_settings=st.just({}) | _some(SETTINGS),
    environ=_some(VARIABLES),
    answers=st.just({}) | st.sampled_from(ANSWERS),
    lifetime=st.sampled_from([3600.0, 3600.0, 310.0, 290.0]),
)
def test_keys_of_the_machine_equal_botocores(
    sources: Sources,
    tmp_path_factory: pytest.TempPathFactory,
    name: str | None,
    given_settings: dict[str, str],
    environ: dict[str, str],
    answers: dict[str, tuple[int, str]],
    lifetime: float,
) -> None:
    home = tmp_path_factory.getbasetemp() / "machine"
    home.mkdir(exist_ok=True)
    _configure(home, given_settings)
    (home / "token").write_text("Basic hidden-t")
    (home / "ec2-keys").write_text("AWSAccessKeyId=AKIDO\nAWSSecretKey=hidden-o\n")
    (home / "boto").write_text("[Credentials]\naws_access_key_id=B\naws_secret_access_key=s\n")
    (home / "gsutil").write_text(GSUTIL)
    sources.answers, sources.lifetime = answers, lifetime
    places = {"url": sources.url, "local": f"http://localhost:{sources.port}", "home": home}
    # Without a container's variable, botocore would ask this machine's own metadata service.
    chosen = {METADATA: "{url}", **environ}
    chosen = {key: value.format(**places) for key, value in chosen.items()}
    if not chosen[METADATA]:
        chosen["AWS_EC2_METADATA_DISABLED"] = "true"
    with patch.dict(os.environ, HOME=str(home)):
        found = _quick(chosen, name)
        if found is not None:
            theirs = _botocore(chosen, name)
            assert theirs is not None
            assert found[:3] == theirs[:3]


def _keys(sources: Sources) -> AwsKeys:
    return AwsKeys("ASIA0", "hidden-0", "token-0", float(int(time.time() + sources.lifetime)))


@pytest.mark.parametrize(
    ("environ", "asked"),
    [
        ({URL: "{url}/container"}, "container"),
        ({URL: "{url}/container", TOKEN: "Basic hidden"}, "container"),
        ({PATH: "/container?id=1"}, "container"),
        ({PATH: "/container", URL: "http://example.com"}, "container"),
        ({METADATA: "{url}"}, "metadata"),
        ({METADATA: "{url}/", MODE: "ipv6"}, "metadata"),
        ({METADATA: "{url}", "AWS_EC2_METADATA_DISABLED": "false"}, "metadata"),
    ],
)
def test_plain_cases_are_judged_without_botocore(
    sources: Sources, environ: dict[str, str], asked: str
) -> None:
    chosen = {name: value.format(url=sources.url) for name, value in environ.items()}
    found, theirs = _quick(chosen), _botocore(chosen)
    assert found is not None
    assert theirs is not None
    assert found[:3] == theirs[:3] == _keys(sources)[:3]
    assert sources.asked == [asked, asked]


def test_container_gets_its_token_and_the_metadata_service_its_own(
    sources: Sources, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("Bearer hidden")
    url = f"{sources.url}/container"
    assert _quick({URL: url, TOKEN: "other", f"{TOKEN}_FILE": str(tmp_path / "token")})
    assert sources.headers[-1]["Authorization"] == "Bearer hidden"
    assert _quick({METADATA: sources.url})
    asked = [each.get("x-aws-ec2-metadata-token") for each in sources.headers[-3:]]
    assert asked == [None, "a-token", "a-token"]
    assert sources.headers[-3]["x-aws-ec2-metadata-token-ttl-seconds"] == "21600"


@pytest.mark.parametrize(
    "environ",
    [
        {URL: "http://example.com/container"},
        {URL: "https://127.0.0.1:{port}/container"},
        {URL: "{url}/two words"},
        {URL: "{url}/../container"},
        {URL: "{url}/container", TOKEN: "two\nlines"},
        {URL: "{url}/container", f"{TOKEN}_FILE": "/nonexistent/token"},
        {URL: "{url}/container", MODE: "ipv5"},
        {METADATA: "{url}", "AWS_EC2_METADATA_DISABLED": "true"},
        {METADATA: "{url}", "HTTP_PROXY": "http://127.0.0.1:9"},
        {METADATA: "http://example.com"},
    ],
)
def test_unusual_settings_are_left_to_botocore(
    sources: Sources, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"url": sources.url, "port": sources.port}
    chosen = {name: value.format(**places) for name, value in environ.items()}
    if "HTTP_PROXY" in chosen:
        monkeypatch.setenv("HTTP_PROXY", chosen["HTTP_PROXY"])
    assert _quick(chosen) is None
    assert sources.asked == []


@pytest.mark.parametrize(
    ("content", "is_quick"),
    [
        (GSUTIL, True),
        ("", True),
        ("[Boto]\naws_access_key_id = B\n", True),
        ("[Credentials]\naws_access_key_id = B\naws_secret_access_key = s\n", False),
        ("[Credentials]\nAWS_Access_Key_Id: B\naws_secret_access_key: s\n", False),
        ("[Credentials]\n  aws_access_key_id = B\n", False),
        ("aws_access_key_id = B\n", False),
        ("[Credentials]\nname = \N{SNOWMAN}\n", False),
    ],
)
@pytest.mark.parametrize("variable", [False, True])
def test_only_files_of_boto_with_keys_are_left_to_botocore(
    sources: Sources, home: Path, content: str, is_quick: bool, variable: bool
) -> None:
    file = home / ("other" if variable else ".boto")
    file.write_text(content, encoding="utf-8")
    chosen = {URL: f"{sources.url}/container"} | ({"BOTO_CONFIG": str(file)} if variable else {})
    found = _quick(chosen)
    assert (found is not None) == is_quick
    if found:
        theirs = _botocore(chosen)
        assert theirs is not None
        assert found[:3] == theirs[:3]


def test_container_hosts_are_those_of_botocore() -> None:
    fetcher: Any = ContainerMetadataFetcher
    assert {*HOSTS, "localhost"} == set(fetcher._ALLOWED_HOSTS)


def test_silent_endpoint_takes_a_part_of_the_time_only(sources: Sources) -> None:
    """The chain has the rest."""
    sources.silent = True
    try:
        environ = {URL: f"{sources.url}/container", METADATA: sources.url}
        for is_container in (True, False):
            assert keys_of_machine(environ, time.time(), 0.2, is_container) is None
    finally:
        sources.silent = False


def test_keys_of_a_container_need_no_botocore(sources: Sources, home: Path) -> None:
    program = (
        "import os, sys\n"
        "from connector.aws.cloud import open_cloud\n"
        "print(open_cloud(None, None, os.environ).keys.load(20).access_key_id)\n"
        "print('botocore' in sys.modules)\n"
    )
    environ = {**os.environ, URL: f"{sources.url}/container"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["ASIA0", "False"]
