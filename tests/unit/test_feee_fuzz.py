"""Whatever is done to an answer of feee.io, it is read without an error, and what is kept of it can be written."""

import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from feee_cancel.adapters.feee_answer import interpret
from feee_cancel.adapters.representation import represent, to_json
from feee_cancel.domain.answer import AnswerKind
from feee_cancel.domain.cancellation import facts
from tests.builders import DOCUMENTED, ORDER_NO, order_data, row

KEY = "8a63d52f-1dcd-4c5e-9e3d-1f0b8f3ea2d4"
BODY = json.dumps({"code": 0, "msg": "ok 余额", "data": order_data(), "request_id": "r"}, default=float).encode()

TOKENS = [
    *(b"null", b"true", b"false", b"0", b"-0", b"12.0", b"1e400", b"1E+1", b"1e99999999999999999999", b"9" * 5_000),
    *(b"NaN", b"-Infinity", b'""', b'"0"', b'"12"', b'"x"', b'"\\ud800"', b'"\\u0000"', b'"1,5"', b"[]", b"{}"),
    *(b"[" * 40 + b"]" * 40, b"[" * 2_000, b'{"a":' * 1_500, b"\xff", b"\xef\xbb\xbf", b"\x1f\x8b", b"x", b"\\"),
    *(b'"status": 4,', b'"code": 1,', b'"data": [],', f'"{KEY}"'.encode(), f'"order_no": {ORDER_NO},'.encode()),
    *(b",", b":", b'"', b"{", b"}", b"[", b"]", b" ", b"\x00", b"\xb2\xbb"),
]
NAMES = ["code", "msg", "data", "request_id", *DOCUMENTED]
Mutation = Callable[[bytes], bytes]


def _inserted(where: float, token: bytes) -> Mutation:
    return lambda body: body[: int(where * len(body))] + token + body[int(where * len(body)) :]


def _cut(where: float, length: int) -> Mutation:
    return lambda body: body[: int(where * len(body))] + body[int(where * len(body)) + length :]


def _doubled(where: float, length: int) -> Mutation:
    return lambda body: _inserted(where, body[int(where * len(body)) :][:length])(body)


def _renamed(name: str, other: str) -> Mutation:
    return lambda body: body.replace(f'"{name}":'.encode(), f'"{other}":'.encode(), 1)


def _replaced(name: str, token: bytes) -> Mutation:
    """The member's value is the token, and its old value hangs on to another member."""
    return lambda body: body.replace(f'"{name}":'.encode(), f'"{name}": '.encode() + token + b', "x":', 1)


share = st.floats(0, 1)
tokens = (
    st.sampled_from(TOKENS) | st.binary(max_size=6) | st.text(max_size=6).map(lambda text: json.dumps(text).encode())
)
names = st.sampled_from(NAMES)
mutations = st.one_of(
    st.builds(_replaced, names, tokens),
    st.builds(_replaced, names, tokens),
    st.builds(_inserted, share, tokens),
    st.builds(_cut, share, st.integers(1, 60)),
    st.builds(_doubled, share, st.integers(1, 200)),
    st.builds(_renamed, names, names),
)


@given(
    st.lists(mutations, max_size=4),
    st.sampled_from([200, 200, 200, 403, 429, 500]),
    st.sampled_from(["", "charset=gbk"]),
)
def test_a_mutated_answer_is_an_answer(done: list[Mutation], status: int, content_type: str) -> None:
    body = BODY
    for mutate in done:
        body = mutate(body)
    answer = interpret(status, body, ORDER_NO, KEY, content_type=content_type, seconds=0.0)
    kept = row(**facts(answer, answer.order))
    for text in (answer.msg, answer.request_id, answer.detail, kept.order):
        assert text is None or text.encode() is not None, "DynamoDB takes it"
    shown = to_json(represent(kept)).encode()
    assert KEY not in repr(kept) + shown.decode()
    assert (answer.kind is AnswerKind.ORDER) == (answer.order is not None)
    if answer.order:
        assert answer.order.order_no == ORDER_NO
        for amount in (answer.order.pay_amount, answer.order.refund_amount):
            assert len(str(amount).replace(".", "").strip("-0")) <= 38
            assert "E" not in str(amount)
