//! Simulated chats: several members of one room.

use std::io::ErrorKind;

use tokio::sync::Barrier;
use tokio::time::{Instant, sleep};

use super::*;
use crate::chat::send_queue::MAX_QUEUED_BYTES;
use crate::net::Addr;
use crate::net::accept::sim::SimServer;
use crate::net::stream::Stream;
use crate::net::stream::sim::{Random, SharedStream, SimKind, count, note, pair, run_schedules};
use crate::output::{ColorChoice, Event, EventQueue, Format, Verbosity};
use crate::sync::lock;

/// The lines of a burst: all that one read can return. Each byte of such a line is sent to the
/// others as six.
const BURST_LINES: usize = 63;
const BURST_LINE: [u8; 1024] = [0x1b; 1024];

/// How much one turn of a client can add to a queue before that is sent.
const TURN: usize = 16 * (BURST_LINE.len() * 6 + 100);

/// The simulated time after which a member has all lines, whatever others do.
const LONGEST_DELIVERY: Duration = Duration::from_secs(90);

/// What happens in one schedule.
#[derive(Clone, Debug)]
struct ChatCase {
    kind: SimKind,
    members: Vec<ChatMember>,
}

/// One member.
#[derive(Clone, Debug)]
struct ChatMember {
    /// The pauses before its lines.
    lines: Vec<Duration>,
    /// Whether it then sends a burst of escapes.
    bursts: bool,
    reads: ChatReads,
}

/// How a member reads after it has joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChatReads {
    Steadily,
    Never,
    /// It resets the connection after this time.
    Resets(Duration),
}

/// What a member received, and how that ended.
#[derive(Debug)]
struct Log {
    text: String,
    end: Option<Result<(), ErrorKind>>,
    took: Duration,
}

impl ChatCase {
    fn random(random: &mut Random) -> Self {
        let has_burst = random.one_in(15);
        let members = (0..random.between(2, 5)).map(|number| ChatMember {
            lines: (0..random.below(8))
                .map(|_| random.moment().min(Duration::from_secs(1)))
                .collect(),
            bursts: has_burst && number == 0,
            reads: match random.below(8) {
                0 => ChatReads::Never,
                1 => ChatReads::Resets(random.moment()),
                _ => ChatReads::Steadily,
            },
        });
        let members = members.collect();
        Self { kind: if random.one_in(6) { SimKind::Unix } else { SimKind::Tcp }, members }
    }
}

impl ChatMember {
    async fn play(self, number: usize, stream: Stream, all_joined: &Barrier) -> Log {
        let stream = SharedStream::new(stream);
        let mut log = Log { text: String::new(), end: None, took: Duration::ZERO };
        stream.write_all(format!("member{number}\r\n").as_bytes()).await;
        while !log.text.contains("/help lists the commands\r\n") {
            log.read(&stream).await;
        }
        all_joined.wait().await;
        let began = Instant::now();
        let writing = async {
            for (line, pause) in self.lines.iter().enumerate() {
                sleep(*pause).await;
                stream.write_all(format!("line {line}\r\n").as_bytes()).await;
            }
            if self.bursts {
                let line = [&BURST_LINE[..], b"\r\n"].concat();
                stream.write_all(&line.repeat(BURST_LINES)).await;
            }
            match self.reads {
                ChatReads::Steadily => {
                    // Meanwhile everything arrives.
                    sleep(LONGEST_DELIVERY * 2).await;
                    stream.write_all(b"/quit\r\n").await;
                }
                ChatReads::Never => {
                    sleep(LONGEST_DELIVERY * 3).await;
                    stream.close();
                }
                ChatReads::Resets(time) => {
                    sleep(time).await;
                    stream.reset();
                }
            }
        };
        let reading = async {
            if self.reads != ChatReads::Never {
                while log.end.is_none() {
                    let lines = log.public().len();
                    log.read(&stream).await;
                    if log.public().len() > lines {
                        log.took = began.elapsed();
                    }
                }
            }
        };
        tokio::select! {
            biased;
            () = stream.closed() => {}
            _ = async { tokio::join!(writing, reading) } => {}
        }
        log
    }
}

