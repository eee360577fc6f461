"""HTTP within a budget: what the clients of outside services share.

`transport` makes one exchange, `connections` keep it within its time and bytes, `headers` reads what an
answer says about waiting, `text` makes foreign text safe to store and show. Importing it needs no Django.
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
