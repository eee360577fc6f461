"""The rules for Prometheus and the dashboard for Grafana fit the metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs._generate import reference
from giftcodes.domain.outcomes import Outcome
from giftcodes.models import PauseKind
from giftcodes.queries.metrics import METRICS

FOLDER = Path(reference.REPOSITORY) / "docs/how-to/monitoring"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "redeemer-rules.yml").read_text(encoding="utf-8"))[
        "groups"
    ]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "redeemer-dashboard.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
EXPRESSIONS = {
    **{rule["alert"]: rule["expr"] for rule in RULES},
    **{
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in PANELS
        for target in panel["targets"]
    },
}
#: What Prometheus itself adds to each target.
_OF_PROMETHEUS = {"up": ("job",)}

NAMES = {
    **{f"{name}_total" if m.is_counter else name: m.labels for name, m in METRICS.items()},
    **_OF_PROMETHEUS,
}
_USE = re.compile(r"\b(?P<name>redeemer_\w+|up\b)(?:{(?P<where>[^}]*)})?")
_MATCHER = re.compile(r'(?P<label>\w+)(?P<how>=~|!~|!=|=)"(?P<value>[^"]*)"')


@pytest.mark.parametrize("where", EXPRESSIONS)
def test_an_expression_uses_metrics_and_labels_that_exist(where: str) -> None:
    used = list(_USE.finditer(EXPRESSIONS[where]))

    assert used
    for use in used:
        assert use["name"] in NAMES
        for matcher in _MATCHER.finditer(use["where"] or ""):
            assert matcher["label"] in NAMES[use["name"]]
    labels = {label for use in used for label in NAMES[use["name"]]}
    for grouped in re.findall(r"\bby \(([^)]*)\)", EXPRESSIONS[where]):
        assert {label.strip() for label in grouped.split(",")} <= labels


def test_the_outcomes_and_pauses_that_rules_name_exist() -> None:
    known = {
        "outcome": {outcome.value for outcome in Outcome},
        "kind": set(PauseKind.values),
        "process": {"control", "discord-bot"},
        "state": {"active", "probing", "running", "complete"},
        "delivery": {"waiting", "sent"},
        "step": {"tick", "sweep", "alarms", "keep_figures"},
    }
    for expression in EXPRESSIONS.values():
        for matcher in _MATCHER.finditer(expression):
            if matcher["label"] in known:
                assert set(matcher["value"].split("|")) <= known[matcher["label"]], expression


def test_each_rule_says_what_happened_and_what_to_do() -> None:
    for rule in RULES:
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_the_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_each_rule_is_tried() -> None:
    tried = (FOLDER / "redeemer-rules-test.yml").read_text(encoding="utf-8")

    for rule in RULES:
        assert re.search(rf"alertname: {rule['alert']}\n\s+exp_alerts:\n", tried), rule["alert"]


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
@pytest.mark.parametrize(
    "command",
    [("check", "rules", "redeemer-rules.yml"), ("test", "rules", "redeemer-rules-test.yml")],
)
def test_prometheus_accepts_the_rules_and_they_fire_as_they_should(
    command: tuple[str, ...],
) -> None:
    done = subprocess.run(
        ["promtool", *command], cwd=FOLDER, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
@pytest.mark.parametrize("where", EXPRESSIONS)
def test_prometheus_understands_each_expression(where: str, tmp_path: Path) -> None:
    expression = EXPRESSIONS[where].replace("$game", ".*")
    file = tmp_path / "rules.yml"
    rule = {"record": "tried:expression", "expr": expression}
    file.write_text(json.dumps({"groups": [{"name": "tried", "rules": [rule]}]}))

    done = subprocess.run(
        ["promtool", "check", "rules", file], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
