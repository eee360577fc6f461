"""A minimal client for comparison. It sends one request at a time, and uses no database."""

from __future__ import annotations

import time

import requests

from giftcodes.clients.games.century import signature


class BareClient:
    """Sends requests to the game, and waits after each refusal.

    Args:
        url: the address to which the requests are sent.
        salt: the salt with which they are signed.
    """

    def __init__(self, url: str, salt: str) -> None:
        self._url, self._salt = url, salt
        self._session = requests.Session()
        self.refused = 0

    def redeem(self, player_id: str, code: str, *, realm: int) -> str:
        """Send one request. Returns the game's message, or an empty string after a 429."""
        fields = {"cdk": code, "fid": player_id, "kid": str(realm), "time": str(int(time.time()))}
        answer = self._session.post(
            self._url, data={**fields, "sign": signature(fields, self._salt)}, timeout=30
        )
        if answer.status_code == 429:
            self.refused += 1
            return ""
        answer.raise_for_status()
        message: str = answer.json()["msg"]
        return message

    def redeem_all(
        self, player_ids: list[str], code: str, *, realm: int, wait_seconds: float = 0.0
    ) -> float:
        """Redeem a code for all players.

        Args:
            wait_seconds: how long to wait after each refusal.

        Returns:
            The seconds from the first request to the last answer.
        """
        started_at = time.monotonic()
        for player_id in player_ids:
            while not self.redeem(player_id, code, realm=realm):
                time.sleep(wait_seconds)
        return time.monotonic() - started_at
