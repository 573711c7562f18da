"""The panel: a window that can be understood without a manual. Needs the extra gui; the daemon never does."""
