"""A small virtual machine with real kernel cameras, made of Debian's packages without root or a disk image.

The guest's root is the host's, read-only under an overlay in memory, so the same checkout and virtual environment run
in it. Its cameras: /dev/video0 of the kernel's test driver vivid, and two of v4l2loopback: /dev/video10 "FaceWarp Cam"
and /dev/video11 "Physical Webcam". It is emulated: bytes, order, names and capabilities are real in it, times are not.

usage: kernel_vm.py COMMAND...     builds the machine if need be, and runs one command in it
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAMS = ("qemu-system-x86_64", "apt-get", "dpkg-deb", "make", "gcc", "cpio", "modinfo")
FILES = ("9pnet_virtio", "9p", "overlay", "virtio_pci")
CAMERAS = ("videodev", "vivid", "v4l2loopback")
KERNEL_OPTIONS = "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check"

INIT = """#!/bin/busybox sh
export PATH=/bin
busybox mkdir -p /proc /sys /dev
busybox mount -t proc proc /proc; busybox mount -t sysfs sys /sys; busybox mount -t devtmpfs dev /dev
for module in {early}; do busybox insmod /modules/$module.ko; done
share="trans=virtio,version=9p2000.L,msize=524288"
busybox mount -t 9p -o $share,ro,cache=loose host /host
busybox mount -t tmpfs tmpfs /memory; busybox mkdir /memory/upper /memory/work
busybox mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work overlay /root
busybox mkdir -p /root/mnt/out /root/modules
busybox mount -t 9p -o $share out /root/mnt/out
busybox cp /modules/v4l2loopback.ko /root/modules/
for module in {late}; do busybox insmod /modules/$module.ko; done
busybox insmod /modules/vivid.ko n_devs=1 node_types=0x1 input_types=0 num_inputs=1 vid_cap_nr=0
busybox insmod /modules/v4l2loopback.ko devices=2 video_nr=10,11 \\
  'card_label="FaceWarp Cam,Physical Webcam"' exclusive_caps=1,1
for folder in proc sys dev; do busybox mount --move /$folder /root/$folder; done
busybox mkdir -p /root/dev/shm /root/dev/pts
for folder in run dev/shm; do busybox mount -t tmpfs tmpfs /root/$folder; done
busybox ip link set lo up
busybox chroot /root /bin/sh /mnt/out/job.sh
busybox sync; echo o >/root/proc/sysrq-trigger; busybox sleep 5
"""


def cache_folder() -> Path:
    """Where the machine is kept between runs: $FACEWARP_TEST_CACHE, else ~/.cache/facewarp-test."""
    return Path(os.environ.get("FACEWARP_TEST_CACHE") or Path.home() / ".cache/facewarp-test") / "kernel-vm-2"


def build(folder: Path) -> None:
    """Make ``vmlinuz`` and ``initrd.gz`` in a folder, unless they are there; takes about 20 s and 80 MB of download.

    Raises:
        subprocess.CalledProcessError: a step failed; its words are on standard error.
    """
    if platform.machine() != "x86_64":
        raise OSError("the virtual machine is made for x86_64")
    if (folder / "initrd.gz").exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        work = Path(name)
        kernel = _dependencies("linux-image-amd64", r"linux-image-\d.*")[0]
        version = kernel.removeprefix("linux-image-")
        headers = _dependencies(f"linux-headers-{version}", r"linux-(headers|kbuild)-.*")
        packages = [kernel, f"linux-headers-{version}", *headers, "v4l2loopback-dkms", "busybox-static"]
        (work / "packages").mkdir()
        _run("apt-get", "-q", "download", *packages, cwd=work / "packages")
        for package in (work / "packages").iterdir():
            _run("dpkg-deb", "-x", str(package), str(work / "root"))
        loopback = _build_loopback(work, version)
        made = work / "made"
        made.mkdir()
        shutil.copy(work / "root/boot" / f"vmlinuz-{version}", made / "vmlinuz")
        _pack_initrd(work, loopback, made / "initrd.gz")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def _dependencies(package: str, pattern: str) -> list[str]:
    lines = _run("apt-cache", "depends", package).splitlines()
    names = [line.split("Depends: ")[1].strip() for line in lines if " Depends: " in line]
    return [name for name in names if re.fullmatch(pattern, name)]


def _build_loopback(work: Path, version: str) -> Path:
    """Compile v4l2loopback against the kernel's headers."""
    root = work / "root"
    headers = root / "usr/src" / f"linux-headers-{version}"
    makefile = headers / "Makefile"
    makefile.write_text(makefile.read_text().replace("include /usr/src", f"include {root}/usr/src"))
    (source,) = (root / "usr/src").glob("v4l2loopback-*")
    shutil.copytree(source, work / "loopback")
    _run("make", "-s", "-C", str(headers), f"M={work}/loopback", "modules")
    _run("strip", "-g", str(work / "loopback/v4l2loopback.ko"))
    return work / "loopback/v4l2loopback.ko"


