//! `doctor` and certificates.

use std::path::Path;

use rcgen::{CertificateParams, KeyPair};

use crate::support::{Server, sockkit};

/// Starts a TLS server with a certificate for `name` that is valid in these years.
fn server(directory: &Path, name: &str, years: [i32; 2]) -> Server {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(years[0], 1, 1);
    params.not_after = rcgen::date_time_ymd(years[1], 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let (cert, secret) = (directory.join("cert.pem"), directory.join("key.pem"));
    std::fs::write(&cert, certificate.pem()).unwrap();
    std::fs::write(&secret, key.serialize_pem()).unwrap();
    let (cert, secret) = (cert.display(), secret.display());
    sockkit(&format!("echo-server localhost:0 -4 --tls --cert {cert} --key {secret}")).serve()
}

/// Runs doctor on a server with such a certificate; returns the exit code and the text.
fn doctor(name: &str, years: [i32; 2]) -> (i32, String) {
    let directory = tempfile::tempdir().unwrap();
    let server = server(directory.path(), name, years);
    let ca = directory.path().join("cert.pem");
    let args = format!("doctor localhost:{} -4 --tls --ca {}", server.port(), ca.display());
    let ran = sockkit(&args).run();
    (ran.code, ran.out())
}

#[test]
fn a_valid_certificate_is_not_blamed() {
    let (code, out) = doctor("localhost", [2020, 4000]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("certificate is valid for localhost"), "{out}");
}

#[test]
fn a_certificate_that_has_expired_or_is_not_valid_yet_is_named_with_the_clock() {
    for years in [[2020, 2021], [3000, 4000]] {
        let (code, out) = doctor("localhost", years);
        assert_eq!(code, 1, "{out}");
        assert!(out.contains("broken  tls localhost: "), "{out}");
        assert!(out.contains("this machine's clock, which says"), "{out}");
    }
}

#[test]
fn a_certificate_for_another_name_is_named_with_its_names() {
    let (code, out) = doctor("other.example", [2020, 4000]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("broken  tls localhost: "), "{out}");
    assert!(out.contains("other.example"), "{out}");
}
