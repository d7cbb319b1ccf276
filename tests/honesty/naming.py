"""One of a hundred features broken: is it seen, and does the alarm name the feature and what is wrong?"""

from __future__ import annotations

from tests.honesty.power import ROW_5, ROW_6, ROW_7, ROW_7_NO_FLOOR, ROW_8, SEEN, Seen, broken_windows
from tests.honesty.rates import Rate, Row

FEATURES = 100
SIZES = (50, 200, 1000, 5000)
NEXT = {50: 200, 200: 1000, 1000: 5000, 5000: 20_000}
NAMED = 0.99


def row_of_names(windows: int = 100, m: int = 50_000) -> Row:
    """Row 9: seen at the same number of rows as one of twenty is, or at the next; named in 99 % of alarms."""
    plan = [(fault, 50, 0.1) for fault in ROW_5] + [(fault, 200, 0.1) for fault in ROW_6]
    plan += [(fault, 1000, 0.0) for fault in ROW_7_NO_FLOOR] + [(fault, 1000, 0.1) for fault in ROW_7]
    plan += [(fault, 5000, 0.1) for fault in ROW_8]
    cells, late, hits, alarms = {}, [], 0, 0
    for fault, rows, floor in plan:
        least = ROW_8.get(fault, SEEN) if rows == 5000 else SEEN
        seen = _seen(fault, rows, floor, windows, m)
        if seen.alarms.is_below(least):
            rows = NEXT[rows]
            seen = _seen(fault, rows, floor, max(windows // 4, 20), m)
        cells[f"{fault}, floor {floor:g}, {rows:,} rows"] = f"{seen.alarms}; named rightly {seen.named}"
        if seen.alarms.is_below(least):
            late.append(fault)
        hits, alarms = hits + seen.named.hits, alarms + seen.named.windows
    named = Rate(hits, alarms)
    return Row(
        "9",
        "one of 100 features broken: seen at the same number of rows or the next; named in 99 % of alarms",
        cells,
        not late and not named.is_below(NAMED) and named.value >= NAMED,
        f"named rightly: {named}; not seen at the next size: {', '.join(late) or 'none'}",
    )


def _seen(fault: str, rows: int, floor: float, windows: int, m: int) -> Seen:
    return broken_windows(fault, rows, windows=windows, features=FEATURES, m=m, floor=floor, key="names")
