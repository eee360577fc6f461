"""Who has a code, and the result of a redemption: values that pages, messages and commands share.

Only a member who has the code is served. A settled member may have another code of the same group,
and a run that has ended may have served no one. Because this is easily counted wrongly, only this
module decides which numbers count as a success, and in which tone a result is shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Self

from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.lists import joined
from giftcodes.domain.outcomes import ABOUT_THE_CODE, Outcome
from giftcodes.domain.result_kinds import WORDS, ResultKind
from giftcodes.domain.transitions import OPEN, PARKED, AttemptContext, State, decide


class Share(StrEnum):
    """The shares of a redemption's members, in the order in which a bar shows them."""

    HAS = "has"
    NOT_ELIGIBLE = "not_eligible"
    NEEDS_YOU = "needs_you"
    WAITING = "waiting"
    CANNOT = "cannot"


class Ending(StrEnum):
    """How a code ended, as far as it matters to those who wait for it."""

    OPEN = "open"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    USED_UP = "used_up"
    CLOSED = "closed"


#: The share of each state. Every state has one.
SHARES: dict[State, Share] = {
    State.REDEEMED: Share.HAS,
    State.ALREADY_RECEIVED: Share.HAS,
    State.NOT_ELIGIBLE: Share.NOT_ELIGIBLE,
    State.NEEDS_CORRECTION: Share.NEEDS_YOU,
    State.FAILED: Share.NEEDS_YOU,
    **dict.fromkeys(OPEN, Share.WAITING),
    State.SAME_TYPE: Share.CANNOT,
    State.CANCELLED: Share.CANNOT,
}
#: The states of members who have the code.
HAVING = frozenset(state for state, share in SHARES.items() if share is Share.HAS)
#: The states of members for whom a person must do something.
NEEDING_YOU = frozenset(state for state, share in SHARES.items() if share is Share.NEEDS_YOU)

SHARE_LABELS = {
    Share.HAS: _("has it"),
    Share.NOT_ELIGIBLE: _("not eligible"),
    Share.NEEDS_YOU: _("needs you"),
    Share.WAITING: _("waiting"),
    Share.CANNOT: _("cannot have it"),
}


def is_missed(state: State, ending: Ending) -> bool:
    """Whether the code ended, or never existed, before a member in this state could get it."""
    return ending is not Ending.OPEN and state in PARKED


def share_of(state: State, ending: Ending) -> Share:
    """The share of a member in this state.

    If the code has ended or does not exist, it is not requested again, and no correction of a
    member helps. So no one has the share NEEDS_YOU or NOT_ELIGIBLE.
    """
    return Share.CANNOT if is_missed(state, ending) else SHARES[state]


def share_of_answer(outcome: Outcome) -> Share:
    """The share of a member about whom nothing is known but one answer of the game.

    Charts of answers use it, so that they have the colours and the words of the bars. WAITING means
    that the member is asked again.
    """
    context = AttemptContext(code_is_closed=outcome in ABOUT_THE_CODE)
    return SHARES[decide(outcome, context).state]


@dataclass(frozen=True, slots=True)
class Served:
    """The number of members in each share. Members who have left or opted out are not counted.

    Args:
        has: have the code.
        not_eligible: do not meet a condition of the code now. They are asked again every day.
        needs_you: a person must do something: correct the member, or look at unclear answers.
        waiting: are asked now or later.
        cannot: cannot have the code now: it does not exist or has ended, the run was stopped, or
            the player has another code of the same group.
    """

    has: int = 0
    not_eligible: int = 0
    needs_you: int = 0
    waiting: int = 0
    cannot: int = 0

    @classmethod
    def of(cls, tally: Mapping[State, int], *, ending: Ending) -> Self:
        """The shares.

        Args:
            tally: the number of members in each state.
            ending: how the code ended.
        """
        numbers = dict.fromkeys(Share, 0)
        for state, number in tally.items():
            numbers[share_of(state, ending)] += number
        return cls(**{share.value: number for share, number in numbers.items()})

    @classmethod
    def together(cls, several: Iterable[Served]) -> Self:
        """The sum of several redemptions."""
        found = list(several)
        return cls(
            **{each.name: sum(getattr(one, each.name) for one in found) for each in fields(cls)}
        )

    @property
    def total(self) -> int:
        """The number of members."""
        return self.has + self.not_eligible + self.needs_you + self.waiting + self.cannot

    @property
    def percent(self) -> int:
        """The percentage of members who have the code, rounded down: 100 means every member."""
        return 100 * self.has // self.total if self.total else 0

    @property
    def counts(self) -> list[tuple[Share, int]]:
        """The shares that are not empty, in the order of a bar."""
        return [(share, number) for share in Share if (number := getattr(self, share.value))]

    @property
    def words(self) -> str:
        """How many have the code, such as `41 of 50 have it`."""
        if not self.total:
            return gettext("no members")
        return ngettext(
            "%(has)d of %(total)d has it", "%(has)d of %(total)d have it", self.total
        ) % {"has": self.has, "total": self.total}

    @property
    def rest(self) -> str:
        """The other shares, such as `6 are not eligible, 3 need you`. Empty if all have it."""
        return joined(words for share, words in self.parts if share is not Share.HAS)

    @property
    def parts(self) -> list[tuple[Share, str]]:
        """The shares that are not empty, each in words such as `41 have it`."""
        return [(share, _in_words(share, number)) for share, number in self.counts]

    @property
    def all_words(self) -> str:
        """All shares, such as `41 of 50 have it, 6 are not eligible, 3 need you`."""
        return joined(part for part in (self.words, self.rest) if part)


