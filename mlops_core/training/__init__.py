"""How a model is trained: which rows, in which order, and what it has to beat."""
