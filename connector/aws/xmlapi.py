"""The protocol of EC2's API without botocore: a form in, XML out.

The rules are those of botocore's ``EC2Serializer`` and ``EC2QueryParser``; tests compare both.
Importing botocore takes longer than a whole look-up of an instance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.parsers.expat import ExpatError, ParserCreate

from ..errors import ServiceError
from ..fast.typed import TYPE_CHECKING, Any
from .api import CallFailed, Refused
from .sigv4 import encoded

if TYPE_CHECKING:
    from .http import Response

#: The version of the API in botocore's model ``ec2/2016-11-15``.
_VERSION = "2016-11-15"

#: The header of a request, as botocore writes it.
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}

#: The deepest nesting of an answer. Those that we read have eight levels.
_DEEPEST = 40


def form_of(action: str, members: Mapping[str, Any], version: str = _VERSION) -> bytes:
    """Return the body of a request.

    :param members: texts, numbers, lists and objects by botocore's names, which end with an s for
        lists.
    :param version: of the API. STS, whose inputs are texts alone, takes the same form as EC2.
    """
    pairs = [("Action", action), ("Version", version), *_flat("", members)]
    return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in pairs).encode()


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            wire = name.removesuffix("s") if isinstance(member, (list, tuple)) else name
            yield from _flat(f"{prefix}.{wire}" if prefix else wire, member)
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value, 1):
            yield from _flat(f"{prefix}.{number}", item)
    else:
        yield prefix, str(value)


def parse_xml(response: Response, host: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the members of a successful response.

    :param host: the host that answered, for the error.
    :param names: see ``SignedOperation.xml_names``.
    :raises Refused: when the status is an error.
    :raises CallFailed: when the body is not the XML of an object.
    """
    status, reason, _, body = response
    try:
        document = _Reader(names).read(body)
    except (ExpatError, ValueError):
        document = None
    if status >= 300:
        error: Any = document if isinstance(document, dict) else {}
        error = error.get("Errors", error)  # STS answers without that level
        error = error.get("Error") if isinstance(error, dict) else None
        code, message = str(status), reason  # from a proxy or load balancer on the way
        if isinstance(error, dict):
            code, message = (str(error.get(name, "")) for name in ("Code", "Message"))
        raise Refused(status, code or str(status), message)
    if not isinstance(document, dict):
        raise CallFailed(ServiceError(f"The response from {host} is malformed"))
    return document


class _Reader:
    """Reads XML: elements named ``item`` make lists, others make objects, and none make text.

    Empty elements are left out, since they do not tell whether they are lists.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._open: list[tuple[list[tuple[str, Any]], list[str]]] = [([], [])]
        self._parser = parser = ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def read(self, body: bytes) -> Any:
        """Return the value of the root element.

        :raises ExpatError: when the body is not XML.
        :raises ValueError: when it is XML that no service sends.
        """
        self._parser.Parse(body, True)
        ((_, value),) = self._open[0][0]
        return value

    def _refuse(self, *_: object) -> None:
        raise ValueError("a document type, which could define entities")

    def _start(self, tag: str, attributes: object) -> None:
        if len(self._open) > _DEEPEST:
            raise ValueError("nested too deeply")
        self._open.append(([], []))

    def _text(self, text: str) -> None:
        self._open[-1][1].append(text)

    def _end(self, tag: str) -> None:
        children, texts = self._open.pop()
        value: Any = "".join(texts)
        if children:
            is_list = {name for name, _ in children} == {"item"}
            value = (
                [each for _, each in children]
                if is_list
                else {self._name(name): each for name, each in children}
            )
        if value:
            self._open[-1][0].append((tag, value))

    def _name(self, tag: str) -> str:
        return self._names.get(tag) or tag[:1].upper() + tag[1:]
