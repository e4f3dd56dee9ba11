"""`python -m stateful_models` is `kvref`."""

from stateful_models.cli import main

if __name__ == "__main__":
    main()
