"""What is known about a code, and what each answer from the game changes about it.

The model is abstract: `GiftCode` inherits its fields and methods. docs/reference/outcomes.md is the
specification.
"""

from __future__ import annotations

import datetime as dt

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from giftcodes.domain.outcomes import (
    ABOUT_THE_CODE,
    JUDGES_CODE,
    ODD_ANSWERS,
    ODD_WORDS,
    PROVING,
    Outcome,
)
from giftcodes.domain.sentences import Sentence, reason_of
from giftcodes.domain.transitions import DOUBT_SECONDS
from giftcodes.models.code_spellings import LIFE_FIELDS, REOPENED_FIELDS, CodeSpellings
from giftcodes.models.code_state import CodeAnswer, CodeChange, CodeState
from giftcodes.models.fields import SentenceField

#: A closed code that may still work is tried once more after each of these times, because codes are
#: published too early or typed wrong, and a claim limit may be lifted.
PROBE_AFTER_SECONDS = (600, 3_600, 21_600)
_PROBED = frozenset({Outcome.CODE_NOT_FOUND, Outcome.CLAIM_LIMIT})

#: If a claim limit refuses `CLAIM_LIMIT_PLAYERS` players in a row, from `CLAIM_LIMIT_GUILDS` guilds
#: or more, it is taken to be a limit of the code and not of the accounts.
CLAIM_LIMIT_PLAYERS = 10
CLAIM_LIMIT_GUILDS = 2

#: A proven code is held back only after unclear answers for this many players in a row.
ODD_PLAYERS = 3
#: How long a code is held back after the first unclear answer that counts against it. Each further
#: unclear answer triples the time, up to `LONGEST_HOLD_SECONDS`.
FIRST_HOLD_SECONDS = 5.0
LONGEST_HOLD_SECONDS = 3_600.0


