"""From a scripted fault to what happens on the wire."""

from __future__ import annotations

from simulator import answers
from simulator.endings import (
    HTML,
    Answer,
    Cut,
    Drip,
    Dropped,
    Ending,
    Huge,
    Reset,
    html_answer,
    json_answer,
)
from simulator.faults import Fault
from simulator.variation import draw


def spoiled(fault: Fault, honest: Answer, *, seed: int, n: int) -> Ending:
    """What takes the place of `honest`, the answer that request `n` would have got.

    A delay is the caller's business: it waits, and then sends the honest answer. The kind `msg` too, for what
    it says varies as the game's own messages do.
    """
    match fault.kind:
        case "drop":
            return Dropped()
        case "reset":
            return Reset()
        case "drip":
            return Drip(fault.seconds, fault.part)
        case "huge":
            return Huge(fault.bytes)
        case "cut":
            return Cut(honest)
        case "truncated":
            return Answer(honest.status, honest.body[: max(1, len(honest.body) // 2)])
        case "garbage":
            return Answer(200, bytes(int(draw(seed, n, place) * 256) for place in range(64)))
        case "html":
            return with_headers(fault, html_answer(200))
        case "status":
            return with_headers(fault, html_answer(fault.status))
        case "429":
            return with_headers(fault, too_many_attempts(seed, n))
        case "redirect":
            return Answer(fault.status, content_type=HTML, headers={"Location": fault.location})
        case "json":
            return with_headers(fault, json_answer(fault.body, fault.status))
        case "empty":
            return json_answer({"codes": []})
        case "detail":
            return json_answer({"detail": "The service is restarting."})
        case "error":
            return json_answer({"error": "Internal error."})
        case _:
            message = f"no way to spoil an answer is called {fault.kind!r}"
            raise ValueError(message)


def with_headers(fault: Fault, answer: Answer) -> Answer:
    """`answer` with the headers that were scripted."""
    answer.headers |= fault.headers or {}
    return answer


def too_many_attempts(seed: int, n: int) -> Answer:
    """HTTP 429 in one of the two shapes the game has: an empty page, or JSON. Neither has rate headers."""
    if draw(seed, n, "429") < 0.5:
        return Answer(429, content_type=HTML)
    return json_answer({"message": "Too Many Attempts."}, 429)


def forced_message(fault: Fault, *, seed: int, n: int, vary: bool) -> tuple[str, int | str]:
    """The message and err_code of a fault of kind `msg`. An err_code that was scripted is said as it is."""
    msg, err_code = answers.said(seed, n, fault.msg, vary=vary)
    return (fault.msg, fault.err_code) if fault.err_code is not None else (msg, err_code)
