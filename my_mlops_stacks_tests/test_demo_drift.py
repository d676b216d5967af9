"""The demo tells its story with the real jobs: noticed, refused once, won, and the error back."""

from __future__ import annotations

import pytest

from my_mlops_stacks.demo_drift import Demo, story


@pytest.mark.slow
def test_the_error_falls_back_after_a_change_of_fares(tmp_path):
    demo = Demo(tmp_path / "demo")
    told = "\n".join(story(demo))
    assert "FAILS" in told
    assert "retraining_sensor asks for training 1 of 3" in told
    assert "validation passed: it is champion now" in told
    threshold = demo.target.monitoring_workflow.metric_violation_threshold
    assert max(demo.errors.values()) > threshold
    assert demo.errors[demo.today] < threshold
    assert demo.champion > 1
    assert (demo.folder / "monitoring" / f"{demo.today}.html").exists()
