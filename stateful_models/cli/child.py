"""Started as a script: the process that a watched command runs in, and what its workers start with.

kvref's own packages come first here, whatever else bears their names where the user stands.
"""

import sys
from pathlib import Path

HOME = str(Path(__file__).resolve().parents[2])
sys.path.insert(0, HOME)
import stateful_models  # noqa: E402, F401 - once loaded, the names are settled

sys.path.remove(HOME)

if __name__ == "__main__":
    from stateful_models.cli.driven import main

    main(*sys.argv[1:])
