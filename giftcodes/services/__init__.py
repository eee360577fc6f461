"""What a person asks for in the admin or with a command. Each module is named after its noun.

    run_actions        start, stop and resume a run
    code_entry         find or add a code that was typed
    codes              reissue a code
    members            move members
    imports            import a list of members, and undo an import
    players            opt a player out or in, and erase a player
    providers          pause and resume a game
    provider_check     is a game set up, and can it be reached?
    provider_requests  what this check asks the game
    feeds              the pace of polls by hand
    demo               the guild of the simulated game's players

The step that starts a run is in giftcodes.pipeline, because the pipeline starts runs, too.
"""
