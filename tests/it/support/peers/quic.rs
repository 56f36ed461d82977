//! Servers over QUIC: of queries on their own streams (DNS over QUIC), and of HTTP/3.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use bytes::{Buf as _, Bytes};
use http::{Response, header};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, Endpoint, RecvStream, SendStream, ServerConfig, TransportConfig};

use crate::support::peers::https::HttpsResponse;
use crate::support::peers::tls::Certificates;

/// How many bytes of a query a client may send before the server reads. All queries are longer, so
/// that a server can stop one before it has received it.
const QUERY_WINDOW: u32 = 16;

/// Starts a server over QUIC on 127.0.0.1 and returns its port. `serve` gets each connection.
pub(crate) fn serve_quic<F, S>(certificates: &Certificates, protocol: &str, serve: F) -> u16
where
    F: Fn(Connection) -> S + Send + 'static,
    S: Future<Output = Option<()>> + Send + 'static,
{
    let mut tls = (*certificates.server_config()).clone();
    tls.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
    if protocol == "doq" {
        let mut transport = TransportConfig::default();
        transport.stream_receive_window(QUERY_WINDOW.into());
        config.transport_config(Arc::new(transport));
    }
    let (send_port, port) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let endpoint = Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
            send_port.send(endpoint.local_addr().unwrap().port()).unwrap();
            while let Some(incoming) = endpoint.accept().await {
                // A client that rejects the certificate ends the handshake.
                if let Ok(connection) = incoming.await {
                    tokio::spawn(serve(connection));
                }
            }
        });
    });
    port.recv().unwrap()
}

/// Starts a server for DNS over QUIC; `answer` gets the streams of each query.
pub(crate) fn serve_queries<F, S>(certificates: &Certificates, answer: F) -> u16
where
    F: Fn(Connection, SendStream, RecvStream) -> S + Send + Sync + 'static,
    S: Future<Output = Option<()>> + Send + 'static,
{
    let answer = Arc::new(answer);
    serve_quic(certificates, "doq", move |connection| {
        let answer = Arc::clone(&answer);
        async move {
            loop {
                let (send, receive) = connection.accept_bi().await.ok()?;
                tokio::spawn(answer(connection.clone(), send, receive));
            }
        }
    })
}

/// Reads a query to the end of the stream, and returns it without its length.
pub(crate) async fn read_query(receive: &mut RecvStream) -> Option<Vec<u8>> {
    let framed = receive.read_to_end(65_537).await.ok()?;
    let (length, query) = framed.split_at_checked(2)?;
    let length = u16::from_be_bytes([length[0], length[1]]);
    (usize::from(length) == query.len()).then(|| query.to_vec())
}

/// Returns a message with its length before it.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    [&length[..], message].concat()
}

/// Starts a server for HTTP/3, which returns with each request what `respond` does with its path
/// and body; and the codes with which the connections were closed.
pub(crate) fn serve_http3<F>(certificates: &Certificates, respond: F) -> (u16, Receiver<u64>)
where
    F: Fn(&str, &[u8]) -> Option<HttpsResponse> + Send + Sync + 'static,
{
    let respond = Arc::new(respond);
    let (sender, codes) = mpsc::channel();
    let port = serve_quic(certificates, "h3", move |quic| {
        let (respond, sender) = (Arc::clone(&respond), sender.clone());
        async move {
            let connection = h3_quinn::Connection::new(quic.clone());
            let mut connection = h3::server::builder().build(connection).await.ok()?;
            while let Ok(Some(request)) = connection.accept().await {
                let (request, mut stream) = request.resolve_request().await.ok()?;
                let mut body = Vec::new();
                while let Ok(Some(mut part)) = stream.recv_data().await {
                    body.extend_from_slice(&part.copy_to_bytes(part.remaining()));
                }
                let Some(response) = respond(request.uri().path(), &body) else {
                    stream.stop_stream(h3::error::Code::H3_REQUEST_REJECTED);
                    continue;
                };
                let mut head = Response::builder()
                    .status(response.status)
                    .header(header::CONTENT_TYPE, response.content_type);
                if let Some(location) = response.location {
                    head = head.header(header::LOCATION, location);
                }
                stream.send_response(head.body(()).unwrap()).await.ok()?;
                stream.send_data(Bytes::from(response.body)).await.ok();
                stream.finish().await.ok();
            }
            if let quinn::ConnectionError::ApplicationClosed(close) = quic.closed().await {
                sender.send(close.error_code.into_inner()).ok();
            }
            Some(())
        }
    });
    (port, codes)
}
