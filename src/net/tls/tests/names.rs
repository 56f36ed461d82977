//! Tests of the server name that a client sends.

use crate::net::tls::tests::support::{handshake, self_signed, trusting};
use crate::net::tls::{ClientTrust, ServerHandshake};

#[tokio::test]
async fn each_side_knows_the_server_name_that_the_client_sent_and_an_address_is_not_sent() {
    let any = trusting(ClientTrust::AnyCertificate);
    let server = ServerHandshake::new(&self_signed()).unwrap();
    for (host, sent) in [("a.example", Some("a.example")), ("192.0.2.1", None), ("::1", None)] {
        let (client, accepted) = handshake(&any, &server, host).await;
        let facts = [client.unwrap().1, accepted.unwrap().1];
        assert!(facts.iter().all(|facts| facts.server_name.as_deref() == sent), "{facts:?}");
    }
}
