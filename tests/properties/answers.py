"""Correct and broken answers of the game, each generated from a number, so that it can be repeated.

A `Case` says what its answer may mean by the protocol, whatever our client makes of it.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from giftcodes.domain.outcomes import PROVING, Outcome

#: The table of docs/reference/protocol.md, repeated here so that it cannot share a mistake with the
#: client.
WORDS = {
    "SUCCESS": (20000, Outcome.SUCCESS),
    "RECEIVED": (40008, Outcome.RECEIVED),
    "SAME TYPE EXCHANGE": (40011, Outcome.SAME_TYPE),
    "CDK NOT FOUND": (40014, Outcome.CODE_NOT_FOUND),
    "TIME ERROR": (40007, Outcome.CODE_EXPIRED),
    "USED": (40005, Outcome.CLAIM_LIMIT),
    "USER INFO ERROR": (40020, Outcome.WRONG_REALM),
    "role not exist": (40001, Outcome.NO_SUCH_PLAYER),
    "STOVE_LV ERROR": (40006, Outcome.LEVEL_TOO_LOW),
    "RECHARGE_MONEY ERROR": (40017, Outcome.SPEND_TOO_LOW),
    "RECHARGE_MONEY_VIP ERROR": (40018, Outcome.VIP_TOO_LOW),
    "TIMEOUT RETRY": (40004, Outcome.TIMEOUT_RETRY),
    "TOO FREQUENT": (40019, Outcome.TOO_FREQUENT),
    "NOT LOGIN": (40009, Outcome.NOT_LOGIN),
    "Sign Error": (0, Outcome.SIGN_ERROR),
    "params error": ("", Outcome.PARAMS_ERROR),
}
#: Error codes whose messages are not known.
UNWORDED = {
    40010: Outcome.LEVEL_OR_SPEND_TOO_LOW,
    40012: Outcome.ACCOUNT_TOO_YOUNG,
    40015: Outcome.CODE_ERROR,
    40016: Outcome.SERVER_BUSY,
    40100: Outcome.CAPTCHA,
    40101: Outcome.CAPTCHA,
    40102: Outcome.CAPTCHA,
    40103: Outcome.CAPTCHA,
}
NUMBERS = {number: outcome for number, outcome in WORDS.values() if number} | UNWORDED
NOTHING: frozenset[Outcome] = frozenset()


@dataclass(frozen=True)
class Case:
    """The bytes that the server sends, and what they may mean.

    Args:
        kind: how the answer was made.
        data: the whole answer.
        exactly: its outcome, if the protocol is unambiguous.
        may_prove: the settling outcomes that the client may return.
        keeps: whether the server keeps the connection open for the next request.
    """

    kind: str
    data: bytes
    exactly: Outcome | None = None
    may_prove: frozenset[Outcome] = NOTHING
    keeps: bool = False


def make(seed: int, number: int, secrets: tuple[str, ...]) -> Case:
    """Generate the answer with this number."""
    random = Random(f"{seed}:{number}")
    maker = random.choice(_MAKERS)
    return maker(random, secrets)


# --- Whole answers --------------------------------------------------------------------------------
def _http(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode("latin-1")
        + body
    )


def correct(random: Random, _secrets: tuple[str, ...]) -> Case:
    """A correct answer in another form: case, full stop, blanks, number as text, more fields."""
    word, (number, outcome) = random.choice(list(WORDS.items()))
    msg: str | None = _respelt(random, word)
    if random.random() < 0.3:
        # With an unknown message, a known number decides.
        number, outcome = random.choice(list(NUMBERS.items()))
        msg = random.choice(["NEW WORDS.", "奖励已领取", "", " . ", "40014", None])
    body: dict[str, Any] = {
        "code": 0 if outcome is Outcome.SUCCESS else 1,
        "data": random.choice([[], {}, None, ["x"]]),
        "msg": msg,
        "err_code": random.choice([number, str(number), float(number) if number else number]),
    }
    if random.random() < 0.3:
        body["more"] = _value(random, 2)
    if random.random() < 0.2:
        del body["data"]
    fields = list(body.items())
    random.shuffle(fields)
    text = json.dumps(
        dict(fields), indent=random.choice([None, 2]), ensure_ascii=random.random() < 0.5
    )
    headers = "".join(_rate_header(random) for _ in range(random.randrange(3)))
    data = _http(_encode(text), headers=headers)
    return Case(
        "correct", data, exactly=outcome, may_prove=frozenset({outcome}) & PROVING, keeps=True
    )


def wrong_types(random: Random, secrets: tuple[str, ...]) -> Case:
    """The fields of the game with values of any type, some of them correct."""
    word, (number, outcome) = random.choice(list(WORDS.items()))
    body: dict[str, Any] = {
        "code": 0 if outcome is Outcome.SUCCESS else 1,
        "msg": word,
        "err_code": number,
    }
    for name in random.sample(["code", "msg", "err_code"], random.randint(1, 3)):
        if random.random() < 0.2:
            del body[name]
        else:
            body[name] = _value(random, 2, secrets)
    text = json.dumps(body)
    status = random.choice(
        ["200 OK"] * 6 + ["201 X", "302 X", "400 X", "403 X", "404 X", "500 X", "503 X", "429 X"]
    )
    may_prove = _may_prove(body) if status[0] == "2" else NOTHING
    return Case("wrong types", _http(_encode(text), status=status), may_prove=may_prove, keeps=True)


def contradictions(random: Random, secrets: tuple[str, ...]) -> Case:
    """Repeated keys, almost correct messages, and messages with the number of another message."""
    word, (number, _) = random.choice(list(WORDS.items()))
    other, (other_number, _) = random.choice(list(WORDS.items()))
    nearly = random.choice(
        [
            word + "!",
            "NOT " + word,
            word[:-1],
            f"{word} {other}",
            f"{word}\0",
            word.replace("E", "Е"),
        ]
    )
    msg = random.choice([word, nearly, "", " . ", "…", secrets[0]])
    err_code = random.choice([number, other_number, -1, 20000, 20000.5, "2e4", "20000 "])
    pairs = [
        ("code", random.choice([0, 1, "0", "", None, False])),
        ("msg", msg),
        ("err_code", err_code),
    ]
    pairs += random.choices(
        [("msg", other), ("err_code", other_number), ("code", 1)], k=random.randrange(3)
    )
    body = dict(pairs)
    text = "{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}"
    return Case("contradictions", _http(_encode(text)), may_prove=_may_prove(body), keeps=True)


def not_the_game(random: Random, secrets: tuple[str, ...]) -> Case:
    """JSON of another shape, NaN, huge numbers, deep nesting, broken encodings, pages, and NULs."""
    body = random.choice(
        [
            lambda: json.dumps(_value(random, 3, secrets)).encode(errors="replace"),
            lambda: random.choice(
                [b"NaN", b"[Infinity]", b'{"msg":NaN,"err_code":Infinity,"code":-Infinity}']
            ),
            lambda: (
                b'{"msg":"x","err_code":'
                + b"9" * random.choice([30, 400, 4000, 5000, 30000])
                + b"}"
            ),
            lambda: b'{"msg":"x","err_code":1e' + b"9" * random.randint(1, 20) + b"}",
            lambda: (
                b"[" * random.choice([100, 1000, 30000])
                + b"]" * random.choice([0, 100, 1000, 30000])
            ),
            lambda: b'{"msg":' * random.choice([10, 900, 5000]),
            lambda: random.randbytes(random.randrange(300)),
            lambda: (
                b'{"code":0,"msg":"' + random.randbytes(20).replace(b'"', b"") + b'","err_code":1}'
            ),
            lambda: json.dumps(
                {"code": 1, "msg": _text(random, secrets) * 500, "err_code": _text(random)}
            ).encode(),
            lambda: f"<html>{_text(random, secrets)}\0{secrets[0]}{secrets[-1]}</html>".encode(
                errors="replace"
            ),
            lambda: b"\0" * random.randrange(5000),
            lambda: random.choice(
                [b"", b" ", b"\xef\xbb\xbf", b"null", b'""', b"{", b"[]", b"{}", b"\xff\xfe{\0}\0"]
            ),
            lambda: b"x" * random.choice([65_535, 65_536, 65_537, 100_000]),
        ]
    )()
    status = random.choice(
        ["200 OK"] * 5 + ["204 X", "301 X", "400 X", "418 X", "502 X", "599 X", "999 X", "429 X"]
    )
    return Case("not the game", _http(body, status=status))


# --- Broken HTTP ----------------------------------------------------------------------------------
def broken_status(random: Random, _secrets: tuple[str, ...]) -> Case:
    """Broken status lines, before a body that says SUCCESS."""
    line = random.choice(
        [
            b"HTTP/1.1 42 X", b"HTTP/1.1 1000 X", b"HTTP/1.1 -200 OK", b"HTTP/1.1 2OO OK",
            b"HTTP/9.9 500 OK", b"HTTP/1.1", b"SSH-2.0-OpenSSH", b"", b"\0\0\0\0",
            b"HTTP/1.1 99999999999999999999 OK", b"GET / HTTP/1.1",
            b"HTTP/1.1 " + random.randbytes(8).replace(b"\n", b"").replace(b"2", b""),
            random.randbytes(30), b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 X",
            b"HTTP/1.1 500 " + b"x" * 70_000,
        ]
    )  # fmt: skip
    return Case("broken status", line + b"\r\nContent-Length: 51\r\n\r\n" + _SUCCESS)


def broken_headers(random: Random, secrets: tuple[str, ...]) -> Case:
    """Broken headers, and rate headers, before a correct body. The client may believe the body."""
    lines = [
        random.choice([_rate_header, _odd_header])(random) for _ in range(random.randrange(1, 8))
    ]
    if random.random() < 0.1:
        lines = [_rate_header(random)] * random.choice([90, 110, 500])
    if random.random() < 0.2:
        lines.append(f"X-Echo: {secrets[0]}\r\n")
    data = _http(_SUCCESS, headers="".join(lines))
    return Case("broken headers", data, may_prove=frozenset({Outcome.SUCCESS}))


def broken_length(random: Random, _secrets: tuple[str, ...]) -> Case:
    """Lengths that are wrong, missing, repeated or not numbers. A truncated body proves nothing."""
    too_long = random.choice(["52", "60", "1000", "99999999999", "1" + "0" * 400])
    if random.random() < 0.5:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {too_long}\r\n\r\n"
        return Case("cut short", head.encode() + _SUCCESS)
    length = random.choice(
        ["-1", "0", "1", "20", "abc", "", "0x33", "51, 51", "51\r\nContent-Length: 12", "٥١", "5 1"]
    )
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"
    return Case("broken length", head.encode() + _SUCCESS, may_prove=frozenset({Outcome.SUCCESS}))


def broken_chunks(random: Random, _secrets: tuple[str, ...]) -> Case:
    """Broken chunks. A body without its last chunk is incomplete."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    size = random.choice(
        [b"33", b"33;x=y", b"0033", b"34", b"32", b"-1", b"zz", b"", b"fffffffff", b"3 3", b"33\r"]
    )
    end = random.choice(
        [b"\r\n0\r\n\r\n", b"\r\n", b"", b"\r\n0\r\n" + random.randbytes(9), b"\r\n-5\r\n\r\n"]
    )
    is_whole = size in (b"33", b"33;x=y", b"0033", b"33\r") and end.startswith(b"\r\n0")
    may_prove = frozenset({Outcome.SUCCESS}) if is_whole else NOTHING
    return Case("broken chunks", head + size + b"\r\n" + _SUCCESS + end, may_prove=may_prove)


