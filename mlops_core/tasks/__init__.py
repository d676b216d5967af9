"""What a kind of problem is: its metrics, what a prediction is, and what a model has to beat."""

from mlops_core.tasks.binary import BinaryClassification
from mlops_core.tasks.decision import Decision
from mlops_core.tasks.metric import Metric
from mlops_core.tasks.monitor_metric import MonitorMetric
from mlops_core.tasks.multiclass import MulticlassClassification
from mlops_core.tasks.regression import Regression
from mlops_core.tasks.task import Output, Task

__all__ = [
    "BinaryClassification",
    "Decision",
    "Metric",
    "MonitorMetric",
    "MulticlassClassification",
    "Output",
    "Regression",
    "Task",
]
