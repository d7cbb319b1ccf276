"""A chain whose rows are kept: windows can be judged again."""

from __future__ import annotations

from modelmon.ledger import schema
from modelmon.model import BatchRange, TrafficPoint
from unit.window_support import E1, Chain

MINUTE_US = 60_000_000


class KeptChain(Chain):
    """What is served also has files and series, as the stream function writes them."""

    def serve(self, *times_us: int, now: int, endpoint_id: str = E1) -> None:
        super().serve(*times_us, now=now, endpoint_id=endpoint_id)
        place = next(self._offsets)
        batch = BatchRange(self.events.stream_id, 0, place, place)
        hours: dict[int, list[int]] = {}
        minutes: dict[int, int] = {}
        for time_us in times_us:
            hours.setdefault(time_us - time_us % 3_600_000_000, []).append(time_us)
            minutes[time_us - time_us % MINUTE_US] = minutes.get(time_us - time_us % MINUTE_US, 0) + 1
        with self.database.write() as connection:
            for hour_us, times in hours.items():
                row = {
                    "path": f"key={endpoint_id}/{hour_us}-{place}.parquet", "endpoint_id": endpoint_id,
                    "hour_us": hour_us, "min_us": min(times), "max_us": max(times), "rows": len(times),
                    "size_bytes": 1, "stream_id": batch.stream_id, "partition": 0, "first": place,
                    "last": place,
                }  # fmt: skip
                connection.execute(schema.files.insert().values(row))
        points = [TrafficPoint(endpoint_id, minute, rows, rows) for minute, rows in minutes.items()]
        self.series.write_traffic(batch, points)
