"""The alerts.yaml that `modelmon alerts init` writes: operational rules ready to use, channels to fill in."""

TEXT = """\
# Who is told when something goes wrong, and what is worth it. `modelmon alerts check alerts.yaml` finds
# mistakes, `modelmon alerts set alerts.yaml` has it count, `modelmon alerts test` shows that messages arrive.
format: 1

# Where messages go. What is secret is a reference to a variable or a file, which the notifier looks up.
# channels:
#   oncall: {kind: slack, url: '${env:SLACK_WEBHOOK}'}
#   team:
#     kind: mail
#     server: smtps://mail.example.com
#     sender: modelmon@example.com
#     to: [team@example.com]

# Someone else notices when this one can't: called once a minute while all is well.
# heartbeat: {url: '${env:HEARTBEAT_URL}', fail_url: '${env:HEARTBEAT_URL}/fail'}

# What is worst, what changed, what was false.
# digest: {channels: [team], day: monday, at: '08:00', time_zone: UTC}

# What apps find, apps that fail, functions that do not run, and a monitor that is far behind are told of
# without any rule: `modelmon alerts rules` shows them.
rules:
  # The app `service` tells of silence where past weeks had requests. This one needs no past weeks.
  - name: silent-alone
    when: {silent_alone: 2h}
    severity: medium

  # Set the limit to what your callers wait for.
  - name: slow
    when: {latency_p95: '> 1 s', over: 15m}
    for: 3 of 5
    clear: 5
    severity: medium

  - name: errors
    when: {error_share: '> 5 %', over: 15m}
    for: 3 of 5
    clear: 5
    severity: high

  - name: few-requests
    when: {requests_of_usual: '< 50 %'}
    for: 10 of 15
    clear: 10
    severity: medium

  # Events that are late by some minutes are missing for so long.
  - name: missing-events
    when: {missing_events: '> 0'}
    for: '10'
    severity: medium

  - name: columns-changed
    when: {schema_changes: '> 0'}
    severity: low

  - name: dead-letters
    when: {dead_letters: '> 0'}
    severity: medium
"""
