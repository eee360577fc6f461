"""Admin pages of other packages in our layout: users, groups and logins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from axes.admin import AccessAttemptAdmin, AccessLogAdmin
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from giftcodes.admin.access.users import PersonAdmin, RoleGroupAdmin
from giftcodes.admin.common.scoped import Scoped

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


class FramedAttemptAdmin(Scoped, AccessAttemptAdmin, ModelAdmin):
    @admin.action(description=_("Remove expired attempts"), permissions=["delete"])
    def cleanup_expired_attempts(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Remove the attempts that no longer count.

        The package reads request attributes that it adds only at a login, so they are added here.
        """
        AxesProxyHandler.update_request(request)
        super().cleanup_expired_attempts(request, queryset)


class FramedLoginAdmin(Scoped, AccessLogAdmin, ModelAdmin):
    """The log of logins is read-only."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


PAGES: dict[type[Model], type[Any]] = {
    User: PersonAdmin,
    Group: RoleGroupAdmin,
    AccessAttempt: FramedAttemptAdmin,
    AccessLog: FramedLoginAdmin,
}
# The log of failures is off, because an attacker could fill it. The table of attempts counts the
# failures.
admin.site.unregister(AccessFailureLog)
for _model, _page in PAGES.items():
    admin.site.unregister(_model)
    admin.site.register(_model, _page)
