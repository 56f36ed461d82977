//! A DNS server over HTTPS whose responses are a function of the request.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Response, header};
use tokio_rustls::TlsAcceptor;

use crate::support::peers::tls::Certificates;

/// A response: the status, the type, the value of `location`, and the body.
pub(crate) struct HttpsResponse {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) location: Option<&'static str>,
    pub(crate) body: Vec<u8>,
}

impl HttpsResponse {
    /// A response with a DNS message.
    pub(crate) fn message(body: Vec<u8>) -> Self {
        Self { status: 200, content_type: "application/dns-message", location: None, body }
    }
}

/// The message in the URL of a GET request.
fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Starts a server for HTTP/2 over TLS on 127.0.0.1 and returns its port. `respond` gets the path
/// and the message of each request; the path of a GET request follows the method.
pub(crate) fn serve_https<F>(certificates: &Certificates, respond: F) -> u16
where
    F: Fn(&str, &[u8]) -> HttpsResponse + Send + Sync + 'static,
{
    serve_https_counted(certificates, respond).0
}

/// Starts the same server, and also returns the number of connections so far.
pub(crate) fn serve_https_counted<F>(
    certificates: &Certificates,
    respond: F,
) -> (u16, Arc<AtomicUsize>)
where
    F: Fn(&str, &[u8]) -> HttpsResponse + Send + Sync + 'static,
{
    let connections = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&connections);
    let mut config = (*certificates.server_config()).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let respond = Arc::new(respond);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::Relaxed);
                let (acceptor, respond) = (acceptor.clone(), Arc::clone(&respond));
                tokio::spawn(async move {
                    // A client that rejects the certificate ends the handshake.
                    let stream = acceptor.accept(stream).await.ok()?;
                    serve_client(stream, &*respond).await
                });
            }
        });
    });
    (port, connections)
}

async fn serve_client<S>(
    stream: S,
    respond: &(dyn Fn(&str, &[u8]) -> HttpsResponse + Send + Sync),
) -> Option<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut connection = h2::server::handshake(stream).await.ok()?;
    while let Some(Ok((request, mut sender))) = connection.accept().await {
        let (path, query) = (request.uri().path().to_owned(), request.uri().query());
        let in_url = query.and_then(|query| query.strip_prefix("dns=")).map(decoded);
        // So that a test sees which method was used.
        let path = if in_url.is_some() { format!("GET {path}") } else { path };
        let mut body = request.into_body();
        let mut message = in_url.unwrap_or_default();
        // The connection must be polled while the body arrives.
        tokio::select! {
            () = async {
                while let Some(Ok(part)) = body.data().await {
                    message.extend_from_slice(&part);
                }
            } => {}
            _ = std::future::poll_fn(|context| connection.poll_closed(context)) => {}
        }
        let HttpsResponse { status, content_type, location, body } = respond(&path, &message);
        let mut head =
            Response::builder().status(status).header(header::CONTENT_TYPE, content_type);
        if let Some(location) = location {
            head = head.header(header::LOCATION, location);
        }
        let mut stream = sender.send_response(head.body(()).unwrap(), false).ok()?;
        stream.send_data(Bytes::from(body), true).ok()?;
    }
    Some(())
}
