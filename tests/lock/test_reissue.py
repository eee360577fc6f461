"""If two persons, or a person and the feed, reissue a code at once, there is one new issue."""

from __future__ import annotations

import pytest
from django.db import transaction

from giftcodes.models import CodeState, GiftCode, RedemptionEvent, Trigger
from giftcodes.services.codes import reissue
from tests.factories import gift_code
from tests.lock.conftest import Elsewhere

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_person_makes_no_new_issue_if_the_feed_stores_it_at_the_same_moment() -> None:
    code = gift_code("FROST2026", state=CodeState.CLOSED)
    with transaction.atomic():
        gift_code("FROST2026", issue=2)
        person = Elsewhere(lambda: reissue(code.pk, trigger=Trigger.ADMIN))
        assert person.is_waiting
    result = person.wait()
    assert (result.gift_code_id, result.message) == (
        None,
        "Code FROST2026 has already been reissued.",
    )
    assert GiftCode.objects.filter(folded="frost2026").count() == 2
    assert not RedemptionEvent.objects.exists()


def test_two_persons_make_one_issue() -> None:
    code = gift_code("FROST2026", state=CodeState.CLOSED)
    with transaction.atomic():
        GiftCode.objects.select_for_update(no_key=True).get(pk=code.pk)
        persons = [Elsewhere(lambda: reissue(code.pk, trigger=Trigger.ADMIN)) for _ in range(2)]
        assert all(person.is_waiting for person in persons)
    made = [person.wait().gift_code_id for person in persons]
    assert sorted(pk is None for pk in made) == [False, True]
    assert GiftCode.objects.filter(folded="frost2026").count() == 2
