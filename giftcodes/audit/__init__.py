"""The audit: every invariant of docs/design.md, looked for in the data. Reads only; knows nothing of the flow."""

from giftcodes.audit.examine import Report, audit
from giftcodes.audit.invariant import Finding, Invariant
from giftcodes.audit.invariants import INVARIANTS
from giftcodes.audit.ledger import LedgerError

__all__ = ["INVARIANTS", "Finding", "Invariant", "LedgerError", "Report", "audit"]
