"""The pages that belong to no model. The admin site serves them after a login."""

from __future__ import annotations

from functools import partial

from giftcodes.admin import hubs, search
from giftcodes.admin.access import api_tokens, officer_rules
from giftcodes.admin.codes import code_page
from giftcodes.admin.games import connecting, discord_bot, feed_page
from giftcodes.admin.guilds import channel_state, discord_tab, joining
from giftcodes.admin.home import dashboard
from giftcodes.admin.members import import_page, personal_link, player_codes, player_page
from giftcodes.admin.redemptions import coverage, plan_page, redemption_page
from giftcodes.admin_menu import MENU
from giftcodes.admin_site import PAGES

PAGES += [
    ("search/", search.page, "search"),
    ("live/", dashboard.live, "live"),
    ("live/codes/", dashboard.live_codes, "live_codes"),
    ("live/chart/", dashboard.live_chart, "live_chart"),
    ("live/redemption/<int:redemption_id>/", redemption_page.live, "live_redemption"),
    ("matrix/", coverage.coverage, "matrix"),
    ("matrix/csv/", coverage.export, "matrix_export"),
    ("player/", player_page.page, "player"),
    ("player/<int:member_id>/", player_codes.page, "player_codes"),
    ("live/code/<int:code_id>/", code_page.live, "live_code"),
    ("live/player/<int:member_id>/", player_codes.live, "live_player"),
    ("live/channels/<int:guild_id>/", channel_state.live, "live_channels"),
    ("plan/", plan_page.page, "plan"),
    ("connect/", connecting.overview, "connect_game"),
    ("connect/<slug:name>/", connecting.page, "connect_one_game"),
    ("live/connection/<slug:name>/", connecting.live, "live_connection"),
    ("live/feed/<int:feed_id>/", feed_page.live, "live_feed"),
    ("discord/", discord_bot.page, "discord_bot"),
    ("discord-servers/<int:guild_id>/", discord_tab.page, "discord_of_guild"),
    ("api-tokens/", api_tokens.page, "api_tokens"),
    ("api-tokens/<int:guild_id>/", api_tokens.page_of_guild, "api_of_guild"),
    ("officer-rules/", officer_rules.page, "officer_rules"),
    ("import/", import_page.page, "member_import"),
    ("joining/<int:guild_id>/", joining.page, "joining"),
    ("personal-link/<int:member_id>/", personal_link.page, "personal_link"),
    *(
        one
        for entry in MENU
        if entry.hub
        for one in (
            (f"{entry.hub}/", partial(hubs.hub, name=entry.hub), entry.hub),
            (f"live/{entry.hub}/", partial(hubs.live, name=entry.hub), f"live_{entry.hub}"),
        )
    ),
]