def _in_words(share: Share, number: int) -> str:
    match share:
        case Share.HAS:
            words = ngettext("%d has it", "%d have it", number)
        case Share.NOT_ELIGIBLE:
            words = ngettext("%d is not eligible", "%d are not eligible", number)
        case Share.NEEDS_YOU:
            words = ngettext("%d needs you", "%d need you", number)
        case Share.WAITING:
            words = ngettext("%d is waiting", "%d are waiting", number)
        case Share.CANNOT:
            words = ngettext("%d cannot have it", "%d cannot have it", number)
    return words % number


class Phase(StrEnum):
    """The stage of a redemption. The values are those of `RunState`, and `stopping`."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    COMPLETE = "complete"
    STOPPED = "stopped"


class Tone(StrEnum):
    """How a result is meant. It decides the colour on pages and in messages, and the log level."""

    GOOD = "good"
    ATTENTION = "attention"
    BAD = "bad"
    NEUTRAL = "neutral"
    BUSY = "busy"


#: The sign of each tone in a terminal and on pages.
SIGNS = {
    Tone.GOOD: "✓",
    Tone.ATTENTION: "!",
    Tone.BAD: "✗",
    Tone.NEUTRAL: "–",
    Tone.BUSY: "→",
}


_ENDED = {
    Ending.UNKNOWN: ResultKind.CODE_UNKNOWN,
    Ending.EXPIRED: ResultKind.EXPIRED,
    Ending.USED_UP: ResultKind.USED_UP,
    Ending.CLOSED: ResultKind.CODE_CLOSED,
}
_IN_PHASE = {
    Phase.RUNNING: ResultKind.RUNNING,
    Phase.STOPPING: ResultKind.STOPPING,
}
_ICONS = {
    ResultKind.WAITING: "⏳",
    ResultKind.RUNNING: "🎁",
    ResultKind.STOPPING: "⏹️",
    ResultKind.STOPPED: "⏹️",
    ResultKind.EXPIRED: "⌛",
}
_TONE_ICONS = {Tone.GOOD: "✅", Tone.NEUTRAL: "☑️", Tone.ATTENTION: "⚠️", Tone.BAD: "❌"}


@dataclass(frozen=True, slots=True)
class Result:
    """What has come of a redemption, or of a code in several guilds, in words and in a tone.

    Args:
        kind: the result.
        served: the numbers of members.
        ended_on: the day on which the code ended, if a person or the feed set its end. None if the
            game said that the code has expired.
    """

    kind: ResultKind
    served: Served
    ended_on: dt.date | None = None

    @classmethod
    def of(
        cls,
        served: Served,
        *,
        phase: Phase,
        ending: Ending = Ending.OPEN,
        ended_on: dt.date | None = None,
    ) -> Self:
        """The result.

        Args:
            served: the numbers of members.
            phase: the stage of the redemption.
            ending: how the code ended.
            ended_on: as in the class.
        """
        return cls(_kind(served, phase, ending), served, ended_on)

    @property
    def tone(self) -> Tone:
        """The tone. It is `GOOD` only if every member has the code."""
        match self.kind:
            case ResultKind.WAITING | ResultKind.RUNNING | ResultKind.STOPPING:
                return Tone.BUSY
            case ResultKind.DONE:
                return Tone.GOOD if self.served.has == self.served.total else Tone.NEUTRAL
            case ResultKind.NEEDS_YOU | ResultKind.STOPPED:
                return Tone.ATTENTION
            case ResultKind.NOTHING:
                return Tone.NEUTRAL
            case ResultKind.SERVED_NONE:
                return Tone.BAD if self.served.needs_you else Tone.ATTENTION
        # The code has ended.
        return Tone.NEUTRAL if self.served.has else Tone.BAD

    @property
    def served_none(self) -> bool:
        """Whether the redemption is over and has members, but none of them has the code.

        It is false for NOTHING: then all members have another code of the same group.
        """
        is_over = self.tone is not Tone.BUSY and self.kind is not ResultKind.NOTHING
        return is_over and bool(self.served.total) and not self.served.has

    @property
    def needs_a_person(self) -> bool:
        """Whether a person can and should do something: correct a member, or check the code."""
        return bool(self.served.needs_you) or self.kind is ResultKind.CODE_UNKNOWN

    @property
    def needs_correction(self) -> bool:
        """Whether no member got the code, and members must be corrected. Then `advice` says so."""
        return self.kind is ResultKind.SERVED_NONE and bool(self.served.needs_you)

    @property
    def title(self) -> str:
        """The words with a capital, for the beginning of a line."""
        return f"{self.words[:1].upper()}{self.words[1:]}"

    @property
    def sign(self) -> str:
        """One character for a page or a terminal. It repeats the tone."""
        return SIGNS[self.tone]

    @property
    def icon(self) -> str:
        """An emoji for a message or a line of the log. It repeats the tone."""
        return _ICONS.get(self.kind) or _TONE_ICONS[self.tone]

    @property
    def words(self) -> str:
        """The result in a few words, such as `done, 3 need you`."""
        if self.kind is ResultKind.NEEDS_YOU:
            number = self.served.needs_you
            return ngettext("done, %d needs you", "done, %d need you", number) % number
        if self.kind is ResultKind.DONE:
            is_all = self.served.has == self.served.total
            return gettext("done, everyone has it") if is_all else gettext("done")
        return str(WORDS[self.kind])

    @property
    def advice(self) -> str:
        """What to do, or why nothing can be done. Empty during a run, and if all is well."""
        served = self.served
        match self.kind:
            case ResultKind.NEEDS_YOU:
                return gettext(
                    "Look at the members who need you. After a correction, every code is tried "
                    "again at once."
                )
            case ResultKind.SERVED_NONE if served.needs_you:
                return gettext(
                    "The player IDs, or the state or kingdom, are probably wrong. Correct them, "
                    "and every code is tried again at once."
                )
            case ResultKind.SERVED_NONE:
                return gettext(
                    "No member meets the conditions of this code now. It is tried again every day."
                )
            case ResultKind.DONE if served.not_eligible:
                return gettext(
                    "Members who are not eligible are tried again every day. You need not do "
                    "anything."
                )
            case ResultKind.CODE_UNKNOWN:
                return gettext(
                    "The game does not know this code. Check its spelling. If it was published "
                    "too early, it is tried again later."
                )
            case ResultKind.EXPIRED if self.ended_on:
                return gettext("It expired on %s.") % date_format(self.ended_on)
            case ResultKind.EXPIRED:
                return gettext("The game no longer gives this code to anyone.")
            case ResultKind.USED_UP:
                return gettext("The game gives this code to no more players.")
            case ResultKind.CODE_CLOSED:
                return gettext("The run continues if an administrator reopens the code.")
            case ResultKind.STOPPED:
                return gettext("To continue the run, press “Resume” on its page.")
            case ResultKind.NOTHING if not served.total:
                return gettext("The guild has no members to redeem for.")
        return ""


def _kind(served: Served, phase: Phase, ending: Ending) -> ResultKind:
    if phase in _IN_PHASE:
        return _IN_PHASE[phase]
    if served.total and served.has == served.total:
        return ResultKind.DONE
    if ending in _ENDED:
        return _ENDED[ending]
    if phase is Phase.STOPPED:
        return ResultKind.STOPPED
    if served.waiting:
        return ResultKind.WAITING
    if served.has:
        return ResultKind.NEEDS_YOU if served.needs_you else ResultKind.DONE
    return ResultKind.SERVED_NONE if served.needs_you or served.not_eligible else ResultKind.NOTHING
