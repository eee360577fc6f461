"""The audit: each invariant is one query that finds the rows in which it does not hold.

The audit only reads, and uses nothing of the pipeline. Its SQL has the names of states as literals:
if it used the sets of `domain.transitions`, it could not find a mistake in these sets.
"""

from giftcodes.audit.examine import Report, audit
from giftcodes.audit.invariant import Finding, Invariant
from giftcodes.audit.invariants import INVARIANTS
from giftcodes.audit.ledger import LedgerError

__all__ = ["INVARIANTS", "Finding", "Invariant", "LedgerError", "Report", "audit"]
