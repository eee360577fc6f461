"""Pages of our own beside those of the models: what changes by itself, and the matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import URLPattern, path

from giftcodes.admin.members import member_import, player_page
from giftcodes.admin.monitoring import dashboard
from giftcodes.admin.redemptions import coverage, plan_page, redemption_page

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite


def urls(site: AdminSite) -> list[URLPattern]:
    """Their addresses, behind the site's login."""
    return [
        path("live/", site.admin_view(dashboard.live), name="live"),
        path("live/chart/", site.admin_view(dashboard.live_chart), name="live_chart"),
        path(
            "live/redemption/<int:redemption_id>/",
            site.admin_view(redemption_page.live),
            name="live_redemption",
        ),
        path("matrix/", site.admin_view(coverage.coverage), name="matrix"),
        path("matrix/csv/", site.admin_view(coverage.export), name="matrix_export"),
        path("player/", site.admin_view(player_page.page), name="player"),
        path("plan/", site.admin_view(plan_page.page), name="plan"),
        path("import/", site.admin_view(member_import.page), name="member_import"),
    ]
