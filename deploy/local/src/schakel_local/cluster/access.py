"""Who may come in: tokens of one run, the key that signs the tokens of pods, and what the kubelet knows its caller by.

Whoever can read the folder of the cluster is its administrator; that is root.
"""

import json
import secrets
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from schakel_local.cluster.site import NODE, Site

CLIENT_CERTIFICATE, CLIENT_KEY = "api-server-to-kubelet.crt", "api-server-to-kubelet.key"
"""The one certificate that the kubelet takes."""
_LIFE = timedelta(days=30)
_USERS = {
    "admin": ("admin", "system:masters"),
    "controllers": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "proxy": ("system:kube-proxy", ""),
    "kubelet": (f"system:node:{NODE}", "system:nodes"),
}
"""Who may come in, by file name: the user and the group that the API server's own roles are bound to."""


def write_access(site: Site) -> None:
    """Write a token and a kubeconfig for each user, and the key that signs the tokens of pods."""
    lines = []
    for name, (user, group) in _USERS.items():
        token = secrets.token_urlsafe(24)
        lines.append(f'{token},{user},{name},"{group}"' if group else f"{token},{user},{name}")
        file = "kubeconfig" if name == "admin" else f"kubeconfig-{name}"
        site.write(file, json.dumps(_kubeconfig(site, token), indent=2))
    site.write("tokens.csv", "\n".join(lines) + "\n")
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    site.write("service-accounts.key", _as_pem(key))
    site.write("service-accounts.pub", public.decode())
    _write_certificate(site)


def _write_certificate(site: Site) -> None:
    """Write a certificate that vouches for itself: the kubelet trusts it and no other."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    site.write(CLIENT_KEY, _as_pem(key))
    site.write(CLIENT_CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM).decode())


def _as_pem(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def _kubeconfig(site: Site, token: str) -> dict[str, object]:
    cluster = {"server": site.api, "certificate-authority": str(site.folder / "certificates" / "apiserver.crt")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "schakel",
        "clusters": [{"name": "schakel", "cluster": cluster}],
        "users": [{"name": "schakel", "user": {"token": token}}],
        "contexts": [{"name": "schakel", "context": {"cluster": "schakel", "user": "schakel"}}],
    }
