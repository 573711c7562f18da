"""What belongs to a desktop: tray icon, keys, panel, messages. The daemon runs without any of it.

The only home of pystray, PySide6, python-xlib and dbus-fast.
"""
