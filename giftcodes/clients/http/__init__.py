"""HTTP within limits of time and size, for the clients of all outside services.

`transport` makes one exchange, `connections` keeps it within its `budget`, `headers` reads how long
to wait, and `redactor` removes secrets from texts. `destinations` says which addresses it may
connect to where a person types the host, and `guard` applies that to libraries with connections of
their own. It needs no Django.
"""

from giftcodes.clients.http.transport import (
    ExchangeError,
    ForbiddenHostError,
    NoAnswerError,
    NotSentError,
    Response,
    Transport,
    Truncation,
)

__all__ = [
    "ExchangeError",
    "ForbiddenHostError",
    "NoAnswerError",
    "NotSentError",
    "Response",
    "Transport",
    "Truncation",
]
