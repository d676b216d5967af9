"""How a project declares itself: what its events are, and the feature tables that are made of them.

A declaration is frozen, and checked when it is made. This package imports nothing but the standard library, so that
whoever reads a declaration, the code location above all, stays light.
"""

from mlops_core.project.aggregates import Aggregate, Count, Distinct, Expression, Max, Mean, Min, Share, Sum
from mlops_core.project.columns import Column, DeclarationError
from mlops_core.project.contributions import BASE_VALUE
from mlops_core.project.early_stopping import EarlyStopping
from mlops_core.project.encoding import Encoding
from mlops_core.project.events import EventTable, RowRule, Sample
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core.project.feature_tables import ComputedTable, FeatureTable, StaticTable, WindowTable
from mlops_core.project.label import Label
from mlops_core.project.model import Input, Model, Training, Validation
from mlops_core.project.project import Project
from mlops_core.project.search import Choice, FloatRange, IntRange, Search
from mlops_core.project.segments import Segments
from mlops_core.project.slices import ByBand, ByHour, ByValue, Slice
from mlops_core.project.thresholds import MetricThreshold
from mlops_core.project.xgboost import XGBoost

__all__ = [
    "BASE_VALUE",
    "Aggregate",
    "ByBand",
    "ByHour",
    "ByValue",
    "Choice",
    "Column",
    "ComputedTable",
    "Count",
    "DeclarationError",
    "Distinct",
    "EarlyStopping",
    "Encoding",
    "EventTable",
    "Expression",
    "FeatureLookup",
    "FeatureTable",
    "FloatRange",
    "Input",
    "IntRange",
    "Label",
    "Max",
    "Mean",
    "MetricThreshold",
    "Min",
    "Model",
    "Project",
    "RowRule",
    "Sample",
    "Search",
    "Segments",
    "Share",
    "Slice",
    "StaticTable",
    "Sum",
    "Training",
    "Validation",
    "WindowTable",
    "XGBoost",
]
