"""A skip says once what it leaves untried, with the number of tests, at the first of these.

Pytest would say it again for each test's line.
"""

import pytest

_first: dict[str, tuple[str, int, str]] = {}
"""Where the first test was that was skipped for a reason."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        report.longrepr = _first.setdefault(report.longrepr[2], report.longrepr)
