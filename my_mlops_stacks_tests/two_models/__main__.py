"""`python -m my_mlops_stacks_tests.two_models`: the commands of this project."""

from mlops_core.cli import main

if __name__ == "__main__":
    main("my_mlops_stacks_tests.two_models")
