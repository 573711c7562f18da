"""``facewarp faces``: add, list, show, rename, remove, export and import source faces."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vcam.cli.arguments import Subparsers, add_consent, consent_from, notice, told
from vcam.errors import BadInput, BadSettings

if TYPE_CHECKING:
    from vcam.daemon.library import Library
    from vcam.types import Embedding


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its own commands."""
    parser = subparsers.add_parser(
        "faces",
        help="add, list, show, rename or remove faces",
        description="The faces you can wear. Yours are encrypted.",
    )
    deeds = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = deeds.add_parser("list", help="list the faces")
    listing.set_defaults(run=list_faces)
    add = deeds.add_parser("add", help="add a person from one photo or several")
    add.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    add.add_argument("--name", help="what to call the face; default: the first photo's file name")
    add_consent(add)
    add.add_argument(
        "--confirm", nargs="?", const="", metavar="CAMERA",
        help="look into the camera, so that the record can say that it is your own face; default: the first camera",
    )  # fmt: skip
    add.add_argument(
        "--which", type=told(_number), default=0, metavar="N", help="of several faces in a photo, the Nth from the left"
    )
    add.set_defaults(run=add_face)
    for name, function, help_line in (
        ("show", show_face, "show a face's consent record"),
        ("remove", remove_face, "remove a face and everything that belongs to it"),
    ):
        one = deeds.add_parser(name, help=help_line)
        one.add_argument("name", metavar="NAME")
        one.set_defaults(run=function)
    rename = deeds.add_parser("rename", help="give a face another name")
    rename.add_argument("name", metavar="NAME")
    rename.add_argument("new_name", metavar="NEW_NAME")
    rename.set_defaults(run=rename_face)
    for name, function, help_line in (
        ("export", export_faces, "write your faces into one encrypted file"),
        ("import", import_faces, "add the faces of an exported file"),
    ):
        moving = deeds.add_parser(name, help=help_line)
        moving.add_argument("file", type=Path, metavar="FILE")
        moving.set_defaults(run=function)
    reset = deeds.add_parser("reset", help="destroy the key and all your faces")
    reset.add_argument("--yes", action="store_true", help="really")
    reset.set_defaults(run=reset_faces)


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise BadSettings(f"must be a whole number from 1, not {text!r}")
    return int(text)


def open_library() -> Library:
    """The library; faces that cannot be used are told."""
    from vcam.daemon.library import Library

    library = Library()
    for fault in library.faults:
        print(f"facewarp: {fault}", file=sys.stderr)
    return library


def tell_the_program() -> None:
    """Let a running program look at the faces again."""
    from vcam.daemon.channel import ask
    from vcam.daemon.instance import runtime_folder
    from vcam.daemon.protocol import Request

    ask(runtime_folder(), Request("reload"))


def list_faces(_arguments: argparse.Namespace) -> int:
    """A line for each face."""
    for face in open_library().list():
        print(f"{face.name}{'  (built in)' if face.built_in else ''}")
    return 0


def add_face(arguments: argparse.Namespace) -> int:
    """Add a person."""
    from vcam.safeguards.consent import wording
    from vcam.video.photos import load_photo

    stated = consent_from(arguments)(arguments.photos[0])
    name = arguments.name or arguments.photos[0].stem
    photos = [load_photo(path) for path in arguments.photos]
    looks = None if arguments.confirm is None else _look_into(arguments.confirm)
    added = open_library().add(
        photos, name, stated.basis, stated.note, notice, dict.fromkeys(photos, arguments.which), looks
    )
    print(f"{added.name} can be worn now. Recorded: {wording(stated.basis)}")
    tell_the_program()
    return 0


def _look_into(camera_name: str) -> list[Embedding]:
    from vcam.catalogue import find_models_folder
    from vcam.config import DEFAULT_MODE
    from vcam.pipeline.enrol import look_into
    from vcam.pipeline.session import first_camera
    from vcam.video.cameras import open_camera

    notice("Look into the camera; no picture of it is kept.")
    camera = open_camera(camera_name or first_camera(), DEFAULT_MODE)
    try:
        return look_into(lambda: camera.read().image, find_models_folder())
    finally:
        camera.close()


def show_face(arguments: argparse.Namespace) -> int:
    """The consent record of a face."""
    from vcam.daemon.faces import find_face
    from vcam.safeguards.consent import record_lines

    library = open_library()
    source = library.source(find_face(library.list(), arguments.name).id)
    for label, text in (("name", source.name), *record_lines(source.consent)):
        print(f"{label:12} {text}")
    return 0


def rename_face(arguments: argparse.Namespace) -> int:
    """Give a face another name."""
    open_library().rename(arguments.name, arguments.new_name)
    tell_the_program()
    return 0


def remove_face(arguments: argparse.Namespace) -> int:
    """Remove a face."""
    open_library().remove(arguments.name)
    tell_the_program()
    return 0


def export_faces(arguments: argparse.Namespace) -> int:
    """All own faces into one file."""
    library = open_library()
    if all(face.built_in for face in library.list()):
        raise BadInput("there is no face of yours to export; add one: facewarp faces add PHOTO")
    content, count = library.export(_passphrase())
    try:
        arguments.file.write_bytes(content)
    except OSError as error:
        raise BadInput(f"{arguments.file} cannot be written: {error.strerror}") from error
    print(f"{count} faces written to {arguments.file}")
    return 0


def import_faces(arguments: argparse.Namespace) -> int:
    """The faces of an exported file."""
    try:
        content = arguments.file.read_bytes()
    except OSError as error:
        raise BadInput(f"{arguments.file} cannot be read: {error.strerror}") from error
    added = open_library().import_from(content, _passphrase())
    print(f"{len(added)} faces added: {', '.join(source.name for source in added)}")
    tell_the_program()
    return 0


def reset_faces(arguments: argparse.Namespace) -> int:
    """Destroy everything."""
    if not arguments.yes:
        raise BadInput("this destroys the key and every face of yours for good; say --yes if you mean it")
    open_library().reset()
    tell_the_program()
    return 0


def _passphrase() -> str:
    passphrase = (
        getpass.getpass("Passphrase of the file: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    )
    if not passphrase:
        raise BadInput("a passphrase is needed; type one, or give it on the standard input")
    return passphrase
