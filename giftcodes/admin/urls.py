"""The pages that belong to no model. The admin site serves them after a login."""

from __future__ import annotations

from giftcodes.admin.guilds import joining
from giftcodes.admin.members import import_page, personal_link, player_page
from giftcodes.admin.monitoring import dashboard
from giftcodes.admin.redemptions import coverage, plan_page, redemption_page
from giftcodes.admin_site import PAGES

PAGES += [
    ("live/", dashboard.live, "live"),
    ("live/chart/", dashboard.live_chart, "live_chart"),
    ("live/redemption/<int:redemption_id>/", redemption_page.live, "live_redemption"),
    ("matrix/", coverage.coverage, "matrix"),
    ("matrix/csv/", coverage.export, "matrix_export"),
    ("player/", player_page.page, "player"),
    ("plan/", plan_page.page, "plan"),
    ("import/", import_page.page, "member_import"),
    ("joining/<int:guild_id>/", joining.page, "joining"),
    ("personal-link/<int:member_id>/", personal_link.page, "personal_link"),
]