def _pack_initrd(work: Path, loopback: Path, target: Path) -> None:
    """Busybox, the modules with all that they need, and `INIT`."""
    files = {path.stem.replace("-", "_"): path for path in (work / "root/lib/modules").rglob("*.ko")}
    files["v4l2loopback"] = loopback

    def in_loading_order(names: tuple[str, ...], done: tuple[str, ...] = ()) -> list[str]:
        order: list[str] = []
        for name in names:
            if name not in files or name in (*order, *done):  # built into the kernel, or loaded already
                continue
            needed = _run("modinfo", "-F", "depends", str(files[name])).strip().replace("-", "_")
            order += in_loading_order(tuple(filter(None, needed.split(","))), (*order, *done))
            order.append(name)
        return order

    early = in_loading_order(FILES)
    cameras = in_loading_order(CAMERAS, tuple(early))
    tree = work / "initrd"
    for folder in ("bin", "modules", "host", "memory", "root"):
        (tree / folder).mkdir(parents=True)
    shutil.copy(work / "root/bin/busybox", tree / "bin/busybox")
    for name in (*early, *cameras):
        shutil.copy(files[name], tree / "modules" / f"{name}.ko")
    late = [name for name in cameras if name not in ("vivid", "v4l2loopback")]
    (tree / "init").write_text(INIT.format(early=" ".join(early), late=" ".join(late)))
    (tree / "init").chmod(0o755)
    pack = f"find . | cpio -o -H newc --quiet | gzip -1 > {shlex.quote(str(target))}"
    subprocess.run(pack, shell=True, cwd=tree, check=True)


def run_in_vm(folder: Path, out: Path, script: str, timeout_s: float) -> str:
    """Boot the machine and run a shell script as root.

    Args:
        folder: where `build` left the machine.
        out: a folder of the host that is /mnt/out in the guest.
        script: what to run; the machine is switched off at its end.
        timeout_s: after which the machine is ended.

    Returns:
        The machine's console.

    Raises:
        subprocess.TimeoutExpired: the script did not end.
    """
    # A fresh /tmp is faster than one laid over the host's, but would hide a checkout that lies below it.
    hidden = Path(sys.prefix).is_relative_to("/tmp")
    start = "" if hidden else "mount -t tmpfs tmpfs /tmp\n"
    (out / "job.sh").write_text(f"export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root\n{start}{script}")
    share = "security_model=none"
    machine = ["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2048", "-nodefaults", "-no-user-config"]
    console = ["-display", "none", "-serial", "stdio", "-no-reboot", "-device", "virtio-rng-pci"]
    system = ["-kernel", str(folder / "vmlinuz"), "-initrd", str(folder / "initrd.gz"), "-append", KERNEL_OPTIONS]
    host = ["-virtfs", f"local,path=/,mount_tag=host,{share},readonly=on,multidevs=remap"]
    shared = ["-virtfs", f"local,path={out},mount_tag=out,{share}"]
    done = subprocess.run(
        ["qemu-system-x86_64", *machine, *console, *system, *host, *shared],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout_s,
        check=False,
    )
    return done.stdout.decode(errors="replace")


def main(command: list[str]) -> None:
    """Run one command in the machine and print what it said."""
    build(cache_folder())
    with tempfile.TemporaryDirectory() as out:
        script = f"cd {shlex.quote(str(Path.cwd()))}; {shlex.join(command)} >/mnt/out/log 2>&1"
        console = run_in_vm(cache_folder(), Path(out), script, 600)
        log = Path(out, "log")
        print(log.read_text() if log.exists() else console)


if __name__ == "__main__":
    main(sys.argv[1:])
