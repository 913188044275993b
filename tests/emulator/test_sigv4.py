"""Signatures: AWS's published example ("get-vanilla" of its SigV4 test suite)."""

from __future__ import annotations

import pytest

from connector.emulator.sigv4 import read_signature

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SIGNATURE = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
    f"SignedHeaders=host;x-amz-date, Signature={SIGNATURE}"
)


class Headers(dict[str, str]):
    """Headers with case-insensitive names."""

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        return next((v for k, v in self.items() if k.lower() == name.lower()), default)

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        assert value is not None
        return value


def is_signed(method: str, target: str, headers: Headers) -> bool:
    signature = read_signature(headers)
    return signature is not None and signature.matches(SECRET, method, target, headers)


def headers(**changed: str) -> Headers:
    good = {
        "Host": "example.amazonaws.com",
        "X-Amz-Date": "20150830T123600Z",
        "Authorization": AUTHORIZATION,
    }
    return Headers({**good, **{name.replace("_", "-"): v for name, v in changed.items()}})


def test_published_example_is_valid() -> None:
    assert is_signed("GET", "/", headers())


@pytest.mark.parametrize(
    ("method", "target", "changed"),
    [
        ("PUT", "/", {}),
        ("GET", "/x", {}),
        ("GET", "/?a=b", {}),
        ("GET", "/", {"Host": "elsewhere.amazonaws.com"}),
        ("GET", "/", {"X_Amz_Date": "20150830T123601Z"}),
        ("GET", "/", {"X_Amz_Date": "20150831T123600Z"}),
        ("GET", "/", {"Authorization": AUTHORIZATION.replace("5fa0", "5fa1")}),
        ("GET", "/", {"Authorization": AUTHORIZATION.replace("/service/", "/other/")}),
        ("GET", "/", {"Authorization": AUTHORIZATION.replace("host;", "")}),
        ("GET", "/", {"Authorization": AUTHORIZATION.replace("host;", "host;missing;")}),
        ("GET", "/", {"X_Amz_Target": "AmazonSSM.StartSession"}),  # which is not signed
        ("GET", "/", {"Authorization": "Bearer token"}),
        ("GET", "/", {"Authorization": ""}),
    ],
)
def test_other_signatures_are_invalid(method: str, target: str, changed: dict[str, str]) -> None:
    assert not is_signed(method, target, headers(**changed))


# Computed with ``openssl dgst -sha256 -mac HMAC`` for the target below. The first is of the
# canonical query ``cell-number=AB%20cd%2FE%3D%3D&role=publish_subscribe``, the second of
# the raw text in sorted order.
CELL_TARGET = "/v1/data-channel/s-1?role=publish_subscribe&cell-number=AB+cd/E=="
CANONICAL = "de2f3329cf25413c7955433b31397f7b3aa74b5fa59cc06d0203c4b56d1e02b5"
RAW = "4a421332d0777a8273a455967d5a12ae23cc39ee8a14af4edf693aa60cb3f5b1"


@pytest.mark.parametrize(("signature", "good"), [(CANONICAL, True), (RAW, False)])
def test_signature_covers_the_canonical_query(signature: str, good: bool) -> None:
    signed = headers(Authorization=AUTHORIZATION.replace(SIGNATURE, signature))
    assert is_signed("GET", CELL_TARGET, signed) is good
