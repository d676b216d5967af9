"""What kind of problem late flights are."""

from __future__ import annotations

from mlops_core.tasks import BinaryClassification

LATE = BinaryClassification(threshold=0.3)
