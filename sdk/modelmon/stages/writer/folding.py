"""Results that are gathered over windows: folded in the transaction of the answers, told like any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from modelmon.ledger import answers, incidents
from modelmon.ledger.held_profiles import HeldProfiles
from modelmon.ledger.incidents import Told
from modelmon.ledger.reports import AppReport
from modelmon.ledger.rules_in_force import RulesInForce
from modelmon.ledger.slow_drift import fold_sums, note_sums
from modelmon.model import ValuePoint


@dataclass(frozen=True, slots=True)
class FoldedResults:
    """The results of windows that were folded, and what there is to tell of their incidents.

    The points are written to the series after the transaction, and all of them again where that was
    interrupted: an answer that is not acknowledged comes again, and is folded again.
    """

    points: list[ValuePoint] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)


def fold_reports(
    connection: Connection, held: HeldProfiles, reports: Sequence[AppReport], now_us: int, rules: RulesInForce
) -> FoldedResults:
    """Fold what the reports, whose answers were applied, bring to the windows of their apps."""
    found = FoldedResults()
    names = {report.key[:2]: report.endpoint_name for report in reports}
    for pair, first_us in sorted(note_sums(connection, reports).items()):
        folded = fold_sums(connection, held, pair, first_us)
        for each in folded:
            found.points.append(each.point)
            if each.is_new:
                found.told.extend(_settle(connection, each.point, names[pair], now_us, rules))
        if folded:
            answers.show(connection, folded[-1].point)
    return found


def _settle(
    connection: Connection, point: ValuePoint, endpoint_name: str, now_us: int, rules: RulesInForce
) -> list[Told]:
    """A partial window says so by its highest status, so each is whole here."""
    report = AppReport(point.key, endpoint_name, point.end_us, point.revision, (point,))
    return incidents.settle(connection, report, final=False, whole=True, now_us=now_us, rules=rules)