class CodeLife(CodeSpellings):
    """The state of a code and the doubts about it."""

    state = models.CharField(
        pgettext_lazy("of a row", "state"),
        max_length=10,
        choices=CodeState,
        default=CodeState.ACTIVE,
        editable=False,
    )
    reason = SentenceField(_("reason"), blank=True, editable=False)
    closed_outcome = models.CharField(_("closed by"), max_length=20, blank=True, editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True, editable=False)
    proven_at = models.DateTimeField(_("proven"), null=True, editable=False)
    # One member got the answer that the code does not work. Another member, or the same one after a
    # minute, is asked before the code is closed.
    doubt_outcome = models.CharField(max_length=20, blank=True, editable=False)
    doubt_player_id = models.CharField(max_length=20, blank=True, editable=False)
    doubt_guild = models.ForeignKey(
        "giftcodes.Guild", on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    doubted_at = models.DateTimeField(null=True, editable=False)
    probes = models.PositiveSmallIntegerField(
        _("probes since it was closed"), default=0, editable=False
    )
    next_probe_at = models.DateTimeField(_("next probe"), null=True, editable=False)

    # Unclear answers in a row, with no known answer about the code between them (decision 18).
    odd_answers = models.PositiveIntegerField(
        _("unclear answers in a row"), default=0, db_default=0, editable=False
    )
    odd_answer = models.TextField(
        _("last unclear answer"), blank=True, default="", db_default="", editable=False
    )
    odd_players = models.JSONField(default=list, db_default=[], editable=False)
    odd_since = models.DateTimeField(_("unclear answers since"), null=True, editable=False)
    #: No request with this code is sent before this moment. After it, the code is tried for one
    #: member at a time.
    held_until = models.DateTimeField(_("held back until"), null=True, editable=False)

    #: When the last wait that a person cut short would have ended. Until this time, no person can
    #: cut short another wait. Otherwise the officers of one guild could use up the tries of all
    #: guilds.
    released_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True

    # `GiftCode` defines these fields.
    expires_at: dt.datetime | None
    feed_end: dt.datetime | None

    @property
    def is_held(self) -> bool:
        """Whether unclear answers hold the code back."""
        return self.held_until is not None

    # --- Answers ----------------------------------------------------------------------------------
    def apply_response(self, answer: CodeAnswer) -> CodeChange:
        """Apply what the game said about this code, and save it. The row must be locked.

        A code is closed only after two refusals: for two members, or for one member at least a
        minute apart. A code that is being probed is closed again by one refusal, so that a dead
        code needs few requests.

        Returns:
            What changed.
        """
        news = self._weigh(answer)
        now = answer.now
        if answer.outcome in PROVING:
            self._use_spelling(answer.spelling)
        if answer.outcome in JUDGES_CODE:
            self._forget_odd()
        match news:
            case CodeChange.PROVEN:
                self.proven_at = self.proven_at or now
                self._forget_doubt()
            case CodeChange.REOPENED:
                if answer.outcome in PROVING:
                    self.proven_at = self.proven_at or now
                self.reopen(now)
            case CodeChange.DOUBTED:
                self.doubt_outcome, self.doubt_player_id = answer.outcome.value, answer.player_id
                self.doubt_guild_id, self.doubted_at = answer.guild_id, now
            case CodeChange.CLOSED:
                if answer.outcome in ODD_WORDS:
                    # The probe gave no known answer: the code stays closed for its earlier reason.
                    closed_by = Outcome(self.closed_outcome) if self.closed_outcome else None
                    self.close(self.reason, outcome=closed_by, now=now)
                else:
                    self.close(_reason(answer.outcome), outcome=answer.outcome, now=now)
            case CodeChange.RESPELLED:
                self._try_next_spelling()
            case CodeChange.ODD:
                self._note_odd(answer)
            case CodeChange.NOTHING:
                return news
        self._save_with_code(REOPENED_FIELDS if news is CodeChange.REOPENED else LIFE_FIELDS)
        return news

    def _weigh(self, answer: CodeAnswer) -> CodeChange:
        outcome = answer.outcome
        if self.state == CodeState.DELETED:
            return CodeChange.NOTHING
        clear = (
            CodeChange.CLEAR if self.odd_since and outcome in JUDGES_CODE else CodeChange.NOTHING
        )
        if outcome in PROVING:
            if self.state != CodeState.ACTIVE:
                return CodeChange.REOPENED
            is_news = self.proven_at is None or self.doubted_at or answer.spelling != self.code
            return CodeChange.PROVEN if is_news else clear
        if self.state == CodeState.CLOSED:
            return CodeChange.NOTHING
        if outcome in ODD_WORDS and self.state == CodeState.PROBING:
            return CodeChange.CLOSED
        if outcome in ODD_ANSWERS:
            return CodeChange.ODD
        if outcome in ABOUT_THE_CODE:
            return self._weigh_refusal(answer) or clear
        if outcome is Outcome.CLAIM_LIMIT and self._limit_is_the_codes(answer):
            return CodeChange.CLOSED
        if self.state == CodeState.PROBING and outcome in JUDGES_CODE:
            # The game knows the code after all.
            return CodeChange.REOPENED
        return clear

    def _weigh_refusal(self, answer: CodeAnswer) -> CodeChange | None:
        """Weigh the answer that the game does not know the code, or that the code has ended."""
        is_not_found = answer.outcome is Outcome.CODE_NOT_FOUND
        if is_not_found and answer.spelling != self.code:
            return None
        closed = (
            CodeChange.RESPELLED if is_not_found and self.other_spellings else CodeChange.CLOSED
        )
        if self.state == CodeState.PROBING:
            return closed
        if self.doubted_at is None:
            return CodeChange.DOUBTED
        is_second_opinion = answer.player_id != self.doubt_player_id
        is_late_enough = (answer.now - self.doubted_at).total_seconds() >= DOUBT_SECONDS
        return closed if is_second_opinion or is_late_enough else None

    def _limit_is_the_codes(self, answer: CodeAnswer) -> bool:
        """Whether the claim limit is the code's: many players of different guilds have met it.

        For a code that was closed because of its claim limit, one probe that meets it is enough.
        """
        if self.state == CodeState.PROBING:
            return self.closed_outcome == Outcome.CLAIM_LIMIT
        players, guilds = answer.claim_limits
        return players >= CLAIM_LIMIT_PLAYERS and guilds >= CLAIM_LIMIT_GUILDS

    def _forget_doubt(self) -> None:
        self.doubt_outcome, self.doubt_player_id, self.doubt_guild_id, self.doubted_at = (
            "",
            "",
            None,
            None,
        )

    # --- Unclear answers --------------------------------------------------------------------------
    def _note_odd(self, answer: CodeAnswer) -> None:
        """Count an unclear answer. If it counts against the code, hold the code back."""
        self.odd_since = self.odd_since or answer.now
        self.odd_answer = answer.words
        if answer.player_id not in self.odd_players:
            self.odd_players = [*self.odd_players, answer.player_id][-ODD_PLAYERS:]
        if self._oddness_is_the_codes(answer):
            self.odd_answers += 1
            seconds = min(
                FIRST_HOLD_SECONDS * 3 ** min(self.odd_answers - 1, 10), LONGEST_HOLD_SECONDS
            )
            self.held_until = answer.now + dt.timedelta(seconds=seconds)

    def _oddness_is_the_codes(self, answer: CodeAnswer) -> bool:
        """Whether unclear answers count against the code, and not against the game or a member.

        An unclear message from the game counts at once if the code was never granted. Otherwise it
        counts only if `ODD_PLAYERS` players in a row have had unclear answers. An unreadable answer
        or a server error needs that many players, too, and counts only if the game has answered for
        other codes since the first unclear answer. If the code is held back already, every unclear
        answer counts.
        """
        if self.is_held:
            return True
        is_in_words = answer.outcome in ODD_WORDS
        if is_in_words and self.proven_at is None:
            return True
        others_are_answered = (
            answer.game_answered_at is not None
            and self.odd_since is not None
            and answer.game_answered_at > self.odd_since
        )
        return len(self.odd_players) >= ODD_PLAYERS and (is_in_words or others_are_answered)

    def _forget_odd(self) -> None:
        self.odd_answers, self.odd_answer, self.odd_players = 0, "", []
        self.odd_since = self.held_until = self.released_until = None

    # --- The end, and after it --------------------------------------------------------------------
    def close(self, reason: str, *, outcome: Outcome | None, now: dt.datetime) -> None:
        """Set the fields of a closed code.

        A code that may still work is closed provisionally and probed. If it has several spellings,
        each probe uses a different one.
        """
        self.state, self.reason, self.closed_at = CodeState.CLOSED, reason, now
        self.closed_outcome = outcome.value if outcome else ""
        self._forget_doubt()
        self._forget_odd()
        self.next_probe_at = None
        if outcome in _PROBED and self.probes < len(PROBE_AFTER_SECONDS):
            self.next_probe_at = now + dt.timedelta(seconds=PROBE_AFTER_SECONDS[self.probes])
            self.probes += 1
            if outcome is Outcome.CODE_NOT_FOUND and self.tried_spellings:
                first, *others = self.tried_spellings
                self.code, self.tried_spellings = first, [*others, self.code]

    def give_up_probing(self) -> None:
        """Stop probing a code for which no member can be asked. It stays closed."""
        self.state, self.next_probe_at = CodeState.CLOSED, None
        self._forget_odd()

    def reopen(self, now: dt.datetime) -> None:
        """Set the fields of a code that works again. A past end was evidently wrong: remove it."""
        if self.expires_at and self.expires_at <= now:
            self.expires_at = self.feed_end = None
        self.state, self.reason, self.closed_outcome, self.closed_at = (
            CodeState.ACTIVE,
            "",
            "",
            None,
        )
        self.probes, self.next_probe_at = 0, None
        self._forget_doubt()
        self._forget_odd()


def _reason(outcome: Outcome) -> Sentence:
    """The reason why a code is closed, in words for a person."""
    if outcome is Outcome.CLAIM_LIMIT:
        return Sentence.of("code_used_up", number=CLAIM_LIMIT_PLAYERS)
    return reason_of(outcome)
