"""From an aligned crop and a source to a finished picture."""
