"""Stages in order, the threads that run them, and the rule of what may leave the program."""
