//! A DNS server that says whatever a test wants: a function from queries to replies, behind one
//! port for UDP and TCP.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, CNAME, NS, NULL};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// In a datagram.
    Udp,
    /// Over a connection.
    Tcp,
}

/// A query, as the tests look at it.
pub(crate) struct Asked {
    /// The whole message.
    pub(crate) message: Message,
    /// The name, with the dot at its end.
    pub(crate) name: String,
    /// The type.
    pub(crate) record_type: RecordType,
    /// How it came.
    pub(crate) via: Via,
}

/// Runs until the test process ends.
pub(crate) struct DnsServer {
    /// Where it is.
    pub(crate) addr: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl DnsServer {
    /// Starts a server that sends the messages `answer` gives, each as it is.
    pub(crate) fn start<F>(answer: F) -> Self
    where
        F: Fn(&Asked) -> Vec<Vec<u8>> + Send + Sync + 'static,
    {
        let (udp, tcp) = bind();
        let addr = udp.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let answer = Arc::new(move |query: &[u8], via| {
            counter.fetch_add(1, Ordering::Relaxed);
            Asked::parse(query, via).map_or_else(Vec::new, |asked| answer(&asked))
        });
        let over_tcp = Arc::clone(&answer);
        thread::spawn(move || serve_udp(&udp, &*answer));
        thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                // A client that leaves early is the client's business.
                serve_tcp(stream, &*over_tcp).ok();
            }
        });
        Self { addr, asked }
    }

    /// Starts a server that gives these records to whoever asks for their name and type, the
    /// alias of a name to whoever asks for another type of it, and NXDOMAIN for other names.
    pub(crate) fn with_records(records: Vec<Record>) -> Self {
        Self::start(move |asked| {
            let of_name = records.iter().filter(|record| record.name.to_ascii() == asked.name);
            let of_name: Vec<&Record> = of_name.collect();
            let mut reply = asked.reply();
            if of_name.is_empty() {
                reply.metadata.response_code = ResponseCode::NXDomain;
            }
            let fits = |record: &&&Record| {
                [asked.record_type, RecordType::CNAME].contains(&record.record_type())
            };
            reply.add_answers(of_name.iter().filter(fits).map(|record| (*record).clone()));
            vec![wire(&reply)]
        })
    }

    /// The server as a word of the command line.
    pub(crate) fn word(&self) -> String {
        format!("@{}", self.addr)
    }

    /// How many queries came.
    pub(crate) fn count(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Asked {
    fn parse(query: &[u8], via: Via) -> Option<Self> {
        let message = Message::from_vec(query).ok()?;
        let asked = message.queries.first()?;
        Some(Self { name: asked.name().to_ascii(), record_type: asked.query_type(), via, message })
    }

    /// A reply without records.
    pub(crate) fn reply(&self) -> Message {
        let mut reply = self.message.clone().into_response();
        reply.metadata.recursion_available = true;
        reply
    }

    /// A reply that is a code and nothing else.
    pub(crate) fn reply_code(&self, code: ResponseCode) -> Vec<u8> {
        let mut reply = self.reply();
        reply.metadata.response_code = code;
        wire(&reply)
    }
}

/// A message as it is sent.
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

/// An alias.
pub(crate) fn cname(name: &str, target: &str) -> Record {
    record(name, RData::CNAME(CNAME(Name::from_ascii(target).unwrap())))
}

/// A name server of a zone.
pub(crate) fn ns(zone: &str, server: &str) -> Record {
    record(zone, RData::NS(NS(Name::from_ascii(server).unwrap())))
}

/// A record of any type with data as they stand on the wire.
pub(crate) fn raw(name: &str, record_type: u16, data: &[u8]) -> Record {
    let rdata = NULL::with(data.to_vec());
    let code = RecordType::from(record_type);
    record(name, RData::Unknown { code, rdata })
}

/// From a query's bytes to the messages that go back.
type Answer = dyn Fn(&[u8], Via) -> Vec<Vec<u8>>;

/// A reader that says nothing for so long has forgotten us.
const PATIENCE: Duration = Duration::from_secs(20);

/// Ports tried until one is free for both UDP and TCP.
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
    // An error here is a client's closed port, told about an earlier reply.
    loop {
        let Ok((length, client)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        for reply in answer(&buffer[..length], Via::Udp) {
            socket.send_to(&reply, client).ok();
        }
    }
}

fn serve_tcp(mut stream: TcpStream, answer: &Answer) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut query)?;
    for reply in answer(&query, Via::Tcp) {
        let length = u16::try_from(reply.len()).unwrap();
        stream.write_all(&length.to_be_bytes())?;
        stream.write_all(&reply)?;
    }
    Ok(())
}