impl Log {
    async fn read(&mut self, stream: &SharedStream) {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(0) => self.end = Some(Ok(())),
            Ok(len) => self.text.push_str(std::str::from_utf8(&buffer[..len]).unwrap()),
            Err(error) => self.end = Some(Err(error)),
        }
    }

    /// Returns the public lines that were received.
    fn public(&self) -> Vec<&str> {
        self.text.lines().filter(|line| line.starts_with('<')).collect()
    }
}

#[test]
fn every_member_gets_every_line_in_order_in_every_schedule() {
    let test = "every_member_gets_every_line_in_order_in_every_schedule";
    run_schedules(test, count(10), |mut random| async move {
        let case = ChatCase::random(&mut random);
        note(&case);
        run(&case, random).await;
    });
}

async fn run(case: &ChatCase, mut random: Random) {
    let out = Output::new(Format::Json, ColorChoice::Never, Verbosity::Normal);
    let (events, captured) = EventQueue::capture(out);
    let service = Arc::new(ChatServer {
        nick_limit: Some(Duration::from_mins(1)),
        members: Mutex::default(),
        events: ClientEvents::new(events, None),
    });
    let (most, grace) = (case.members.len(), Duration::from_secs(5));
    let server =
        SimServer::start(Arc::clone(&service), (most, most), WhenFull::Refuse, grace, None);
    let all_joined = Arc::new(Barrier::new(case.members.len()));
    let has_burst = case.members.iter().any(|member| member.bursts);
    let mut members = Vec::new();
    for (number, member) in case.members.iter().cloned().enumerate() {
        let (near, far, wire) = pair(&mut random, case.kind);
        if has_burst {
            // Smaller sockets only make these schedules long.
            wire.resize(16 * 1024);
        }
        server.connect(near, Addr::of_process(i32::try_from(number).ok(), 0));
        let all_joined = Arc::clone(&all_joined);
        members.push(tokio::spawn(async move {
            member.play(number, far.into_stream(), &all_joined).await
        }));
    }
    let watched = has_burst.then(|| tokio::spawn(watch_queues(Arc::clone(&service))));
    let mut logs = Vec::new();
    for member in members {
        logs.push(member.await.unwrap());
    }
    if let Some(watched) = watched {
        watched.abort();
        assert!(watched.await.is_err_and(|error| error.is_cancelled()), "a queue is not bounded");
    }
    note(&logs);
    server.stop.request();
    assert!(server.drain().await, "a member still occupies a slot");
    check(case, &logs, &captured());
}

/// Panics if a queue grows beyond its bound.
async fn watch_queues(service: Arc<ChatServer>) {
    loop {
        for queue in lock(&service.members).queues.values() {
            assert!(queue.unsent().len() <= MAX_QUEUED_BYTES + TURN);
        }
        sleep(Duration::from_millis(50)).await;
    }
}

fn check(case: &ChatCase, logs: &[Log], events: &[Event]) {
    let said: Vec<(&str, &str)> = events
        .iter()
        .filter_map(|event| match event {
            Event::Said { nick, line, .. } => Some((nick.as_str(), line.as_str())),
            _ => None,
        })
        .collect();
    for (number, (member, log)) in case.members.iter().zip(logs).enumerate() {
        let nick = format!("member{number}");
        let of_others = said.iter().filter(|(by, _)| *by != nick).map(|(_, line)| *line);
        let of_others: Vec<&str> = of_others.collect();
        if member.reads == ChatReads::Steadily {
            assert_eq!(log.public(), of_others, "{nick} got other lines");
            assert_eq!(log.end, Some(Ok(())), "{nick} got no FIN");
            assert!(log.text.ends_with("OK bye\r\n"), "{nick} was dropped");
            assert!(log.took <= LONGEST_DELIVERY + Duration::from_secs(10), "{nick} waited");
            let own = said.iter().filter(|(by, _)| *by == nick).count();
            let lines = member.lines.len() + if member.bursts { BURST_LINES } else { 0 };
            assert_eq!(own, lines, "lines of {nick} were lost");
        } else {
            let public = log.public();
            // The last line may be cut.
            let whole = public.len().saturating_sub(1);
            assert_eq!(public[..whole], of_others[..whole], "{nick} got other lines");
        }
    }
}
