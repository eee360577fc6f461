"""For any bytes from the server, the caller gets an Answer that can be stored."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giftcodes.clients.games import Answer, CenturyClient
from giftcodes.domain.outcomes import PROVING, Outcome
from tests.clients.conftest import SALT, client_of, redeem
from tests.clients.http.raw_server import RawServer, Talk, http


class Parrot:
    """A server that sends the bytes it was last given, and closes the connection."""

    def __init__(self) -> None:
        self.bytes = b""
        self.server = RawServer(self._script)
        self.client: CenturyClient = client_of(self.server.url)

    def _script(self, talk: Talk) -> None:
        talk.hear()
        talk.say(self.bytes)

    def redeem(self, data: bytes) -> Answer:
        self.bytes = data
        return redeem(self.client)


@pytest.fixture(scope="module")
def parrot() -> Iterator[Parrot]:
    one = Parrot()
    yield one
    one.server.stop()


def check(answer: Answer) -> None:
    assert isinstance(answer.outcome, Outcome)
    assert len(answer.msg) <= 200
    assert len(answer.err_code) <= 20
    assert len(answer.body) <= 2000
    for text in (answer.msg, answer.err_code, answer.body, answer.detail):
        assert "\0" not in text
        assert SALT not in text
        text.encode()


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([SALT, "\0", "\ud800"])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
GAME_LIKE = st.fixed_dictionaries(
    {}, optional={"code": JSON, "msg": JSON, "err_code": JSON, "data": JSON}
)
HEADER = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=40)
NAMES = st.sampled_from(
    [
        "Retry-After",
        "X-RateLimit-Limit",
        "X-RateLimit-Remaining",
        "X-RateLimit-Reset",
        "Date",
        "Content-Encoding",
        "Content-Type",
        "Set-Cookie",
        "Location",
        "Connection",
        "Content-Length",
        "Transfer-Encoding",
    ]
)
QUICK = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.mark.slow
@QUICK
@given(answer=JSON | GAME_LIKE, status=st.integers(100, 999))
def test_any_json_gives_an_answer(parrot: Parrot, answer: object, status: int) -> None:
    got = parrot.redeem(
        http(json.dumps(answer).encode(), status=f"{status} X", headers="Connection: close\r\n")
    )
    check(got)
    if got.outcome in PROVING:
        assert isinstance(answer, dict)
        assert 200 <= status < 300


@pytest.mark.slow
@QUICK
@given(
    body=st.binary(max_size=300), headers=st.lists(st.tuples(NAMES | HEADER, HEADER), max_size=5)
)
def test_any_body_with_any_headers_gives_an_answer(
    parrot: Parrot, body: bytes, headers: list[tuple[str, str]]
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    got = parrot.redeem(f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode("latin-1") + body)
    check(got)
    assert got.outcome not in PROVING


@QUICK
@given(data=st.binary(max_size=200))
def test_any_bytes_give_an_answer(parrot: Parrot, data: bytes) -> None:
    got = parrot.redeem(data)
    check(got)
    assert got.outcome not in PROVING | {Outcome.UNREACHABLE}
