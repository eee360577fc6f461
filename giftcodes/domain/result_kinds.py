"""The results that a redemption can have, each with a few words."""

from __future__ import annotations

from enum import StrEnum

from django.utils.translation import gettext_lazy as _


class ResultKind(StrEnum):
    """What has come of a redemption."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    #: Every member who can have the code has it.
    DONE = "done"
    #: Some have it, and a person must do something for others.
    NEEDS_YOU = "needs_you"
    SERVED_NONE = "nobody"
    CODE_UNKNOWN = "code_unknown"
    EXPIRED = "expired"
    USED_UP = "used_up"
    CODE_CLOSED = "code_closed"
    #: No member, or only members with another code of the same group.
    NOTHING = "nothing"


#: The words of the results that need no number.
WORDS = {
    ResultKind.WAITING: _("waiting"),
    ResultKind.RUNNING: _("running"),
    ResultKind.STOPPING: _("stopping"),
    ResultKind.STOPPED: _("stopped"),
    ResultKind.SERVED_NONE: _("nobody got it"),
    ResultKind.CODE_UNKNOWN: _("the code does not exist"),
    ResultKind.EXPIRED: _("the code has expired"),
    ResultKind.USED_UP: _("the code is used up"),
    ResultKind.CODE_CLOSED: _("the code was closed"),
    ResultKind.NOTHING: _("nothing to do"),
}
