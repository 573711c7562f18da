"""The command ``facewarp``: one file per command, no logic of its own."""
