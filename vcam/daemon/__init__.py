"""The program that runs all day: one camera, one state, and a local channel through which it is controlled."""
