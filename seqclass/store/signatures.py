"""Signatures of model versions, with the user's key (Ed25519, RFC 8032).

A manifest holds the digest of every file of its version, so a signature of the manifest covers them
all. It is stored beside the versions: someone who changes and reseals a version can't sign it.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Protocol

from seqclass.store.inventory import keep
from seqclass.store.kept_records import Signature
from seqclass.store.models import Model, read_model
from seqclass.store.references import ModelRef
from seqclass.store.root import (
    MANIFEST,
    DamagedError,
    Damages,
    Root,
    read_bytes,
    read_record,
)

SIGNATURES = "signatures"


class PublicKey(Protocol):
    """The key that checks a signature."""

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raise an error if the signature is not that of these bytes."""


def sign_version(model: Model, key_file: str) -> str:
    """Sign a version after comparing its files with its manifest; returns the signature's path.

    key_file: a private key as PEM. ValueError if it is none.
    """
    key = _read_key(key_file, "private")
    model.check()
    digest = _manifest_digest(model)
    signed = {"manifest_sha256": digest, "signature": key.sign(_message(model, digest)).hex()}
    path = _path(model.root, model.name, model.version)
    keep(model.root, path, json.dumps(signed, indent=2).encode())
    return path


def unsigned_versions(root: Root, key_file: str, refs: Sequence[ModelRef]) -> Damages:
    """Return those of these versions that the key's owner has not signed as they are.

    key_file: a public key as PEM.
    """
    key = _read_key(key_file, "public")
    return [
        {"path": root.join(*ref.parts, MANIFEST), "problem": problem}
        for ref in refs
        if (problem := _problem(root, ref.name, ref.version, key))
    ]


def _problem(root: Root, name: str, version: str, key: PublicKey) -> str | None:
    from cryptography.exceptions import InvalidSignature

    path = _path(root, name, version)
    if not root.fs.exists(path):
        command = f"'seqclass sign {name}@{version} --key FILE'"
        return f"expected a signature, it has none; look at it, then {command} signs it"
    try:
        model, signed = read_model(root, name, version), read_record(root, path, Signature)
        signature = bytes.fromhex(signed["signature"])
        key.verify(signature, _message(model, _manifest_digest(model)))
    except (InvalidSignature, ValueError, DamagedError):
        return "expected what was signed with this key, it is other or was changed since"
    return None


def _path(root: Root, name: str, version: str) -> str:
    return root.join("models", name, SIGNATURES, f"{version}.json")


def _manifest_digest(model: Model) -> str:
    return hashlib.sha256(read_bytes(model.root, f"{model.folder}/{MANIFEST}")).hexdigest()


def _message(model: Model, digest: str) -> bytes:
    return f"seqclass model version\n{model.ref}\n{digest}\n".encode()


def _read_key(path: str, kind: str) -> Any:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    try:
        with open(path, "rb") as file:
            content = file.read(2**16)
        if kind == "private":
            key: object = serialization.load_pem_private_key(content, None)
        else:
            key = serialization.load_pem_public_key(content)
    except (ValueError, TypeError) as error:
        raise ValueError(_no_key(path, kind, "another file")) from error
    wanted = {"private": ed25519.Ed25519PrivateKey, "public": ed25519.Ed25519PublicKey}[kind]
    if not isinstance(key, wanted):
        raise ValueError(_no_key(path, kind, "a key of another kind"))
    return key


def _no_key(path: str, kind: str, got: str) -> str:
    make = "openssl genpkey -algorithm ed25519 -out key.pem"
    if kind == "public":
        make = "openssl pkey -in key.pem -pubout -out public.pem"
    return (
        f"--key: expected a {kind} Ed25519 key as PEM without a password, got {got} in {path!r}; "
        f"{make!r} makes one"
    )
