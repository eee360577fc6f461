"""Proposals of the same code in different spellings."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from giftcodes.models import CodeProposal
from giftcodes.services import code_proposals

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> User:
    return User.objects.create_user("admin")


def _proposal(code: str, by: str) -> CodeProposal:
    officer = User.objects.create_user(by)
    return CodeProposal.objects.create(provider="simulator", code=code, proposed_by=officer)


def _states() -> list[tuple[str, str]]:
    return list(CodeProposal.objects.order_by("pk").values_list("code", "state"))


def test_an_approved_code_settles_the_proposals_in_all_spellings(admin: User) -> None:
    first = _proposal("Frost", "amber")
    _proposal("FROST", "bjorn")
    code_proposals.approve(first.pk, user_id=admin.pk)
    assert _states() == [("Frost", "approved"), ("FROST", "approved")]


def test_a_rejected_spelling_leaves_the_other_spellings_to_decide(admin: User) -> None:
    first = _proposal("Frost", "amber")
    _proposal("FROST", "bjorn")
    _proposal("Frost", "cleo")
    code_proposals.reject(first.pk, user_id=admin.pk)
    assert _states() == [("Frost", "rejected"), ("FROST", "waiting"), ("Frost", "rejected")]
