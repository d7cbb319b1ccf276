"""The notifier as a stage: news of the outbox becomes messages, and messages get to people."""

from modelmon.stages.notifier.notifier import Notifier

__all__ = ["Notifier"]
