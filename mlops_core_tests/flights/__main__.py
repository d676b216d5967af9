"""`python -m mlops_core_tests.flights`: the commands of this project."""

from mlops_core.cli import main

if __name__ == "__main__":
    main("mlops_core_tests.flights")
