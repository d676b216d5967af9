"""How a model version comes to serve: aliases, shadow scoring, and who moved what."""
