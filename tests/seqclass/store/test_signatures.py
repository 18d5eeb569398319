"""Signed versions: what the key's owner has not signed, or not like this, is named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from seqclass.store.references import ModelRef
from seqclass.store.root import Record, Root, read_manifest, write_manifest
from seqclass.store.signatures import sign_version, unsigned_versions
from tests.support.commands import Command
from tests.support.stored import store_series, store_version

PRIVATE = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, str]:
    return write_keys(tmp_path, "own", ed25519.Ed25519PrivateKey.generate())


def write_keys(folder: Path, name: str, key: ed25519.Ed25519PrivateKey) -> tuple[str, str]:
    """Paths of the private and the public key."""
    pem = serialization.Encoding.PEM
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    private.write_bytes(key.private_bytes(pem, *PRIVATE))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(pem, form))
    return str(private), str(public)


def test_a_signed_version_is_sound_and_another_is_named(
    root: Root, keys: tuple[str, str], seqclass: Command
) -> None:
    store_version(root, "m")
    store_version(root, "m")
    assert seqclass("sign", "m@v1", "--key", keys[0])[0] == 0
    code, out, _ = seqclass("verify", "--key", keys[1])
    assert code == 1
    assert [line for line in out.splitlines() if "signature" in line] == [
        f"{root.join('models', 'm', 'v2', 'manifest.json')}: expected a signature, it has none; "
        "look at it, then 'seqclass sign m@v2 --key FILE' signs it"
    ]
    assert seqclass("sign", "m@v2", "--key", keys[0])[0] == 0
    assert seqclass("verify", "m", "--key", keys[1])[0] == 0
    store_version(root, "m")
    assert seqclass("verify", "m@v2", "--key", keys[1])[0] == 0, "v3 was not asked about"
    assert seqclass("verify", "m@v3", "--key", keys[1])[0] == 1
    store_series(root, name="m")
    assert seqclass("verify", "datasets/m", "--key", keys[1])[0] == 0, "datasets are not signed"


def test_what_was_changed_and_sealed_anew_is_named(root: Root, keys: tuple[str, str]) -> None:
    model = store_version(root, "m")
    sign_version(model, keys[0])
    own = [ModelRef("m", "v1")]
    assert unsigned_versions(root, keys[1], own) == []
    manifest = read_manifest(root, model.folder, Record)
    root.fs.rm(f"{model.folder}/manifest.json")
    write_manifest(root, model.folder, {**manifest, "classes": ["forged"]})
    [named] = unsigned_versions(root, keys[1], own)
    assert "changed since" in named["problem"]


def test_a_signature_is_of_one_version_and_one_key(
    root: Root, keys: tuple[str, str], tmp_path: Path
) -> None:
    one, two = store_version(root, "m"), store_version(root, "m")
    sign_version(one, keys[0])
    path = sign_version(two, keys[0])
    root.fs.pipe_file(path, root.fs.cat_file(root.join("models", "m", "signatures", "v1.json")))
    own = [ModelRef("m", "v1"), ModelRef("m", "v2")]
    assert len(unsigned_versions(root, keys[1], own)) == 1
    _, other = write_keys(tmp_path, "other", ed25519.Ed25519PrivateKey.generate())
    assert len(unsigned_versions(root, other, own)) == 2


JUNK: dict[str, Callable[[str], bytes]] = {
    "no JSON": lambda text: b"{",
    "no hex": lambda text: json.dumps({**json.loads(text), "signature": "zz"}).encode(),
    "no signature": lambda text: b"{}",
    "a flipped bit": lambda text: text.replace('"signature": "', '"signature": "00').encode(),
}


@pytest.mark.parametrize("junk", JUNK)
def test_a_damaged_signature_is_named(root: Root, keys: tuple[str, str], junk: str) -> None:
    path = sign_version(store_version(root, "m"), keys[0])
    root.fs.pipe_file(path, JUNK[junk](root.fs.cat_file(path).decode()))
    assert len(unsigned_versions(root, keys[1], [ModelRef("m", "v1")])) == 1


@pytest.mark.parametrize("what", ["nothing", "text", "another kind", "the public one"])
def test_what_is_no_key_is_one_line(
    root: Root, keys: tuple[str, str], seqclass: Command, tmp_path: Path, what: str
) -> None:
    store_version(root, "m")
    path = tmp_path / "k.pem"
    if what == "text":
        path.write_text("none")
    if what == "another kind":
        curve = ec.generate_private_key(ec.SECP256R1())
        path.write_bytes(curve.private_bytes(serialization.Encoding.PEM, *PRIVATE))
    chosen = keys[1] if what == "the public one" else str(path)
    code, out, err = seqclass("sign", "m@v1", "--key", chosen)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert not root.exists("models", "m", "signatures")
