"""What the journal says about an event, and who asked for it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from giftcodes.domain.sentences.text import Text

TEXTS = {
    "in_discord": Text(_("%(name)s in Discord")),
    "by_api_token": Text(_("API token “%(name)s”")),
    "run_busy": Text(_("%(code)s for %(guild)s is being changed just now. Try again.")),
    "members_joined": Text(
        ngettext_lazy(
            "%(number)s member joined the run.", "%(number)s members joined the run.", "number"
        )
    ),
    "claims_recovered": Text(
        ngettext_lazy(
            "%(number)s claim whose worker was gone.",
            "%(number)s claims whose worker was gone.",
            "number",
        )
    ),
    "code_reissued": Text(_("Reissued: issue %(issue)s.")),
    # Also the message of an alarm.
    "no_progress": Text(
        _("%(code)s for %(guild)s: no progress for %(seconds)s s although requests were allowed.")
    ),
}
