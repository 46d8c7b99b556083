"""`python -m mlops_ci.guest`, and the first file of the zipapp."""

import sys

from mlops_ci.guest.entry import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
