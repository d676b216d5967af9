"""The target test on a real workspace, for the pipelines: features and a training, through the step launcher."""
