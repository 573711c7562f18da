"""C2PA: files that the program writes say, signed, what they are; and what such a signature is worth is said too.

The signature is made with a key of this installation (P-256, certificate chain of a local authority and a leaf, no name
of the user in it). It shows that a file was not changed since; it shows nothing about who made it, and no time stamp of
an authority is attached, since that would need the network.

The only home of ``c2pa`` (extra ``provenance``).
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import mmap
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vcam import __version__
from vcam.errors import BadInput, VcamError
from vcam.safeguards.record_frame import file_type, frame_is_whole
from vcam.safeguards.vault import Vault

MIME_TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime",
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp",
}  # fmt: skip
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_SESSION_LABEL = "org.facewarp.session"
_GENERATOR = "FaceWarp Cam"
_KEY_FILE = "provenance.key"
_YEARS = 10
_LONGEST_FILE_TYPE = 4096  # bytes
_NO_MANIFEST = "ManifestNotFound"
_SETTINGS = {"builder": {"thumbnail": {"enabled": False}}}  # a thumbnail would be an unmarked second picture


class ProvenanceUnavailable(VcamError):
    """The extra is not installed, or the file's format carries no C2PA manifest."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What signs: PEM texts of the leaf's key, of the chain (leaf first) and of the local authority."""

    key_pem: bytes
    chain_pem: bytes
    authority_pem: bytes


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a file says of itself.

    Attributes:
        present: it carries a manifest.
        intact: and nothing was changed since it was signed.
        ours: signed with the given authority's key; False where none was given.
        made_by: the program named in the claim.
        swapped: the claim says composite with trained media.
        session: the watermark's session named in the claim, as hex.
        faults: what the check found wrong, in C2PA's words.
    """

    present: bool
    intact: bool = False
    ours: bool = False
    made_by: str = ""
    swapped: bool = False
    session: str = ""
    faults: tuple[str, ...] = ()

    def sentence(self) -> str:
        """For the user."""
        if not self.present:
            return "no provenance record"
        if not self.intact:
            return "the provenance record does not fit the file: it was changed after signing"
        signer = "this installation" if self.ours else "a local signature, which no trusted authority vouches for"
        return f"provenance record intact, made by {self.made_by or 'an unnamed program'}, signed by {signer}"


def is_available() -> bool:
    """Whether the extra ``provenance`` is installed."""
    return importlib.util.find_spec("c2pa") is not None


def check_available(path: Path) -> None:
    """Find out before anything is done whether a file can be signed.

    Raises:
        ProvenanceUnavailable: no ``c2pa``, or no such format.
    """
    _library()
    _mime_of(path)


def signing_key(vault: Vault) -> SigningKey:
    """The key of this installation, made and sealed in the vault at first use.

    Raises:
        VaultDamaged: the sealed key was changed.
    """
    if _KEY_FILE not in vault.names(".key"):
        made = _make_key()
        texts = [part.decode() for part in (made.key_pem, made.chain_pem, made.authority_pem)]
        vault.write(_KEY_FILE, json.dumps(texts).encode())
        return made
    return SigningKey(*(text.encode() for text in json.loads(vault.read(_KEY_FILE))))


def sign_file(
    source: Path, target: Path, key: SigningKey, session: int, *, marked: bool = True, now: datetime | None = None
) -> None:
    """Write a signed copy of a file that shows a swap.

    Args:
        source: as the program wrote it.
        target: another path of the same format; is replaced.
        key: see ``signing_key``.
        session: 24 bits, as in the watermark.
        marked: whether the watermark is in it; a picture too small for it has none.
        now: UTC; the present time if not given.

    Raises:
        ProvenanceUnavailable: no ``c2pa``, or no such format.
        BadInput: the file is not what its ending says.
    """
    c2pa, mime = _library(), _mime_of(source)
    info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, key.chain_pem, key.key_pem, None)
    with source.open("rb") as file:
        type_box = file_type(file.read(_LONGEST_FILE_TYPE))
    manifest = _manifest(source.suffix[1:], session, type_box, now or datetime.now(UTC), marked=marked)
    try:
        with (
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(manifest, context=c2pa.Context(c2pa.Settings.from_dict(_SETTINGS))) as builder,
            source.open("rb") as reads,
            target.open("w+b") as writes,
        ):
            builder.sign(signer, mime, reads, writes)
    except c2pa.C2paError as error:
        target.unlink(missing_ok=True)
        raise BadInput(f"{source} cannot be signed: {error}") from error


def sign_in_place(path: Path, key: SigningKey, session: int, *, marked: bool) -> None:
    """Sign a file that the program has just written; if that fails, it stays as it is.

    Raises:
        ProvenanceUnavailable: no ``c2pa``, or no such format.
        BadInput: the file is not what its ending says, or the signed copy does not read back as intact.
        OSError: there is no room for the copy.
    """
    signed = path.with_name(f".{path.stem}.signed{path.suffix}")
    try:
        sign_file(path, signed, key, session, marked=marked)
        if not read_provenance(signed).intact:
            raise BadInput(f"the signature of {path.name} does not read back as intact")
        signed.replace(path)
    finally:
        signed.unlink(missing_ok=True)


