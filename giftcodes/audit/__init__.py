"""The audit: each invariant is one query that finds the rows in which it does not hold.

It only reads, and knows nothing of the pipeline. Its SQL has the names of states as literals, on
purpose: a mistake in the sets of `domain.transitions` must not hide in the audit as well.
"""

from giftcodes.audit.examine import Report, audit
from giftcodes.audit.invariant import Finding, Invariant
from giftcodes.audit.invariants import INVARIANTS
from giftcodes.audit.ledger import LedgerError

__all__ = ["INVARIANTS", "Finding", "Invariant", "LedgerError", "Report", "audit"]
