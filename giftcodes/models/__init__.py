"""The models, one file for each noun. Methods act on one row, and querysets act on many.

The rules that several steps share are here, too: `start_rules` (may a run start?), `participants`
(who takes part in it), `deadline` (the order of codes), `code_answers` and `member_answers` (what
an answer means for the code, and for the member's other rows).
"""

from giftcodes.models.alarm import Alarm, AlarmNotice
from giftcodes.models.announcement import Announcement
from giftcodes.models.api import ApiAnswer, ApiToken, TokenScope
from giftcodes.models.attempt import Attempt, PrunedFigure
from giftcodes.models.channel import Channel
from giftcodes.models.clock import Clock, database_now
from giftcodes.models.code import GiftCode, Source
from giftcodes.models.code_proposal import CodeProposal
from giftcodes.models.code_sighting import CodeSighting
from giftcodes.models.code_state import CodeAnswer, CodeChange, CodeState
from giftcodes.models.connection_check import ConnectionCheck
from giftcodes.models.cursor import Cursor
from giftcodes.models.directory import Directory, DirectoryLookup
from giftcodes.models.discord import (
    BotState,
    DiscordAccount,
    DiscordBot,
    DiscordCode,
    DiscordServer,
)
from giftcodes.models.event import EventKind, RedemptionEvent, Trigger
from giftcodes.models.feed import Feed
from giftcodes.models.guild import Guild, Member
from giftcodes.models.heartbeat import Heartbeat
from giftcodes.models.imports import MemberImport
from giftcodes.models.joining import JoinLink, JoinRequest, PublicPage
from giftcodes.models.kept_figure import KeptFigure
from giftcodes.models.link import Invitation, PasswordLink
from giftcodes.models.member_redemption import CancelKind, MemberRedemption
from giftcodes.models.officer_rules import OfficerRules
from giftcodes.models.opted_out import OptOut
from giftcodes.models.outbox import DeliveryState
from giftcodes.models.player_link import PlayerLink
from giftcodes.models.rate_budget import PauseKind, RateBudget
from giftcodes.models.redemption import Redemption, RunState
from giftcodes.models.run_request import RunRequest
from giftcodes.models.self_service_event import SelfServiceEvent, SelfServiceKind
from giftcodes.models.stored_setting import StoredSetting
from giftcodes.models.throttle import Throttle

__all__ = [
    "Alarm",
    "AlarmNotice",
    "Announcement",
    "ApiAnswer",
    "ApiToken",
    "Attempt",
    "BotState",
    "CancelKind",
    "Channel",
    "Clock",
    "CodeAnswer",
    "CodeChange",
    "CodeProposal",
    "CodeSighting",
    "CodeState",
    "ConnectionCheck",
    "Cursor",
    "DeliveryState",
    "Directory",
    "DirectoryLookup",
    "DiscordAccount",
    "DiscordBot",
    "DiscordCode",
    "DiscordServer",
    "EventKind",
    "Feed",
    "GiftCode",
    "Guild",
    "Heartbeat",
    "Invitation",
    "JoinLink",
    "JoinRequest",
    "KeptFigure",
    "Member",
    "MemberImport",
    "MemberRedemption",
    "OfficerRules",
    "OptOut",
    "PasswordLink",
    "PauseKind",
    "PlayerLink",
    "PrunedFigure",
    "PublicPage",
    "RateBudget",
    "Redemption",
    "RedemptionEvent",
    "RunRequest",
    "RunState",
    "SelfServiceEvent",
    "SelfServiceKind",
    "Source",
    "StoredSetting",
    "Throttle",
    "TokenScope",
    "Trigger",
    "database_now",
]