def compressed(random: Random, _secrets: tuple[str, ...]) -> Case:
    """Encodings that were not requested: correct, broken, several, unknown, and bombs."""
    sound = random.random() < 0.3
    if sound:
        body, coding = random.choice(
            [(gzip.compress(_SUCCESS), "gzip"), (zlib.compress(_SUCCESS), "deflate")]
        )
    else:
        coding = random.choice(
            ["gzip", "deflate", "gzip, gzip", "br", "zstd", "x-none", "gzip, deflate", "gzip" * 50]
        )
        body = random.choice(
            [_BOMB, _BOMB_IN_A_BOMB, random.randbytes(60), gzip.compress(_SUCCESS)[:-20], b""]
        )
    data = _http(body, headers=f"Content-Encoding: {coding}\r\n")
    return Case("compressed", data, may_prove=frozenset({Outcome.SUCCESS}) if sound else NOTHING)


def mutated(random: Random, _secrets: tuple[str, ...]) -> Case:
    """A correct answer with bytes changed, removed or inserted. It never says SUCCESS."""
    good = bytearray(
        _http(_RECEIVED, headers="X-RateLimit-Limit: 30\r\nX-RateLimit-Remaining: 29\r\n")
    )
    for _ in range(random.randint(1, 6)):
        place = random.randrange(len(good))
        match random.randrange(3):
            case 0:
                good[place] = random.randrange(256)
            case 1:
                del good[place : place + random.randint(1, 20)]
            case _:
                good[place:place] = random.randbytes(random.randint(1, 5))
    return Case("mutated", bytes(good), may_prove=frozenset({Outcome.RECEIVED}))


