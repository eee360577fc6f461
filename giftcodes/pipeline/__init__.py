"""The steps of redeeming, in their order. `giftcodes.tasks` calls them; they work without Celery.

    poll            ask a game's feed, and store new codes
    fan_out         for a new code: a redemption for each guild, with a row for each member
    start           take the row lock and begin a run, or refuse the duplicate (start.sql)
    start_many      the same for all waiting redemptions of a code
    dispatch        give the permits of this moment to rows, as claims
    redeem          for one claim: write the intent, ask the game, record the answer
    finish          unlock a run that is over
    sweep           continue what dead processes and lost messages left behind
    catch_up        members who joined, were corrected, or left
    code_lifecycle  close, probe and reopen codes
    spellings       try another spelling of a code
    directory       ask a directory for names and realms of members who agreed
    prune           delete old rows that prove nothing

Steps do not import each other: what several need is in `giftcodes.models`.
"""
