"""The certificates of the servers: one good, and one for each way to be refused."""

import subprocess

from plan import NAME

# The options of the certificate in each file: its issuer, its name, and for how many days it is
# valid from now.
KINDS = {"good": ("ca", NAME, 30), "expired": ("ca", NAME, -1),
         "wrong-name": ("ca", "other.test", 30), "unknown-issuer": ("unknown-ca", NAME, 30),
         "large": ("ca", NAME, 30)}

# Other names in the large certificate, which thus needs several packets.
MORE_NAMES = "".join(f",DNS:host-{number}.example.test" for number in range(60))


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make(folder):
    """Writes ca.pem, and for each kind a file with the key and the certificate."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for ca in ("ca", "unknown-ca"):
        openssl(folder, "req", "-x509", *key, "-subj", f"/CN=The {ca} of the tests",
                "-keyout", f"{ca}.key", "-out", f"{ca}.pem", "-days", "30",
                "-addext", "keyUsage=critical,keyCertSign")
    for kind, (ca, name, days) in KINDS.items():
        names = f"DNS:{name}" + (MORE_NAMES if kind == "large" else "")
        openssl(folder, "req", *key, "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}",
                "-keyout", f"{kind}.key", "-out", f"{kind}.csr")
        openssl(folder, "x509", "-req", "-in", f"{kind}.csr", "-CA", f"{ca}.pem",
                "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", str(days),
                "-copy_extensions", "copy", "-out", f"{kind}.crt")
        pem = (folder / f"{kind}.key").read_bytes() + (folder / f"{kind}.crt").read_bytes()
        (folder / f"{kind}.pem").write_bytes(pem)
