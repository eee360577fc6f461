"""What a person requests in the admin, on a player's page or with a command.

    run_actions        start, stop and resume a run
    run_requests       request many runs, which workers start
    run_refusals       why a run was not started a second time, and how far it is
    code_entry         find or add a code that was typed
    code_additions     add a code by hand: added, proposed, or another spelling
    code_proposals     propose a code, and approve or reject a proposal
    codes              reissue a code
    members            change many members at once, and move members
    imports            import a list of members, and undo an import
    import_words       what an import did, in one line
    corrections        correct states and kingdoms, with the limits for officers
    discord_officers   officers who act in Discord, by an account or by a role
    joining            join a guild by its join link
    personal_links     what a player can do by a personal link
    players            opt a player out or in, and erase a player
    channels           test a guild's channel, and switch it on or off
    links              the links of invitations and of new passwords
    connections        connect a game in the browser
    providers          pause and resume a game
    provider_check     check whether a game is set up and can be reached
    provider_requests  the requests that provider_check sends to the game
    feeds              limit how often a feed is polled by hand
    demo               fill the demo guild with the simulator's players

The step that starts a run is in giftcodes.pipeline, because the pipeline starts runs, too.
"""
