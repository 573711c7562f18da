"""``python -m vcam`` is the command ``facewarp``."""

from vcam.cli.main import command

if __name__ == "__main__":
    command()