#: 51 bytes. As the size of a chunk this is written in hexadecimal: 33.
_SUCCESS = b'{"code":0,"data":"","msg":"SUCCESS","err_code":2e4}'
_RECEIVED = b'{"code":1,"data":[],"msg":"RECEIVED.","err_code":40008}'
_BOMB = gzip.compress(b" " * 20_000_000, 9)
_BOMB_IN_A_BOMB = gzip.compress(_BOMB, 9)
_MAKERS: list[Callable[[Random, tuple[str, ...]], Case]] = [
    correct, correct, correct, wrong_types, wrong_types, contradictions, contradictions,
    not_the_game, not_the_game, broken_status, broken_headers, broken_length, broken_chunks,
    compressed, mutated, mutated,
]  # fmt: skip


# --- Pieces ---------------------------------------------------------------------------------------
def _may_prove(body: dict[str, Any]) -> frozenset[Outcome]:
    """What a body may prove by its message or its number. If the two differ, it proves nothing."""
    msg, err_code = body.get("msg"), body.get("err_code")
    words = " ".join(msg.split()).rstrip(". ").upper() if isinstance(msg, str) else ""
    by_words, by_number = WORDS.get(words, (0, None))[1], _by_number(err_code)
    if by_words and by_number and by_words is not by_number:
        return NOTHING
    outcome = by_words or by_number
    if not isinstance(msg, str | None) or outcome not in PROVING:
        return NOTHING
    if outcome is Outcome.SUCCESS and str(body.get("code")).strip() not in ("0", "0.0"):
        return NOTHING
    return frozenset({outcome})


