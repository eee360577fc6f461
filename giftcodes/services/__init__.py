"""What a person asks for, from the admin or a command; each module is named by its noun.

run_actions (stop a run), codes (reissue), members (move), imports (import, undo), players (opt out,
erase), providers (pause, resume), feeds (the pace of polls by hand), game_check (is it up?).
What starts a run is in giftcodes.pipeline, because the pipeline starts runs too.
"""
