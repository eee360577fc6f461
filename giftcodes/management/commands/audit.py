"""`manage.py audit [--ledger URL]`."""

from __future__ import annotations

import datetime as dt
import json
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError

from giftcodes.audit import Finding, LedgerError, Report, audit
from giftcodes.cli.base import ServerCommand


class Command(ServerCommand):
    help = (
        "Check every invariant of docs/reference/invariants.md against the data. "
        "docs/how-to/audit.md explains the "
        "output. This changes nothing, and may run at any time. Exit status: 0 if all invariants "
        "hold, else 1."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="for programs: one JSON object with stable keys"
        )
        parser.add_argument(
            "--ledger", metavar="URL", default="", help="compare with the simulator at this address"
        )
        parser.add_argument(
            "--repeats-allowed",
            metavar="N",
            type=_number,
            default=0,
            help="with --ledger: how many repeated requests are allowed: one for each request in "
            "flight when a worker was killed, and one for each lost answer (default: 0)",
        )
        parser.add_argument(
            "--at-once",
            action="store_true",
            help="skip the second check, which waits up to 2 min for work under way",
        )

    def run(self, **options: Any) -> None:
        """Check the invariants, and print a line for each, with some of the rows that break it.

        Raises:
            CommandError: an invariant is broken, or the ledger cannot be read.
        """
        try:
            with self.screen.spinner("Checking …"):
                report = audit(
                    ledger_url=options["ledger"],
                    repeats_allowed=options["repeats_allowed"],
                    on_wait=None if options["at_once"] else self._warn_of_wait,
                )
        except LedgerError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.screen.line(json.dumps(_as_json(report), ensure_ascii=False, indent=1))
        else:
            self._show(report)
        if report.broken:
            names = ", ".join(finding.name for finding in report.broken)
            raise CommandError(
                f"{len(report.broken)} of {len(report.findings)} invariants are broken: {names}."
            )

    def _warn_of_wait(self, seconds: float) -> None:
        self.warn(f"An invariant does not hold yet. Checking again in {seconds:.0f} s.")

    def _show(self, report: Report) -> None:
        section = ""
        for finding in report.findings:
            if finding.section != section:
                section = finding.section
                self.screen.line(f"{section}:")
            self._show_finding(finding)
        if report.ledger is not None:
            figures = report.ledger
            numbers = ", ".join(
                f"{figures[name]:,} {name}" for name in ("requests", "grants", "repeats")
            )
            self.screen.line(f"Ledger: {numbers}.")
        if not report.broken:
            self.screen.good(f"All {len(report.findings)} invariants hold.")

    def _show_finding(self, finding: Finding) -> None:
        show = self.screen.bad if finding.broken else self.screen.good
        show(f"{finding.sentence} ({finding.checked:,} {finding.of}, {finding.broken:,} broken)")
        for example in finding.examples:
            self.screen.line(f"    {example['words']}")
        if finding.broken > len(finding.examples):
            self.screen.line(f"    … and {finding.broken - len(finding.examples):,} more.")


def _number(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"must be a whole number, 0 or more, not {text!r}")
    return int(text)


def _as_json(report: Report) -> dict[str, Any]:
    """The report as values for JSON. The keys are an interface: add new ones, but rename none."""
    return {
        "at": report.at.astimezone(dt.UTC).isoformat(timespec="seconds"),
        "holds": not report.broken,
        "invariants": [
            {**asdict(finding), "holds": not finding.broken} for finding in report.findings
        ],
        "ledger": report.ledger,
    }
