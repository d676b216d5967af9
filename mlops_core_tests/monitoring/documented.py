"""What Databricks documents of its monitor tables."""

from __future__ import annotations

BY_CLASS = "struct<one_vs_all:map<string,double>,macro:double,weighted:double>"
DOCUMENTED = {
    "accuracy_score": "double",
    "confusion_matrix": "array<struct<prediction:string,label:string,count:bigint>>",
    "precision": BY_CLASS,
    "recall": BY_CLASS,
    "f1_score": BY_CLASS,
}
"""The columns of a classification's profile that Databricks describes -> their types."""
