"""What requests and answers look like. The names of the fields do not change within `v1`."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from ninja import Field, Schema
from pydantic import ConfigDict, StringConstraints

#: PostgreSQL keeps ids in 8 bytes.
MOST_ID = 2**63 - 1
Id = Annotated[int, Field(ge=1, le=MOST_ID)]
#: A text without the character NUL, which PostgreSQL cannot keep.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=200)]
Share = Literal["has", "not_eligible", "needs_you", "waiting", "cannot"]


class Strict(Schema):
    """A body in which an unknown field is an error, so that a wrong name is noticed."""

    model_config = ConfigDict(extra="forbid")


# --- Errors ---------------------------------------------------------------------------------------
class ProblemBody(Schema):
    """An error (RFC 9457)."""

    type: str = Field(description="The kind of the error, which does not change.")
    title: str = Field(description="The kind in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened, and what to do.")
    errors: list[dict[str, Any]] | None = Field(
        None, description="The values that cannot be used, each with its place and the reason."
    )
    redemption: RedemptionOut | None = Field(
        None, description="The redemption whose start, stop or resumption was refused."
    )


# --- Guilds and members ---------------------------------------------------------------------------
class GuildOut(Schema):
    """A guild."""

    id: int
    name: str
    game: str = Field(description="The name of the game.")
    realm: int = Field(description="The number of the state or kingdom.")
    active: bool
    automatic: bool = Field(description="Whether new codes are redeemed without a person.")


class ShortGuild(Schema):
    """The name of a guild."""

    id: int
    name: str


class Progress(Schema):
    """How many members are in each share."""

    has: int = Field(description="Have the code.")
    not_eligible: int = Field(description="Do not meet a condition of the code now.")
    needs_you: int = Field(description="Get the code only if a person does something.")
    waiting: int = Field(description="Wait: the game is asked for them now or later.")
    cannot: int = Field(description="Cannot have the code now.")
    total: int


class MemberOut(Schema):
    """A member of a guild."""

    id: int
    player_id: str
    nickname: str
    realm: int = Field(description="The state or kingdom: the member's own, or the guild's.")
    active: bool
    opted_out: bool = Field(description="Whether the player wants no codes.")
    is_unknown: bool = Field(description="Whether the game does not know the player in this realm.")
    codes: Progress | None = Field(None, description="The member's codes, by share.")


class NewMember(Strict):
    """A player to add, or a member to correct. A field that is left out changes nothing."""

    player_id: Text = Field(description="The player ID: digits.")
    nickname: Text = ""
    realm: int | None = Field(None, ge=1, le=999_999)
    consented_on: dt.date | None = None


class NewMembers(Strict):
    """Players to add. Known members are corrected, and those who had left become active."""

    members: Annotated[list[NewMember], Field(min_length=1, max_length=500)]


class Added(Schema):
    """What became of the players, by player ID."""

    added: list[str]
    changed: list[str]
    reactivated: list[str]
    opted_out: list[str] = Field(description="Left out, because the player wants no codes.")
    already_there: int


class MemberChange(Strict):
    """What to change. A field that is left out keeps its value."""

    nickname: Text | None = None
    realm: int | None = Field(
        None, ge=1, le=999_999, description="The member's state or kingdom. Null: the guild's."
    )
    active: bool | None = Field(None, description="False: no codes are redeemed any more.")


# --- Codes ----------------------------------------------------------------------------------------
class CodeOut(Schema):
    """A gift code."""

    id: int
    code: str
    issue: int = Field(description="The number of its issue: a code may be published again.")
    game: str
    state: Literal["active", "closed", "probing", "deleted"]
    rewards: str
    expires_at: dt.datetime | None
    first_seen_at: dt.datetime


class NewCode(Strict):
    """A code to add."""

    game: Text
    code: Text
    expires_at: dt.datetime | None = None
    rewards: Text = ""


class CodeAdded(Schema):
    """What came of a code."""

    result: Literal["added", "respelled", "known", "proposed"]
    detail: str
    code: CodeOut | None = Field(description="Null if an administrator decides about it.")


class ShortCode(Schema):
    """The name of a code."""

    id: int
    code: str
    issue: int


# --- Runs -----------------------------------------------------------------------------------------
class RedemptionOut(Schema):
    """The redemption of a code for a guild."""

    id: int
    guild: ShortGuild
    code: ShortCode
    state: Literal["pending", "running", "stopping", "complete", "stopped"]
    run_number: int
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    progress: Progress


class RunOut(RedemptionOut):
    """A redemption, with its result and its estimate."""

    result: str = Field(description="What has come of it, in words.")
    seconds_left: float | None = Field(
        None, description="An estimate, while it runs. Null if nothing can be said."
    )


class Start(Strict):
    """The run to start."""

    code_id: Id


class Stop(Strict):
    """The run to stop."""

    run_number: int | None = Field(
        None, ge=0, le=2_000_000_000, description="Stop only this run, and no later one."
    )


class Done(Schema):
    """What was done."""

    detail: str
    redemption: RunOut


class Missing(Schema):
    """A member without the code."""

    member: str = Field(description="The nickname and the player ID.")
    share: Share
    why: str = Field(description="The reason in words. Empty if there is none yet.")


# --- Coverage -------------------------------------------------------------------------------------
class CoveredCode(Schema):
    """A code, and how many members of the guild have it."""

    id: int
    code: str
    issue: int
    redemption_id: int | None
    has: int
    total: int


class CoveredMember(Schema):
    """A member, and for each code the share in which the member is."""

    id: int
    player_id: str
    nickname: str
    codes: dict[str, Share] = Field(
        description="The share by the code's id. A code without a redemption is left out."
    )


# --- Pages of a list ------------------------------------------------------------------------------
class Page(Schema):
    """A page of a list."""

    page: int
    pages: int
    total: int


class GuildPage(Page):
    """A page of guilds."""

    items: list[GuildOut]


class MemberPage(Page):
    """A page of members."""

    items: list[MemberOut]


class CodePage(Page):
    """A page of codes."""

    items: list[CodeOut]


class RedemptionPage(Page):
    """A page of redemptions."""

    items: list[RedemptionOut]


class MissingPage(Page):
    """A page of members without a code."""

    items: list[Missing]


class RunList(Schema):
    """The runs under way."""

    items: list[RunOut]


class Coverage(Page):
    """Who has which of the guild's codes."""

    codes: list[CoveredCode]
    items: list[CoveredMember]


ProblemBody.model_rebuild()
