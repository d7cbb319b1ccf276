"""Test kits for what users write: run an app over a frame and say what it must find.

'Write an app' in the docs shows them at work.
"""

from __future__ import annotations

from modelmon.testing.apps import Judgement, run_app

__all__ = ["Judgement", "run_app"]
