"""Our signatures: AWS's published test suite, and botocore's signers on random requests."""

from __future__ import annotations

import calendar
import datetime
import string
import time
from unittest.mock import patch
from urllib.parse import quote, unquote

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from connector.aws.keys.source import AwsKeys
from connector.aws.signing import canonical_query
from connector.aws.sigv4 import encoded, presigned_query, signed_headers

#: Those of AWS's Signature Version 4 test suite (aws-c-auth, tests/aws-signing-test-suite/v4).
KEYS = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
TOKEN = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"
NOW = calendar.timegm((2015, 8, 30, 12, 36, 0))
HOST = "example.amazonaws.com"
UNRESERVED = "-._~" + string.digits + string.ascii_uppercase + string.ascii_lowercase


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "token", "signature"),
    [
        (
            *("GET", "/", "", {}, None),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            *("POST", "/", "", {}, None),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            *("GET", "/", "Param2=value2&Param1=value1", {}, None),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            *("GET", "/", "", {}, TOKEN),
            "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
        ),
        (
            *("GET", "/example space/", "", {}, None),
            "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
        ),
        (
            *("GET", "//example//", "", {}, None),
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        ),
        (
            *("GET", "/", "", {"My-Header1": " value1", "My-Header2": ' "a   b   c"'}, None),
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
    ],
)
def test_signature_of_aws_test_suite(
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
    token: str | None,
    signature: str,
) -> None:
    added = signed_headers(
        KEYS._replace(session_token=token),
        method=method,
        host=HOST,
        path=path,
        query=canonical_query(query),
        headers=headers,
        body=b"",
        service="service",
        region="us-east-1",
        now=NOW,
    )
    assert added["Authorization"].endswith(f"Signature={signature}")
    assert added["X-Amz-Date"] == "20150830T123600Z"
    assert added.get("X-Amz-Security-Token") == token


@pytest.mark.parametrize(
    ("query", "token", "signature"),
    [
        ({}, TOKEN, "7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c"),
        (
            {UNRESERVED: UNRESERVED},
            None,
            "8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf",
        ),
    ],
)
def test_presigned_query_of_aws_test_suite(
    query: dict[str, str], token: str | None, signature: str
) -> None:
    text = presigned_query(
        KEYS._replace(session_token=token),
        host=HOST,
        path="/",
        query=query,
        service="service",
        region="us-east-1",
        expires=3600,
        now=NOW,
    )
    assert text.endswith(f"&X-Amz-Signature={signature}")


TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF), min_size=1, max_size=30)
TOKENS = st.text(string.ascii_letters + string.digits + "+/=", min_size=1, max_size=200)
HOSTS = st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z]{2,5})?(:[1-9][0-9]{3})?", fullmatch=True)
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,15}", fullmatch=True).filter(
    lambda name: name.lower() not in ("host", "date", "authorization", "x-amz-content-sha256")
)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
PATHS = st.lists(st.text(max_size=8).map(lambda text: quote(text, safe="~.")), max_size=5).map(
    lambda segments: "/" + "/".join(segments)
)
PAIRS = st.dictionaries(TEXT, TEXT, max_size=5)
TIMES = st.integers(0, 4_000_000_000)
KEY_PAIRS = st.builds(AwsKeys, TOKENS, TOKENS, st.none() | TOKENS)


def _botocore(signer: SigV4Auth, request: AWSRequest, now: int) -> AWSRequest:
    """Return a request that botocore has signed at a time."""
    moment = datetime.datetime.fromtimestamp(now, datetime.timezone.utc).replace(tzinfo=None)
    with patch("botocore.auth.get_current_datetime", lambda: moment):
        signer.add_auth(request)
    return request


def _credentials(keys: AwsKeys) -> Credentials:
    return Credentials(keys.access_key_id, keys.secret_key, keys.session_token)


@given(
    keys=KEY_PAIRS,
    method=st.sampled_from(["GET", "POST", "PUT"]),
    host=HOSTS,
    path=PATHS,
    query=PAIRS,
    headers=st.dictionaries(NAMES, VALUES, max_size=4),
    body=st.binary(max_size=300),
    now=TIMES,
)
def test_signed_headers_equal_botocores(
    keys: AwsKeys,
    method: str,
    host: str,
    path: str,
    query: dict[str, str],
    headers: dict[str, str],
    body: bytes,
    now: int,
) -> None:
    headers = {name.lower(): value for name, value in headers.items()}
    for name in ("x-amz-date", "x-amz-security-token"):
        headers.pop(name, None)
    text = canonical_query("&".join(f"{quote(a)}={quote(b)}" for a, b in query.items()))
    ours = signed_headers(
        keys,
        method=method,
        host=host,
        path=path,
        query=text,
        headers=headers,
        body=body,
        service="ssm",
        region="eu-west-1",
        now=now,
    )
    url = f"https://{host}{path}" + (f"?{text}" if text else "")
    request = AWSRequest(method, url, headers=headers, data=body)
    signed = _botocore(SigV4Auth(_credentials(keys), "ssm", "eu-west-1"), request, now)
    for name, value in ours.items():
        assert signed.headers[name] == value


@given(
    keys=KEY_PAIRS,
    host=HOSTS,
    path=PATHS,
    query=PAIRS,
    expires=st.integers(1, 604_800),
    now=TIMES,
)
def test_presigned_query_equals_botocores(
    keys: AwsKeys, host: str, path: str, query: dict[str, str], expires: int, now: int
) -> None:
    service = "ec2-instance-connect"
    ours = presigned_query(
        keys,
        host=host,
        path=path,
        query=query,
        service=service,
        region="us-west-2",
        expires=expires,
        now=now,
    )
    request = AWSRequest("GET", f"https://{host}{path}", params=query)
    signer = SigV4QueryAuth(_credentials(keys), service, "us-west-2", expires)
    assert str(_botocore(signer, request, now).url).partition("?")[2] == ours


@given(
    st.text(max_size=40)
    | st.binary(max_size=40).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
)
def test_encoding_equals_the_standard_librarys(text: str) -> None:
    if any(
        "\ud800" <= character < "\udc80" or "\udcff" < character <= "\udfff" for character in text
    ):
        return  # neither can encode other surrogates
    assert encoded(text) == quote(text, safe="-_.~", errors="surrogateescape")
    assert unquote(encoded(text), errors="surrogateescape") == text


def test_keys_show_no_secret() -> None:
    keys = AwsKeys("AKIDX", "hidden", "hidden too", 5.0)
    assert "hidden" not in f"{keys} {keys!r} {[keys]}"


def test_time_is_that_of_greenwich_in_every_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        added = signed_headers(
            KEYS,
            method="GET",
            host=HOST,
            path="/",
            query="",
            headers={},
            body=b"",
            service="service",
            region="us-east-1",
            now=NOW,
        )
    finally:
        monkeypatch.undo()
        time.tzset()
    assert added["X-Amz-Date"] == "20150830T123600Z"
