"""The demo tells its story with the real jobs: noticed, refused once, won, and the error back."""

from __future__ import annotations

import dagster as dg
import pytest
import yaml

from mlops_core.adapters.local_servers import Ports
from mlops_core.cli.demo_drift import Demo, story
from mlops_core.cli.demo_world import demo_environment
from mlops_core.config import load_target
from mlops_core.defs.resources import build_resources
from my_mlops_stacks.project import PROJECT


@pytest.mark.slow
@pytest.mark.timeout(900)  # seconds, on a machine that is busy
def test_the_error_falls_back_after_a_change_of_fares(tmp_path):
    demo = Demo(PROJECT, tmp_path / "demo")
    told = "\n".join(story(demo))
    assert "FAILS" in told
    assert "retraining_sensor asks for training 1 of 3" in told
    assert "validation passed: it is champion now" in told
    threshold = demo.target.monitoring_workflow.metric_violation_threshold
    assert max(demo.errors.values()) > threshold
    assert demo.errors[demo.today] < threshold
    assert demo.champion > 1
    assert (demo.folder / "monitoring" / "my_mlops_stacks" / f"{demo.today}.html").exists()
    settings = yaml.safe_load((demo.folder / "dagster" / "dagster.yaml").read_text())
    assert settings["telemetry"]["enabled"] is settings["nux"]["enabled"] is False


def test_its_servers_and_links_are_its_own(tmp_path):
    environments = ({}, *(demo_environment(PROJECT, name, tmp_path) for name in ("drift", "arrival")))
    usual, demo, other = (load_target(PROJECT, "local", environ=environ) for environ in environments)
    ports = [port for each in (usual, demo, other) for port in Ports.beginning_at(each.ui_port)]
    assert len(ports) == len(set(ports))
    with dg.build_resources({"r": build_resources(PROJECT, demo)["model_registry"]}) as resources:
        assert resources.r.ui == "http://127.0.0.1:3012"
