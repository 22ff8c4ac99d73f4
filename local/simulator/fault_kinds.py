"""How feee.io, or what is in between, may go wrong: a table of kinds, each a small function."""

import gzip as gzip_format
import selectors
import socket
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from werkzeug.wrappers import Response

from local.simulator.choices import Answer
from local.simulator.detail import Document
from local.simulator.json_text import to_json

MIB = 1 << 20
JSON = "application/json"
HTML = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"


@dataclass(frozen=True, slots=True)
class Scene:
    """What a misbehaviour plays with: the right answer, the connection, the caller's key, another host's address."""

    answer: Answer
    connection: socket.socket
    key: str
    elsewhere: str


Play = Callable[..., Response]
KINDS: dict[str, Play] = {}
ACTS_NOT = frozenset({"hang", "reset", "http_error", "html", "redirect"})


def kind(play: Play) -> Play:
    """Enter a function into the table. Its keyword parameters are the kind's options."""
    KINDS[play.__name__] = play
    return play


def respond(answer: Answer) -> Response:
    return _json(answer, answer.document())


def _json(answer: Answer, document: object) -> Response:
    return Response(to_json(document), answer.http_status, content_type=JSON)


def _with_data(answer: Answer, **changes: object) -> Response:
    document = answer.document()
    return _json(answer, document | {"data": (answer.data or {}) | changes})


def _raw(answer: Answer) -> tuple[bytes, bytes]:
    """Head and body, for what Werkzeug wouldn't send. The connection ends with them."""
    body = respond(answer).get_data()
    lines = (f"Content-Type: {JSON}", f"Content-Length: {len(body)}", "Connection: close", "", "")
    return "\r\n".join((f"HTTP/1.1 {answer.http_status} -", *lines)).encode(), body


# -- time


def wait(connection: socket.socket, seconds: float) -> None:
    """Wait, but no longer than the client does: a connection that becomes readable has been closed."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        if selector.select(seconds):
            raise ConnectionAbortedError


@kind
def delay(scene: Scene, seconds: float = 1.0) -> Response:
    wait(scene.connection, seconds)
    return respond(scene.answer)


@kind
def hang(scene: Scene, seconds: float = 60.0) -> Response:
    wait(scene.connection, seconds)
    raise ConnectionAbortedError


@kind
def drip(scene: Scene, part: str = "body", interval: float = 0.05, step: int = 1) -> Response:
    """`step` bytes in each interval, from the first header (`part="header"`) or of the body only."""
    head, body = _raw(scene.answer)
    at_once, slowly = {"body": (head, body), "header": (b"", head + body)}[part]
    scene.connection.sendall(at_once)
    for sent in range(0, len(slowly), step):
        scene.connection.sendall(slowly[sent : sent + step])
        wait(scene.connection, interval)
    raise ConnectionAbortedError


# -- the connection


@kind
def reset(scene: Scene) -> Response:
    """A TCP RST: what closing a socket that doesn't linger sends."""
    scene.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    scene.connection.close()
    raise ConnectionAbortedError


@kind
def truncated(scene: Scene) -> Response:
    head, body = _raw(scene.answer)
    scene.connection.sendall(head + body[: len(body) // 2])
    raise ConnectionAbortedError


# -- HTTP


@kind
def http_error(_: Scene, status: int = 503, retry_after: int | None = None) -> Response:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Response(f"error {status}", status, headers, content_type="text/plain")


@kind
def html(_: Scene, status: int = 200) -> Response:
    return Response(HTML, status, content_type="text/html; charset=utf-8")


@kind
def redirect(scene: Scene, status: int = 307, location: str | None = None) -> Response:
    return Response(b"", status, {"Location": location or scene.elsewhere})


@kind
def gzip(scene: Scene) -> Response:
    return _gzipped(gzip_format.compress(respond(scene.answer).get_data()))


@kind
def gzip_bomb(_: Scene, size: int = 64 * MIB) -> Response:
    """A body of spaces: `size` bytes once it is unpacked, a thousandth of that on the wire."""
    return _gzipped(b"".join(_squeezed(size)))


def _squeezed(size: int) -> Iterator[bytes]:
    squeeze = zlib.compressobj(wbits=31)
    for _ in range(size // MIB):
        yield squeeze.compress(b" " * MIB)
    yield squeeze.flush()


def _gzipped(body: bytes) -> Response:
    return Response(body, headers={"Content-Encoding": "gzip"}, content_type=JSON)


@kind
def huge(scene: Scene, size: int = 2 * MIB) -> Response:
    return _json(scene.answer, scene.answer.document() | {"padding": " " * size})


@kind
def empty(_: Scene) -> Response:
    return Response(b"", content_type=JSON)


# -- the content

WRONG_TYPES: Mapping[str, Document] = {
    "status_text": {"status": "abc"},
    "status_null": {"status": None},
    "create_time_null": {"create_time": None},
    "order_no_number": {"order_no": 2408228772142551040100},
    "pay_amount_text": {"pay_amount": "3.92"},
    "refund_amount_null": {"refund_amount": None},
}
WRONG_DATA: Mapping[str, object] = {"data_list": [], "data_text": "ok", "data_number": 1, "data_null": None}


@kind
def wrong_type(scene: Scene, variant: str = "status_text") -> Response:
    """One of WRONG_TYPES in the order, or one of WRONG_DATA instead of the order."""
    if variant in WRONG_DATA:
        return _json(scene.answer, scene.answer.document() | {"data": WRONG_DATA[variant]})
    return _with_data(scene.answer, **WRONG_TYPES[variant])


@kind
def wrong_order(scene: Scene, order_no: str = "1111111111111111111111") -> Response:
    return _with_data(scene.answer, order_no=order_no)


@kind
def no_code(scene: Scene) -> Response:
    document = scene.answer.document()
    del document["code"]
    return _json(scene.answer, document)


@kind
def text_code(scene: Scene) -> Response:
    return _json(scene.answer, scene.answer.document() | {"code": str(scene.answer.code)})


@kind
def message(scene: Scene, msg: str = "系统繁忙") -> Response:
    return _json(scene.answer, scene.answer.document() | {"msg": msg})


@kind
def error_code(scene: Scene, code: int = 99999, msg: str = "系统错误", status: int = 200) -> Response:
    """Any code, known or not, in the place of the right answer."""
    return respond(Answer(code, msg, scene.answer.request_id, http_status=status))


@kind
def echo_key(scene: Scene) -> Response:
    return _json(scene.answer, scene.answer.document() | {"msg": f"key {scene.key} is in use"})


@kind
def not_utf8(scene: Scene) -> Response:
    body = to_json(scene.answer.document() | {"msg": "订单不存在"}).encode("gb18030")
    return Response(body, content_type=JSON)


@kind
def nan(scene: Scene) -> Response:
    return _with_data(scene.answer, pay_amount=float("nan"))