def _by_number(err_code: object) -> Outcome | None:
    text = str(err_code).strip()
    return (
        NUMBERS.get(int(float(text)))
        if text.replace(".", "", 1).isdigit() and float(text) % 1 == 0
        else None
    )


def _respelt(random: Random, word: str) -> str:
    word = random.choice([word, word.lower(), word.upper(), word.title()])
    if random.random() < 0.3:
        word = "".join(random.choice([letter.lower(), letter.upper()]) for letter in word)
    if random.random() < 0.3:
        word = word.replace(" ", random.choice(["  ", "\t", "\n", "\u00a0"]))
    return (
        random.choice(["", " ", "\n"]) + word + random.choice(["", ".", "..", " .", ". ", " \r\n"])
    )


def _text(random: Random, secrets: tuple[str, ...] = ()) -> str:
    pool = [
        "\0",
        "\ud800",
        "\n",
        "é",
        "💥",
        "SUCCESS",
        "20000",
        "a" * 300,
        "\u202e",
        "<b>",
        "\\",
        '"',
        *secrets,
    ]
    return "".join(random.choices(pool, k=random.randrange(6)))


def _value(random: Random, depth: int, secrets: tuple[str, ...] = ()) -> Any:
    """A random JSON value."""
    if depth and random.random() < 0.3:
        inner = [_value(random, depth - 1, secrets) for _ in range(random.randrange(4))]
        return inner if random.random() < 0.5 else {_text(random): value for value in inner}
    return random.choice(
        [None, True, False, 0, 1, -1, 20000, "20000", 40008, 2**63, -(10**30), 0.0, 1e308,
         float("nan"), float("inf"), "", "SUCCESS", "success.", "RECEIVED", "0",
         _text(random, secrets), _text(random, secrets)]
    )  # fmt: skip


def _rate_header(random: Random) -> str:
    name = random.choice(
        ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After"]
    )
    value = random.choice(
        ["30", "0", "-1", "999999999", "9999999999", "9" * 400, "3.5", "abc", "", " 7 ", "1e5",
         "NaN", "Infinity", "٣", "30, 30", "1764000000", "1764000000000",
         "Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 99 Xyz 0000 99:99:99", "\x00"]
    )  # fmt: skip
    return _latin(f"{name}: {value}\r\n")


def _odd_header(random: Random) -> str:
    return random.choice(
        ["no colon at all\r\n", ": no name\r\n", " folded: yes\r\n", "X: a\r\n  b\r\n",
         "X-\x01: \x02\r\n", "Ü: ä\r\n", f"X: {'y' * 5000}\r\n",
         "Set-Cookie: a=b; Domain=.evil\r\n", "Location: http://127.0.0.1:1/\r\n",
         "Date: yesterday\r\n", "Connection: close\r\n",
         "Content-Type: text/html; charset=nonsense\r\n", "Connection: upgrade\r\nUpgrade: h2c\r\n",
         "Trailer: X\r\n", "Content-Encoding: identity\r\n"]
    )  # fmt: skip


def _latin(text: str) -> str:
    return text.encode("utf-8").decode("latin-1")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
