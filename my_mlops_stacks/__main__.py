"""`python -m my_mlops_stacks`: run the whole pipeline once on this machine; `--help` lists the other commands."""

from mlops_core.cli import main

if __name__ == "__main__":
    main("my_mlops_stacks")
