"""``python -m vcam`` is the command ``facewarp``."""

import sys

from vcam.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
