#!/bin/sh
# Make the device "FaceWarp Cam" now and at every start of the computer. Run as root; --remove takes it away again.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ "${1:-}" = --remove ]; then
  rm -f /etc/modprobe.d/facewarp-cam.conf /etc/modules-load.d/facewarp-cam.conf
  modprobe -r v4l2loopback 2>/dev/null || echo "The device stays until the programs that use it have ended."
  exit 0
fi
if ! modinfo v4l2loopback >/dev/null 2>&1; then
  echo "The kernel module v4l2loopback is not installed; 'facewarp outputs' prints the command for this system." >&2
  exit 1
fi
install -m 644 "$here/modprobe.d/facewarp-cam.conf" /etc/modprobe.d/
install -m 644 "$here/modules-load.d/facewarp-cam.conf" /etc/modules-load.d/
if ! modprobe v4l2loopback; then
  echo "The module could not be loaded. With Secure Boot its key must be enrolled first: see mokutil --import." >&2
  exit 1
fi
if ! grep -qsx 'FaceWarp Cam' /sys/class/video4linux/video*/name; then
  echo "v4l2loopback was loaded before with other options. Close the programs that use it, then run" >&2
  echo "  modprobe -r v4l2loopback && modprobe v4l2loopback" >&2
  exit 1
fi
echo "FaceWarp Cam is there."
