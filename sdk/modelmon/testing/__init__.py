"""Test kits for what users write: run an app over a frame and say what it must find.

docs/how-to/write-an-app.md shows them at work.
"""

from __future__ import annotations

from modelmon.testing.apps import Judgement, run_app

__all__ = ["Judgement", "run_app"]
