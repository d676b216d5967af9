"""A small project whose steps run on the emulated workspace."""
