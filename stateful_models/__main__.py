"""`python -m stateful_models` is `kvref`."""

from stateful_models.cli.main import main

if __name__ == "__main__":
    main()
