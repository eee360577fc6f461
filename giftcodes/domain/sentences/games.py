"""Why a game is paused. An answer of the game has its sentence in `redemptions`."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from giftcodes.domain.sentences.text import Text

TEXTS = {
    "game_paused_by": Text(_("Paused by %(user)s in the admin.")),
    # `words` is the game's answer, such as `server busy`.
    "no_clear_answers": Text(
        ngettext_lazy(
            "No clear answer for %(players)s player in a row, last: %(words)s.",
            "No clear answer for %(players)s players in a row, last: %(words)s.",
            "players",
        )
    ),
}
