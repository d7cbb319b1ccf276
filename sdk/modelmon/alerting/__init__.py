"""What `alerts.yaml` says: where messages go, and who is told of what, when. Pure but for secrets, which are
looked up by their references when something is sent."""

from modelmon.alerting.alerts import Alerts, Sending
from modelmon.alerting.channels import Channel, ChannelKind
from modelmon.alerting.reading import Read, check_alerts, read_alerts

__all__ = ["Alerts", "Channel", "ChannelKind", "Read", "Sending", "check_alerts", "read_alerts"]
