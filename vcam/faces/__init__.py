"""Finding the user's face, following it, and knowing it again."""
