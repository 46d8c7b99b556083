"""Started as `python -I /opt/mlops/dev`: the folder itself is then the only place of our own to import from."""

import os
import sys

from mlops_dev.main import main

sys.exit(main(sys.argv[1:], os.environ))
