"""The page on which an administrator sets the rules for officers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.sentences import Sentence
from giftcodes.models import CodeProposal, OfficerRules
from giftcodes.models.officer_rules import NewCodes, new_codes, set_new_codes
from giftcodes.services.changes import record_change

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

#: What the list of changes says about a choice.
_DONE = {NewCodes.ADD: "did_let_officers_add", NewCodes.PROPOSE: "did_let_officers_propose"}


class RulesForm(forms.Form):
    """The rules for officers."""

    new_codes = forms.ChoiceField(
        label=_("A code that is new to everybody"),
        choices=NewCodes.choices,
        widget=forms.RadioSelect,
    )


def page(request: HttpRequest) -> HttpResponse:
    """Show the rules, and store them."""
    if not request.user.is_superuser:
        raise PermissionDenied
    is_fixed = bool(settings.OFFICER_CODES)
    form = RulesForm(
        request.POST if request.method == "POST" else None, initial={"new_codes": new_codes()}
    )
    form.fields["new_codes"].disabled = is_fixed
    if request.method == "POST" and form.is_valid() and not is_fixed:
        choice = NewCodes(form.cleaned_data["new_codes"])
        set_new_codes(choice)
        assert isinstance(request.user, User)
        rules = OfficerRules.objects.get()
        record_change(request.user.pk, [rules], Sentence.of(_DONE[choice]))
        messages.success(request, gettext("Saved. %s") % choice.label)
        return HttpResponseRedirect(reverse("admin:officer_rules"))
    context = {
        **admin.site.each_context(request),
        "title": _("Rules for officers"),
        "form": form,
        "is_fixed": is_fixed,
        "waiting": CodeProposal.objects.waiting().count(),
    }
    return TemplateResponse(request, "admin/giftcodes/officer_rules.html", context)
