"""The steps of redeeming, in order. `giftcodes.tasks` calls them, and they work without Celery.

    poll            ask a game's feed, and store new codes
    fan_out         insert a redemption of a new code for each guild, with a row for each member
    start_or_refuse take the row lock and begin a run, or refuse the duplicate (start_or_refuse.sql)
    start_many      begin the runs of all startable redemptions of a code
    dispatch        claim rows, one for each permit that is available now
    redeem          for one claim: write the intent, ask the game, record the answer
    finish          unlock a run that is over
    sweep           continue what dead processes and lost messages left behind
    catch_up        find members who joined, were corrected, or left
    code_lifecycle  close, probe and reopen codes
    spellings       try another spelling of a code
    directory       ask a directory for the names and realms of members who agreed
    figures         store the counts that /metrics shows
    prune           delete old rows that prove nothing

Steps do not import each other. Code that several steps need is in `giftcodes.models`.
"""
