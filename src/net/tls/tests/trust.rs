//! Certificates that the file of `--ca` lists themselves, and self-signed ones that it does not.

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

use crate::net::tls::tests::support::{
    Authority, Change, failure, handshake, self_signed, trusting,
};
use crate::net::tls::{
    CertificateRefusal, ClientTlsOptions, ClientTrust, Identity, KeyPair as FilePair,
    ServerHandshake, ServerTlsOptions, TlsProblem, Trust,
};

/// Returns the files of a certificate that is a CA's, as `openssl req -x509` makes it.
fn own_certificate(authority: &Authority, change: Change) -> FilePair {
    let mut params =
        CertificateParams::new(vec!["a.example".to_owned(), "2001:db8:0:0:1::1".to_owned()])
            .unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    authority.write("own-ca", &certificate.pem(), &key.serialize_pem())
}

/// Returns a server with such a certificate, and a client's trust in exactly that certificate.
fn own_ca(authority: &Authority, change: Change) -> (ServerHandshake, ClientTrust) {
    let pair = own_certificate(authority, change);
    let trust = ClientTrust::Ca(pair.certificate.clone());
    let identity = Identity::Files(pair);
    (ServerHandshake::new(&ServerTlsOptions { identity, ..self_signed() }).unwrap(), trust)
}

#[tokio::test]
async fn a_listed_certificate_is_trusted_even_if_it_is_a_ca_certificate() {
    let authority = Authority::new("own");
    let (server, trust) = own_ca(&authority, |_| ());
    let (client, _) = handshake(&trusting(trust.clone()), &server, "a.example").await;
    assert_eq!(client.unwrap().1.trust, Trust::Chain);
    // Its name is still verified.
    let problem = failure(handshake(&trusting(trust), &server, "b.example").await.0).to_string();
    let expected = "it is not valid for b.example, only for a.example, 2001:db8::1:0:0:1";
    assert!(problem.contains(expected), "{problem}");
    // So are its dates.
    let (server, trust) =
        own_ca(&authority, |params| params.not_after = rcgen::date_time_ymd(2020, 2, 3));
    let problem = failure(handshake(&trusting(trust), &server, "a.example").await.0).to_string();
    assert!(problem.contains("expired at 2020-02-03"), "{problem}");
}

#[tokio::test]
async fn a_listed_certificate_of_a_client_is_trusted_even_if_it_is_a_ca_certificate() {
    let authority = Authority::new("own");
    let server = |client_ca| {
        let options = ServerTlsOptions { client_ca: Some(client_ca), ..self_signed() };
        ServerHandshake::new(&options).unwrap()
    };
    let client = |certificate| ClientTlsOptions {
        certificate: Some(certificate),
        ..trusting(ClientTrust::AnyCertificate)
    };
    let own = own_certificate(&authority, |_| ());
    let (_, accepted) = handshake(&client(own.clone()), &server(own.certificate), "x").await;
    assert_eq!(accepted.unwrap().1.trust, Trust::Chain);
    // So is one without a listed issuer.
    let signed = authority.sign(&["client.example"], |_| ());
    let (_, accepted) = handshake(&client(signed.clone()), &server(signed.certificate), "x").await;
    assert_eq!(accepted.unwrap().1.trust, Trust::Chain);
    // Its dates are still verified.
    let own = own_certificate(&authority, |params| {
        params.not_after = rcgen::date_time_ymd(2020, 2, 3);
    });
    let (_, refused) = handshake(&client(own.clone()), &server(own.certificate), "x").await;
    let problem = failure(refused).to_string();
    assert!(problem.contains("the client's certificate: it expired at 2020-02-03"), "{problem}");
    // One that is not listed is not trusted.
    let own = own_certificate(&authority, |_| ());
    let (_, refused) = handshake(&client(own), &server(authority.path()), "x").await;
    let problem = failure(refused).to_string();
    assert!(problem.contains("cannot verify the client's certificate"), "{problem}");
}

#[tokio::test]
async fn a_listed_certificate_needs_no_listed_issuer() {
    let authority = Authority::new("own");
    let pair = authority.sign(&["a.example"], |_| ());
    let trust = ClientTrust::Ca(pair.certificate.clone());
    let identity = Identity::Files(pair);
    let server = ServerHandshake::new(&ServerTlsOptions { identity, ..self_signed() }).unwrap();
    assert!(handshake(&trusting(trust), &server, "a.example").await.0.is_ok());
}

#[tokio::test]
async fn an_unlisted_ca_certificate_that_signed_itself_is_called_self_signed() {
    let authority = Authority::new("own");
    let (server, _) = own_ca(&authority, |_| ());
    match failure(handshake(&authority.trusted(), &server, "a.example").await.0) {
        TlsProblem::Certificate { refusal: CertificateRefusal::SelfSigned, .. } => {}
        problem => panic!("{problem}"),
    }
}
