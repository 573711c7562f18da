"""Everything that talks to cameras, video files and virtual cameras.

The only home of PyAV, pyvirtualcam and ``cv2.VideoCapture``.
"""
