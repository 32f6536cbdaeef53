"""`python -m study`: the command line, where no `cnn-study` is installed, as in a job on a cluster."""

import sys

from study.cli.main import main

if __name__ == "__main__":
    sys.argv[0] = "cnn-study"
    main()
