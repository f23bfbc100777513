"""`python -m maskdistill` is the command `maskdistill`."""

from maskdistill.pipeline.apps.cli import main

if __name__ == "__main__":
    main()
