"""The audit checks every invariant of docs/reference/invariants.md against the data.

It only reads, and knows nothing of the pipeline.
"""

from giftcodes.audit.examine import Report, audit
from giftcodes.audit.invariant import Finding, Invariant
from giftcodes.audit.invariants import INVARIANTS
from giftcodes.audit.ledger import LedgerError

__all__ = ["INVARIANTS", "Finding", "Invariant", "LedgerError", "Report", "audit"]
