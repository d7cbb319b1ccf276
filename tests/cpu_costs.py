"""What each test costs in CPU, told at the end of a run: about the same on a busy machine and an idle one."""

from __future__ import annotations

import resource
import time
from collections import Counter

import pytest

MOST = 10


class CpuCosts:
    """Gives every report what was spent since the one before it, fixtures and children included; adds up the
    reports of all workers."""

    def __init__(self) -> None:
        self._before = 0.0
        self.spent: Counter[str] = Counter()

    def pytest_collection_finish(self) -> None:
        self._before = cpu_seconds()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
        report: pytest.TestReport = yield
        now = cpu_seconds()
        report.cpu_seconds, self._before = now - self._before, now  # a worker sends all that a report has
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.spent[report.nodeid] += getattr(report, "cpu_seconds", 0.0)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        files: Counter[str] = Counter()
        for name, seconds in self.spent.items():
            files[name.partition("::")[0]] += seconds
        for what, found in (("tests", self.spent), ("files", files)):
            terminalreporter.section(f"most CPU seconds of {found.total():.0f}: {what}")
            for name, seconds in found.most_common(MOST):
                terminalreporter.write_line(f"{seconds:6.2f}  {name}")


def cpu_seconds() -> float:
    """Of this process and of all that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
