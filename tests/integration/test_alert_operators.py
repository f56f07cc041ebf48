"""Many operators act on the same alerts at once, against a real web server: one wins each, the others learn who."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers.redis import RedisServer
from tests.servers.stack import Stack

pytestmark = pytest.mark.integration

OPERATORS = 6
ALERTS = 5
ROWS = """
from django.utils import timezone
from detection.models import Alert
for n in range({alerts}):
    Alert.objects.create(event_id=f"e{{n}}", device_id="box-1", camera_id="vid1", roi_id="r", bind_id="b",
                         algo_code="intrusion", phase="started", severity="warning", timestamp=timezone.now())
"""
STEPS = """
import json
from detection.alert_life.models import AlertStep
print(json.dumps(list(AlertStep.objects.values_list("event_id", "kind", "author"))))
"""


def test_one_operator_wins_each_alert(redis_server: RedisServer, tmp_path: Path) -> None:
    with Stack(tmp_path, redis_server.url) as stack:
        stack.prepare("rtsp://127.0.0.1:9/none")
        stack.manage("shell", "-v0", "-c", ROWS.format(alerts=ALERTS))
        tokens = [stack.manage("create_token", f"op{n}", "--role", "operator").split()[-1] for n in range(OPERATORS)]
        stack.start("web")
        answers: list[tuple[str, str, int, Any]] = []
        barrier = threading.Barrier(OPERATORS)

        def work(number: int) -> None:
            headers = {"Authorization": f"Bearer {tokens[number]}"}
            with httpx.Client(base_url=f"{stack.url}/api/", headers=headers, timeout=30) as api:
                for n in range(ALERTS):
                    barrier.wait(30)
                    answer = api.post(f"alerts/e{n}/ack")
                    answers.append((f"token:op{number}", f"e{n}", answer.status_code, answer.json()))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(OPERATORS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert Counter(status for _, _, status, _ in answers) == {200: ALERTS, 409: ALERTS * (OPERATORS - 1)}
        winners = {event_id: who for who, event_id, status, _ in answers if status == 200}
        for _who, event_id, status, body in answers:
            if status == 409:
                assert body["detail"].startswith(f"The alert was acknowledged by {winners[event_id]} at ")
        steps = json.loads(stack.manage("shell", "-v0", "-c", STEPS))
        assert sorted(map(tuple, steps)) == sorted((e, "acknowledged", who) for e, who in winners.items())
