"""The addresses that a stream may lead to, and that its URL stays unchanged."""

from __future__ import annotations

from itertools import product

import pytest

from connector.errors import ServiceError
from connector.transport.address import check_stream_url

PATH = "/v1/data-channel/s-1?role=publish_subscribe"


@pytest.mark.parametrize(
    "host",
    [
        "ssmmessages.us-west-2.amazonaws.com",
        "ssmmessages-fips.us-gov-west-1.amazonaws.com",
        "ssmmessages.cn-north-1.amazonaws.com.cn",
        "vpce-0a1b-2c3d.ssmmessages.eu-west-1.vpce.amazonaws.com",
        "ssmmessages.eu-west-1.api.aws",
        "127.0.0.1",
        "localhost",
        "[::1]",
    ],
)
def test_gateways_of_ssm_and_loopback_are_allowed(host: str) -> None:
    address = check_stream_url(f"wss://{host}{PATH}", endpoint_overridden=False)

    assert address.host == host.strip("[]")
    assert address.port == 443
    assert address.secure


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "ssmmessages.us-west-2.amazonaws.com.example.com",
        "ssmmessages.us-west-2.example.com",
        "evilssmmessages.us-west-2.amazonaws.com",
        "ssmmessages.us.west.amazonaws.com",
        "ssmmessages..amazonaws.com",
        "169.254.169.254",
        "10.0.0.1",
        "ssmmessages.us-west-2.amazonaws.com.",
    ],
)
def test_other_hosts_need_an_endpoint_from_the_user(host: str) -> None:
    url = f"wss://{host}{PATH}"

    with pytest.raises(ServiceError, match="not a gateway of AWS"):
        check_stream_url(url, endpoint_overridden=False)
    assert check_stream_url(url, endpoint_overridden=True).host == host


def refusal(url: str, overridden: bool) -> str:
    try:
        check_stream_url(url, endpoint_overridden=overridden)
    except ServiceError as error:
        return str(error)
    return ""


def test_unencrypted_or_malformed_url_is_always_refused() -> None:
    urls = [
        f"ws://ssmmessages.us-west-2.amazonaws.com{PATH}",
        f"https://ssmmessages.us-west-2.amazonaws.com{PATH}",
        f"ssmmessages.us-west-2.amazonaws.com{PATH}",
        "",
        "wss://",
        "wss:///v1",
        f"wss://.localhost{PATH}",  # ssl raises a ValueError for it
        f"wss://@localhost{PATH}",
        f"wss://user@ssmmessages.us-west-2.amazonaws.com{PATH}",
        f"wss://ssmmessages.us-west-2.amazonaws.com:99999{PATH}",
        f"wss://ssmmessages.us-west-2.amazonaws.com{PATH}\r\nX-Evil: 1",
        f"wss://ssmmessages.us-west-2.amazonaws.com{PATH}#fragment",
        f"wss://ssmmessages.us-west-2.amazonaws.com{PATH} ",
        f"wss://ssmmessages.us-wést-2.amazonaws.com{PATH}",
        f"wss://[::1{PATH}",
    ]
    cases = list(product(urls, (False, True)))
    said = {case: refusal(*case) for case in cases}
    assert [case for case in cases if not said[case] or "role=" in said[case]] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_plain_stream_to_loopback_needs_a_url_or_endpoint_from_the_user(host: str) -> None:
    url = f"ws://{host}:8080{PATH}"

    with pytest.raises(ServiceError, match="that is not wss"):
        check_stream_url(url, endpoint_overridden=False)
    for words in ({"endpoint_overridden": True}, {"endpoint_overridden": False, "url_given": True}):
        address = check_stream_url(url, **words)
        assert (address.host, address.port, address.secure) == (host.strip("[]"), 8080, False)


def test_plain_stream_to_another_machine_is_refused_even_if_the_user_gave_it() -> None:
    with pytest.raises(ServiceError, match="that is not wss"):
        check_stream_url(f"ws://10.0.0.1{PATH}", endpoint_overridden=True, url_given=True)


@pytest.mark.parametrize(
    "resource",
    [
        PATH,
        "/v1/data-channel/s-1?X-Amz-Signature=a%2Fb+c&X-Amz-Credential=x%2f;y&role=p",
        "/v1/a;b=c/d?z=1&a=2&empty=&z=%41",
        "/?only=query",
    ],
)
def test_request_line_has_the_url_verbatim(resource: str) -> None:
    address = check_stream_url(f"wss://localhost:1{resource}", endpoint_overridden=False)

    assert address.resource == resource


def test_url_without_a_path_requests_the_root() -> None:
    address = check_stream_url("wss://localhost?a=b", endpoint_overridden=False)

    assert address.resource == "/?a=b"


def test_repr_of_address_hides_the_query() -> None:
    address = check_stream_url(f"wss://localhost{PATH}&secret=1", endpoint_overridden=False)

    assert "secret" not in repr(address)
