"""``python -m memops``."""

from memops.cli.main import main

if __name__ == "__main__":
    main()
