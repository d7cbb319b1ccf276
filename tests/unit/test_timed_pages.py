"""What rules by the clock find stands on the page, of endpoints and of functions."""

from __future__ import annotations

from pathlib import Path

from api_client import ApiClient
from made_pages import text_of
from unit.timed_support import Clocked


def test_a_function_may_have_an_alert(tmp_path: Path) -> None:
    of = Clocked(tmp_path)
    of.tick()
    of.functions["modelmon-writer"] = "down"
    of.wait(16)
    client = ApiClient(of.settings)
    listed = client.get("/projects/flights/incidents").text
    assert "high function modelmon-writer not heard of for 16 min" in text_of(listed)
    assert 'href="/projects/flights/functions' in listed
    one = text_of(client.get("/projects/flights/incidents/1").text)
    assert "The rule: not heard of for 10 min or more. Look at `modelmon health`" in one
    assert "function modelmon-writer , not_running" in one
    rules = text_of(client.get("/projects/flights/rules").text)
    assert "not heard of for 10 min or more modelmon-stream, modelmon-writer" in rules
    (found,) = client.get("/api/v1/projects/flights/incidents").json()["incidents"]
    assert (found["function_name"], found["application_name"]) == ("modelmon-writer", "")
    client.close()
