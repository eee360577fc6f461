"""The tables, and what may be done to one row or to many."""

from giftcodes.models.catalogue import Feed, GiftCode, Guild, Member, Source
from giftcodes.models.clock import Clock, database_now
from giftcodes.models.code_life import CodeAnswer, CodeChange, CodeState
from giftcodes.models.delivery import (
    Alarm,
    AlarmNotice,
    Announcement,
    Channel,
    DeliveryState,
    Heartbeat,
    OptOut,
)
from giftcodes.models.directory import Directory, DirectoryLookup
from giftcodes.models.imports import MemberImport
from giftcodes.models.journal import Attempt, EventKind, PrunedFigure, RedemptionEvent, Trigger
from giftcodes.models.rate_budget import PauseKind, RateBudget
from giftcodes.models.redemption import CancelKind, MemberRedemption, Redemption, RunState

__all__ = [
    "Alarm",
    "AlarmNotice",
    "Announcement",
    "Attempt",
    "CancelKind",
    "Channel",
    "Clock",
    "CodeAnswer",
    "CodeChange",
    "CodeState",
    "DeliveryState",
    "Directory",
    "DirectoryLookup",
    "EventKind",
    "Feed",
    "GiftCode",
    "Guild",
    "Heartbeat",
    "Member",
    "MemberImport",
    "MemberRedemption",
    "OptOut",
    "PauseKind",
    "PrunedFigure",
    "RateBudget",
    "Redemption",
    "RedemptionEvent",
    "RunState",
    "Source",
    "Trigger",
    "database_now",
]
