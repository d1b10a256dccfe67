"""`python -m kakehashi`: the command line."""

import sys

from kakehashi import main

if __name__ == "__main__":
    sys.exit(main())