def read_provenance(path: Path, authority_pem: bytes | None = None) -> Provenance:
    """What a file says of itself, and whether it is still as it was signed.

    Args:
        path: the file.
        authority_pem: the local authority of this installation, to recognise its own signatures.

    Raises:
        ProvenanceUnavailable: no ``c2pa``, or no such format.
    """
    c2pa, mime = _library(), _mime_of(path)
    trust = {"user_anchors": authority_pem.decode()} if authority_pem else {}
    settings = {"verify": {"verify_trust": True}, **({"trust": trust} if trust else {})}
    try:
        with (
            path.open("rb") as file,
            c2pa.Reader(mime, file, context=c2pa.Context(c2pa.Settings.from_dict(settings))) as reader,
        ):
            store, state = reader.json(), str(reader.get_validation_state())
    except c2pa.C2paError as error:
        if _NO_MANIFEST in f"{type(error).__name__} {error}":
            return Provenance(present=False)
        return Provenance(present=True, faults=(f"{type(error).__name__}: {error}",))
    try:
        found, signed_file_type = _provenance_from(json.loads(store), state)
    except (AttributeError, KeyError, TypeError, ValueError):
        return Provenance(present=True, faults=("the record cannot be understood",))
    if found.made_by == _GENERATOR and not _frame_is_whole(path, signed_file_type):
        return replace(found, intact=False, ours=False, faults=("the frame of the record was changed",))
    return found


def _frame_is_whole(path: Path, signed_file_type: str) -> bool:
    """Whether the bytes that C2PA leaves unsigned are the ones we wrote."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return frame_is_whole(content, path.suffix.lower()) and file_type(content).hex() == signed_file_type


def _provenance_from(store: dict[str, Any], state: str) -> tuple[Provenance, str]:
    """What the record says; and the file's type that it names, as hex."""
    manifest = store.get("manifests", {}).get(store.get("active_manifest"))
    if manifest is None:
        return Provenance(present=True, faults=("the active manifest is missing",)), ""
    assertions = {item["label"]: item["data"] for item in manifest.get("assertions", [])}
    actions = [action for label, data in assertions.items() if "actions" in label for action in data["actions"]]
    generator = manifest.get("claim_generator_info") or [{}]
    failures = store.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    session = assertions.get(_SESSION_LABEL, {})
    found = Provenance(
        present=True,
        intact=state in ("Valid", "Trusted"),
        ours=state == "Trusted",
        made_by=generator[0].get("name", ""),
        swapped=any(action.get("digitalSourceType") == COMPOSITE for action in actions),
        session=str(session.get("session", "")),
        faults=tuple(sorted({failure["code"] for failure in failures})),
    )
    return found, str(session.get("file_type", ""))


def _manifest(file_format: str, session: int, type_box: bytes, now: datetime, *, marked: bool) -> dict[str, Any]:
    when = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    agent = {"name": _GENERATOR, "version": __version__}
    actions = [{"action": "c2pa.created", "when": when, "digitalSourceType": COMPOSITE, "softwareAgent": agent}]
    if marked:
        actions.append({"action": "c2pa.watermarked.unbound", "when": when, "softwareAgent": agent})
    said = {"session": f"{session:06x}", "consent": "recorded locally", "file_type": type_box.hex()}
    return {
        "claim_generator_info": [agent],
        "title": f"Swapped face, {file_format}",
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": _SESSION_LABEL, "data": said},
        ],
    }


def _library() -> Any:
    try:
        return importlib.import_module("c2pa")
    except ImportError as error:
        raise ProvenanceUnavailable(
            "provenance records need the package c2pa-python; install it with: pip install 'facewarp-cam[provenance]'"
        ) from error


def _mime_of(path: Path) -> str:
    try:
        return MIME_TYPES[path.suffix.lower()]
    except KeyError as error:
        known = ", ".join(MIME_TYPES)
        raise ProvenanceUnavailable(
            f"files that end in {path.suffix!r} carry no provenance record; these do: {known}"
        ) from error


def _make_key() -> SigningKey:
    """A local authority and a leaf under it; the authority's key is thrown away at once."""
    authority_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name, leaf_name = _name("local authority"), _name("local installation")
    authority_id = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = (
        _certificate(authority_name, authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .add_extension(authority_id, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    leaf = (
        _certificate(leaf_name, authority_name, leaf_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(leaf_key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = leaf_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return SigningKey(private, leaf.public_bytes(pem) + authority.public_bytes(pem), authority.public_bytes(pem))


def _name(role: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, _GENERATOR), x509.NameAttribute(NameOID.COMMON_NAME, role)]
    )


def _certificate(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    # whole days: the moment of installation is nobody's business
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=365 * _YEARS))
    )


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates, key_cert_sign=certificates, crl_sign=certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
