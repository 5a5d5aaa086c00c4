//! Ed25519 signatures of `run.json`: 64 bytes in a file beside it, as `openssl pkeyutl -rawin` makes and
//! checks them.

use super::disk;
use super::manifest::{NAME, SIGNATURE};
use super::output::full;
use crate::error::Fatal;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey};
use ed25519_dalek::{Signature, Signer};
pub use ed25519_dalek::{SigningKey, VerifyingKey};
use std::path::Path;

/// Reads a private key, PKCS#8 in PEM.
///
/// # Errors
/// [`Fatal`] where the file cannot be read or holds no such key.
pub fn private_key(path: &Path) -> Result<SigningKey, Fatal> {
    let make = "a key of `openssl genpkey -algorithm ed25519 -out key.pem`";
    let text = text(path, make)?;
    SigningKey::from_pkcs8_pem(&text)
        .map_err(|e| Fatal::new(format!("{} holds no Ed25519 private key: {e}", path.display()), make))
}

/// Reads a public key, SubjectPublicKeyInfo in PEM.
///
/// # Errors
/// [`Fatal`] where the file cannot be read or holds no such key.
pub fn public_key(path: &Path) -> Result<VerifyingKey, Fatal> {
    let make = "the public key of `openssl pkey -in key.pem -pubout -out public.pem`";
    let text = text(path, make)?;
    VerifyingKey::from_public_key_pem(&text)
        .map_err(|e| Fatal::new(format!("{} holds no Ed25519 public key: {e}", path.display()), make))
}

fn text(path: &Path, make: &str) -> Result<String, Fatal> {
    std::fs::read_to_string(path)
        .map_err(|e| Fatal::new(format!("cannot read the key {}: {e}", path.display()), make))
}

/// Signs the `run.json` of `out`.
///
/// # Errors
/// [`Fatal`] where it cannot be read, or the signature not be written.
pub fn sign(out: &Path, key: &SigningKey) -> Result<(), Fatal> {
    let signed = std::fs::read(out.join(NAME)).map(|bytes| key.sign(&bytes).to_bytes());
    signed.and_then(|bytes| disk::replace(&out.join(SIGNATURE), &bytes)).map_err(|e| full(out, &e))
}

/// Whether `signature` is that of `bytes` by the key.
pub fn holds(bytes: &[u8], signature: &[u8], key: &VerifyingKey) -> bool {
    Signature::from_slice(signature).is_ok_and(|s| key.verify_strict(bytes, &s).is_ok())
}
