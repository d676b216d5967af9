"""The machinery that projects share: it knows no problem, and imports no project."""
