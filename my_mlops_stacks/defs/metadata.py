"""What people see beside an asset: plots and small tables, as metadata that the Dagster UI renders."""

import base64
import io
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def png(figure: "Figure", trimmed: bool = True) -> bytes:
    """The figure, drawn; trimming its margins draws it twice."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=80, bbox_inches="tight" if trimmed else None)
    return image.getvalue()


def plot(image: bytes) -> dg.MarkdownMetadataValue:
    """A PNG inside Markdown."""
    return dg.MarkdownMetadataValue(f"![plot]({as_data(image)})")


def as_data(image: bytes) -> str:
    """A PNG as an address that has the picture in it."""
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"


def markdown_table(rows: "pd.DataFrame") -> str:
    """The rows as a Markdown table; floats with four significant digits."""
    lines = [rows.columns, ["---"] * len(rows.columns), *rows.itertuples(index=False)]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "\\|")
