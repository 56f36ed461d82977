//! A DNS server whose replies are a function of the query, on one port for UDP and TCP.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, CNAME, NS, NULL};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

/// The transport that carried a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// A UDP datagram.
    Udp,
    /// A TCP connection.
    Tcp,
}

/// A query that the server has received.
pub(crate) struct Query {
    /// The whole message.
    pub(crate) message: Message,
    /// The name, with a trailing dot.
    pub(crate) name: String,
    /// The record type.
    pub(crate) record_type: RecordType,
    /// The transport.
    pub(crate) via: Transport,
    /// The address that sent it.
    pub(crate) client: SocketAddr,
}

/// A DNS server that runs until the test process ends.
pub(crate) struct DnsServer {
    /// The address for UDP and TCP.
    pub(crate) addr: SocketAddr,
    queries: Arc<AtomicUsize>,
}

impl DnsServer {
    /// Starts a server that sends the messages that `answer` returns, unchanged.
    pub(crate) fn start<F>(answer: F) -> Self
    where
        F: Fn(&Query) -> Vec<Vec<u8>> + Send + Sync + 'static,
    {
        Self::serve(bind(), answer)
    }

    /// Starts the same server at this address, which no other socket uses.
    pub(crate) fn start_at<F>(addr: SocketAddr, answer: F) -> Self
    where
        F: Fn(&Query) -> Vec<Vec<u8>> + Send + Sync + 'static,
    {
        Self::serve((UdpSocket::bind(addr).unwrap(), TcpListener::bind(addr).unwrap()), answer)
    }

    fn serve<F>((udp, tcp): (UdpSocket, TcpListener), answer: F) -> Self
    where
        F: Fn(&Query) -> Vec<Vec<u8>> + Send + Sync + 'static,
    {
        let addr = udp.local_addr().unwrap();
        let queries = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&queries);
        let answer = Arc::new(move |query: &[u8], via, client| {
            counter.fetch_add(1, Ordering::Relaxed);
            Query::parse(query, via, client).map_or_else(Vec::new, |query| answer(&query))
        });
        let over_tcp = Arc::clone(&answer);
        thread::spawn(move || serve_udp(&udp, &*answer));
        thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                // A client may close before it has read the reply.
                serve_tcp(stream, &*over_tcp).ok();
            }
        });
        Self { addr, queries }
    }

    /// Starts a server that answers from `records`: the records of the queried name and type, its
    /// CNAME for another type, and NXDOMAIN for another name.
    pub(crate) fn with_records(records: Vec<Record>) -> Self {
        Self::start(answer_from(records))
    }

    /// Starts the same server at this address, which no other socket uses.
    pub(crate) fn with_records_at(addr: SocketAddr, records: Vec<Record>) -> Self {
        Self::start_at(addr, answer_from(records))
    }

    /// The server as an argument of `resolve`.
    pub(crate) fn argument(&self) -> String {
        format!("@{}", self.addr)
    }

    /// The number of queries received.
    pub(crate) fn count(&self) -> usize {
        self.queries.load(Ordering::Relaxed)
    }
}

fn answer_from(records: Vec<Record>) -> impl Fn(&Query) -> Vec<Vec<u8>> + Send + Sync + 'static {
    move |query| {
        let is_of_name = |record: &&Record| record.name.to_ascii() == query.name;
        let of_name: Vec<&Record> = records.iter().filter(is_of_name).collect();
        let mut reply = query.reply();
        if of_name.is_empty() {
            reply.metadata.response_code = ResponseCode::NXDomain;
        }
        let fits = |record: &&&Record| {
            [query.record_type, RecordType::CNAME].contains(&record.record_type())
        };
        reply.add_answers(of_name.iter().filter(fits).map(|record| (*record).clone()));
        vec![wire(&reply)]
    }
}

impl Query {
    fn parse(query: &[u8], via: Transport, client: SocketAddr) -> Option<Self> {
        let message = Message::from_vec(query).ok()?;
        let query = message.queries.first()?;
        let (name, record_type) = (query.name().to_ascii(), query.query_type());
        Some(Self { message, name, record_type, via, client })
    }

    /// A reply without records.
    pub(crate) fn reply(&self) -> Message {
        let mut reply = self.message.clone().into_response();
        reply.metadata.recursion_available = true;
        reply
    }

    /// A reply with a response code and no records.
    pub(crate) fn reply_code(&self, code: ResponseCode) -> Vec<u8> {
        let mut reply = self.reply();
        reply.metadata.response_code = code;
        wire(&reply)
    }
}

/// The message in wire format.
pub(crate) fn wire(message: &Message) -> Vec<u8> {
    message.to_vec().unwrap()
}

/// A record of the class IN with a TTL of 300.
pub(crate) fn record(name: &str, data: RData) -> Record {
    Record::from_rdata(Name::from_ascii(name).unwrap(), 300, data)
}

/// An address record.
pub(crate) fn a(name: &str, ip: [u8; 4]) -> Record {
    record(name, RData::A(A(ip.into())))
}

/// A CNAME record.
pub(crate) fn cname(name: &str, target: &str) -> Record {
    record(name, RData::CNAME(CNAME(Name::from_ascii(target).unwrap())))
}

/// An NS record.
pub(crate) fn ns(zone: &str, server: &str) -> Record {
    record(zone, RData::NS(NS(Name::from_ascii(server).unwrap())))
}

/// A record of any type, with its data in wire format.
pub(crate) fn raw(name: &str, record_type: u16, data: &[u8]) -> Record {
    let rdata = NULL::with(data.to_vec());
    let code = RecordType::from(record_type);
    record(name, RData::Unknown { code, rdata })
}

/// Returns the reply messages for the bytes of a query.
type Answer = dyn Fn(&[u8], Transport, SocketAddr) -> Vec<Vec<u8>>;

/// The longest wait for a query on an open TCP connection.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// How many ports are tried until one is free for both UDP and TCP.
const PORT_TRIES: usize = 50;

fn bind() -> (UdpSocket, TcpListener) {
    for _ in 0..PORT_TRIES {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            return (udp, tcp);
        }
    }
    panic!("no port is free for both UDP and TCP");
}

fn serve_udp(socket: &UdpSocket, answer: &Answer) {
    let mut buffer = vec![0; 65_535];
    // An error here is ICMP port unreachable in response to an earlier reply.
    loop {
        let Ok((length, client)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        for reply in answer(&buffer[..length], Transport::Udp, client) {
            socket.send_to(&reply, client).ok();
        }
    }
}

fn serve_tcp(mut stream: TcpStream, answer: &Answer) -> std::io::Result<()> {
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    let client = stream.peer_addr()?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut query)?;
    for reply in answer(&query, Transport::Tcp, client) {
        let length = u16::try_from(reply.len()).unwrap();
        stream.write_all(&length.to_be_bytes())?;
        stream.write_all(&reply)?;
    }
    Ok(())
}
