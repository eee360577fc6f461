"""What a person asks for in the admin or with a command. Each module is named after its noun.

run_actions (stop a run), codes (reissue), code_entry (find or add a typed code), members (move),
imports (import, undo), players (opt out, erase), providers (pause, resume), provider_check (is a
game set up and reachable?), provider_requests (the two questions that it asks the game), feeds (the
pace of polls by hand), demo (the numbers of the simulated game).
The code that starts a run is in giftcodes.pipeline, because the pipeline starts runs, too.
"""
