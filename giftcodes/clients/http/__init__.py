"""HTTP within limits of time and size, for the clients of all outside services.

`transport` makes one exchange, `connections` keeps it within its `budget`, `headers` reads how long
to wait, and `redactor` removes secrets from texts. It needs no Django.
"""

from giftcodes.clients.http.transport import (
    ExchangeError,
    NoAnswerError,
    NotSentError,
    Response,
    Transport,
    Truncation,
)

__all__ = ["ExchangeError", "NoAnswerError", "NotSentError", "Response", "Transport", "Truncation"]
