"""Why a message to a channel was not sent, or is not sent again."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from giftcodes.domain.sentences.text import Text

TEXTS = {
    "sender_died": Text(
        _("The process that sent it died before the answer came. It is not sent again.")
    ),
    # `why` is the sentence about the answer of the channel's service.
    "not_sent_again": Text(_("%(why)s It is not sent again.")),
    "edit_may_have_worked": Text(
        _(
            "%(why)s An earlier edit had no answer, and may have announced the end of the run. The "
            "end is not announced again."
        )
    ),
    "given_up": Text(
        ngettext_lazy(
            "%(why)s Given up after %(tries)s try.",
            "%(why)s Given up after %(tries)s tries.",
            "tries",
        )
    ),
    "channel_off": Text(_("The channel was deleted or switched off.")),
    "server_not_linked": Text(
        _(
            "Its Discord server is no longer linked to the guild. Link the server again with "
            "/link, or delete the channel."
        )
    ),
    "address_unreadable": Text(
        _(
            "Its address cannot be decrypted, because SECRET_KEY or ENCRYPTION_KEYS have changed. "
            "Put the old key back, or enter the address again."
        )
    ),
    "no_longer_edited": Text(
        _("It is no longer edited: the end of the run is in another message, or was not announced.")
    ),
    "thread_without_message": Text(
        _(
            "No thread was opened: the message about the end of the run is not in this channel, or "
            "it is unknown whether it is."
        )
    ),
    "thread_not_needed": Text(_("No thread was opened: no member needs a person any more.")),
}
