"""What is wrong with an alerts.yaml is told with its line and its mend, and never with a password."""

from __future__ import annotations

import pytest

from modelmon.alerting import check_alerts, read_alerts
from modelmon.alerting.secret_references import without
from modelmon.errors import ConfigError

GOOD = """
format: 1
channels:
  oncall: {kind: slack, url: '${env:SLACK}'}
  team: {kind: mail, server: 'smtps://mail.example.com', sender: a@example.com, to: b@example.com}
send:
  channels: [oncall]
  fallback: team
  group_wait: 90s
"""


def test_what_it_says_is_read() -> None:
    alerts = read_alerts(GOOD)
    assert alerts.told == ("oncall",)
    assert alerts.sending.group_wait_us == 90_000_000
    assert alerts.channels["team"].to == ("b@example.com",)


@pytest.mark.parametrize(
    ("before", "after", "line", "problem", "mend"),
    [
        ("format: 1", "format: 2", 2, "no format", "write format: 1"),
        ("kind: slack", "kind: slak", 4, "no kind of channel", "did you mean slack?"),
        ("url:", "ur:", 4, "no key of a slack channel", "did you mean url?"),
        ("${env:SLACK}", "${SLACK}", 4, "a ${…} that is no reference", "${env:NAME}"),
        ("${env:SLACK}", "${file:secrets/slack}", 4, "not the same everywhere", "${file:/run/secrets/name}"),
        ("${env:SLACK}", "ftp://example.com", 4, "no address", "https://"),
        ("smtps://mail", "smtps://ann:hunter22@mail", 5, "may hold a password", "${env:NAME}"),
        ("to: b@example.com", "to: b.example.com", 5, "no mail address", "name@example.com"),
        ("[oncall]", "[oncal]", 7, "no channel", "did you mean oncall?"),
        ("90s", "90", 9, "no length of time", "30s"),
        ("90s", "9999999999d", 9, "is too long", "366d at most"),
        ("group_wait", "group_wiat", 9, "no key here", "did you mean group_wait?"),
        (
            "to: b@example.com",
            "to: b@example.com, password: hunter22",
            5,
            "stands there itself",
            "${env:NAME}",
        ),
    ],
)
def test_a_mistake_has_its_line_and_its_mend(
    before: str, after: str, line: int, problem: str, mend: str
) -> None:
    assert before in GOOD
    read = check_alerts(GOOD.replace(before, after))
    found = next(each for each in read.findings if each.line == line and problem in each.problem)
    assert mend in found.mend
    assert read.alerts is None
    assert "hunter22" not in " ".join(map(str, read.findings))


@pytest.mark.parametrize("name", ["Authorization", "X-Api-Key", "private-token", "Cookie"])
def test_a_header_that_is_a_secret_is_a_reference(name: str) -> None:
    start = (
        "format: 1\nchannels:\n  hook: {kind: webhook, url: 'https://example.com', headers: {X-Team: shop, "
    )
    (found,) = check_alerts(f"{start}{name}: Bearer hunter22}}}}\n").findings
    assert (found.line, found.key) == (3, f"channels.hook.headers.{name}")
    assert found.problem.startswith("stands there itself")
    assert "hunter22" not in str(found)
    assert check_alerts(f"{start}{name}: 'Bearer ${{env:HOOK}}'}}}}\n").findings == ()


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("runbook: 'javascript:alert(1)'", "is no link"),
        ("runbook: the wiki", "is no link"),
        ("escalate: {after: 2h, channels: []}", "is nobody"),
        ("hours: {mute: [mon-sun]}", "leaves no time"),
        ("hours: {mute: ['22:00-07:00', '07:00-22:00']}", "leaves no time"),
        ("when: {requests: '< -5'}", "is never so"),
        ("when: {requests: '< 0'}", "is never so"),
        ("when: {error_share: '> 500 %'}", "is never so"),
        ("when: {late_share: '> 100 %'}", "is never so"),
        ("when: {silent: 0s}", "is always so"),
        ("when: {lag: '>= 0'}", "is always so"),
    ],
)
def test_a_rule_that_leads_nowhere_is_a_mistake(rule: str, problem: str) -> None:
    (found,) = check_alerts(f"{GOOD}rules:\n  - {{name: a, {rule}}}\n").findings
    assert problem in found.problem


@pytest.mark.parametrize(
    "when",
    ["missing_events: '> 0'", "requests: '<= 0'", "requests_of_usual: '> 300 %'", "error_share: '>= 1'"],
)
def test_the_ends_of_what_is_measured_are_limits(when: str) -> None:
    assert check_alerts(f"{GOOD}rules:\n  - {{name: a, when: {{{when}}}}}\n").findings == ()


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "x", "format: 1\nchannels: []", "format: 1\nchannels: {a: 1}", "a: &a [*a]"]
)
def test_what_is_no_such_file_is_said(text: str) -> None:
    with pytest.raises(ConfigError):
        read_alerts(text)


def test_a_mistake_of_a_text_without_a_file_says_its_line() -> None:
    (empty,) = check_alerts("").findings
    assert str(empty) == "line 1: error: the file is empty; begin with format: 1"


def test_no_part_of_a_secret_is_left() -> None:
    said = "POST https://hooks.example/services/T0001/B0002/abcdefghijkl failed: abcdefghijkl"
    assert "abcdefghijkl" not in without(said, {"https://hooks.example/services/T0001/B0002/abcdefghijkl"})


@pytest.mark.parametrize(
    ("address", "is_told"),
    [
        ("http://hooks.example/x", True), ("HTTP://10.0.0.1/x", True), ("https://hooks.example/x", False),
        ("http://127.0.0.2:80/x", False), ("http://[::1]/x", False), ("http://localhost/x", False),
        ("http://${env:HOST}/x", False), ("${env:URL}", False), ("http://nuclio-retrain:8080", False),
        ("http://hooks.shop.svc/x", False), ("http://hooks.shop.svc.example/x", True),
    ],
)  # fmt: skip
def test_what_goes_elsewhere_unencrypted_is_warned_of(address: str, is_told: bool) -> None:
    mail = "kind: mail, sender: a@example.com, to: b@example.com"
    read = check_alerts(f"""\
format: 1
channels:
  hook: {{kind: webhook, url: '{address}'}}
  mail: {{{mail}, server: '{address.lower().replace("https", "smtps").replace("http", "smtp")}'}}
actions: {{a: {{kind: webhook, url: '{address}'}}}}
""")
    assert read.alerts is not None, read.findings
    assert [(each.line, each.level) for each in read.findings] == [
        (n, "warning") for n in (3, 4, 5) if is_told
    ]
