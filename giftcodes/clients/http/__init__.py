"""HTTP within limits of time and size, for the clients of all outside services.

`transport` makes one exchange, `connections` keeps it within its budget (`exchange_budget`),
`headers` reads how long to wait, and `redactor` removes secrets from texts. `destinations` decides
which addresses may be connected to when a person has typed the host, and `guard` applies the same
rule to libraries that open their own connections. This package does not need Django.
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
