from mlops_core.cli.new.command import main

if __name__ == "__main__":
    main(prog_name="python -m mlops_core.cli.new")
