"""`python -m mpclab` is the command line."""

from mpclab.cli import main

if __name__ == "__main__":
    main()
