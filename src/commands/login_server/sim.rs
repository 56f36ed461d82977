//! Simulated logins: several clients of one server.

use std::fs;
use std::io::ErrorKind;

use tokio::time::{Instant, sleep};

use super::*;
use crate::net::accept::sim::SimServer;
use crate::net::stream::sim::{
    Random, SharedStream, SimKind, SimSocket, count, note, pair, run_schedules, tls,
};
use crate::output::{ColorChoice, EventQueue, Format, Verbosity};

/// The simulated time that a login takes at most, whatever other clients do.
const LONGEST_LOGIN: Duration = Duration::from_secs(30);

/// More closing connections than there are clients.
const MANY: usize = 16;

/// What happens in one schedule.
#[derive(Clone, Debug)]
struct LoginCase {
    max_clients: usize,
    max_closing: usize,
    is_tls: bool,
    limit: Duration,
    grace: Duration,
    stop: Option<Duration>,
    /// When the log becomes unusable.
    log_fails: Option<Duration>,
    clients: Vec<(Duration, SimKind, LoginClient)>,
}

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoginClient {
    /// It answers each prompt, and reads to the end.
    Answers,
    /// It sends both fields at once, and reads to the end.
    Pipelines,
    /// It sends an empty user name first.
    Retries,
    /// It sends nothing.
    Silent,
    /// It sends a user name and closes.
    Leaves,
    /// It sends both fields, and resets the connection after this time.
    Resets(Duration),
    /// It sends both fields and reads nothing.
    Deaf,
}

impl LoginClient {
    fn logs_in(self) -> bool {
        matches!(self, Self::Answers | Self::Pipelines | Self::Retries)
    }

    /// Plays the client, and returns what it received and how that ended.
    async fn play(self, number: usize, mut stream: Stream, is_tls: bool) -> Transcript {
        if is_tls {
            let host = crate::net::tls::ServerName::localhost();
            let limit = Deadline::after(LONGEST_LOGIN);
            if let Err(_evicted) = tls::client().connect(&mut stream, &host, "server", limit).await
            {
                return Transcript { text: String::new(), end: Err(ErrorKind::Other) };
            }
        }
        let (user, password) = (format!("user{number}\r\n"), format!("password{number}\r\n"));
        let stream = SharedStream::new(stream);
        match self {
            Self::Pipelines | Self::Resets(_) | Self::Deaf => {
                stream.write_all(format!("{user}{password}").as_bytes()).await;
            }
            Self::Retries => drop(stream.write_all(b"\r\n").await),
            Self::Leaves => {
                stream.write_all(user.as_bytes()).await;
                stream.close();
            }
            Self::Answers | Self::Silent => {}
        }
        match self {
            Self::Resets(time) => {
                sleep(time).await;
                stream.reset();
            }
            Self::Deaf => sleep(Duration::from_mins(5)).await,
            _ => {}
        }
        let mut transcript = Transcript { text: String::new(), end: Ok(()) };
        if matches!(self, Self::Resets(_) | Self::Leaves) {
            return transcript;
        }
        let (mut buffer, mut answered) = ([0; 256], 0);
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) => break,
                Ok(len) => transcript.text.push_str(std::str::from_utf8(&buffer[..len]).unwrap()),
                Err(error) => {
                    transcript.end = Err(error);
                    break;
                }
            }
            let has_failed = transcript.text.contains("ERR empty");
            if self == Self::Answers || self == Self::Retries && has_failed {
                if answered == 0 && transcript.text.ends_with("Username: ") {
                    stream.write_all(user.as_bytes()).await;
                    answered = 1;
                } else if answered == 1 && transcript.text.ends_with("Password: ") {
                    stream.write_all(password.as_bytes()).await;
                    answered = 2;
                }
            }
        }
        stream.shut_down().await;
        transcript
    }
}

#[derive(Debug)]
struct Transcript {
    text: String,
    end: Result<(), ErrorKind>,
}

impl LoginCase {
    fn random(random: &mut Random) -> Self {
        let clients = (0..random.between(1, 6)).map(|_| {
            let kind = if random.one_in(6) { SimKind::Unix } else { SimKind::Tcp };
            let client = match random.below(10) {
                0 => LoginClient::Silent,
                1 => LoginClient::Leaves,
                2 => LoginClient::Resets(random.moment()),
                3 => LoginClient::Deaf,
                4 => LoginClient::Retries,
                5..8 => LoginClient::Answers,
                _ => LoginClient::Pipelines,
            };
            (random.moment().min(Duration::from_secs(3)), kind, client)
        });
        let clients = clients.collect();
        Self {
            max_clients: random.between(1, 4),
            max_closing: random.pick(&[1, MANY]),
            is_tls: random.one_in(10),
            limit: random.pick(&[Duration::from_secs(1), Duration::from_mins(1)]),
            grace: random.moment(),
            stop: random.one_in(4).then(|| random.moment()),
            log_fails: random.one_in(6).then(|| random.moment()),
            clients,
        }
    }
}

#[test]
fn a_login_that_was_answered_ok_is_recorded_in_every_schedule() {
    let test = "a_login_that_was_answered_ok_is_recorded_in_every_schedule";
    run_schedules(test, count(15), |mut random| async move {
        let case = LoginCase::random(&mut random);
        note(&case);
        run(case, random).await;
    });
}

async fn run(case: LoginCase, mut random: Random) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut pauses = random.split();
    let log = RecordLog::open_for_task(&path, move || pauses.pause(Duration::from_millis(50)));
    let out = Output::new(Format::Json, ColorChoice::Never, Verbosity::Normal);
    let (events, captured) = EventQueue::capture(out);
    let service = Arc::new(LoginServer {
        fields: Fields::Lines,
        limit: Some(case.limit),
        log,
        log_notices: Vec::new(),
        events: ClientEvents::new(events, None),
        recorded: AtomicBool::new(false),
        failed: AtomicBool::new(false),
    });
    let tls = case.is_tls.then(tls::server);
    let server = Arc::new(SimServer::start(
        service,
        (case.max_clients, case.max_closing),
        WhenFull::Evict,
        case.grace,
        tls,
    ));
    let mut clients = Vec::new();
    for (number, (connects, kind, client)) in case.clients.iter().copied().enumerate() {
        let (near, far, _) = pair(&mut random, kind);
        let (server, is_tls) = (Arc::clone(&server), case.is_tls);
        clients.push(tokio::spawn(async move {
            sleep(connects).await;
            if server.stop.is_draining() {
                return None;
            }
            connect(&server, near, number);
            let began = Instant::now();
            let transcript = client.play(number, far.into_stream(), is_tls).await;
            Some((transcript, began.elapsed()))
        }));
    }
    let breaking = {
        let path = path.clone();
        async move {
            let Some(time) = case.log_fails else { return String::new() };
            sleep(time).await;
            let content = fs::read_to_string(&path).unwrap();
            fs::remove_file(&path).unwrap();
            fs::create_dir(&path).unwrap();
            content
        }
    };
    let broken = tokio::spawn(breaking);
    if let Some(time) = case.stop {
        sleep(time).await;
        server.stop.request();
        let began = Instant::now();
        server.drain().await;
        assert!(began.elapsed() <= case.grace + Duration::from_millis(5), "grace was exceeded");
    }
    let mut transcripts = Vec::new();
    for client in clients {
        transcripts.push(client.await.unwrap());
    }
    let all_left = server.is_empty_within(Duration::from_mins(2)).await;
    assert!(all_left, "a client still occupies a slot");
    let recorded = broken.await.unwrap();
    let recorded =
        if case.log_fails.is_some() { recorded } else { fs::read_to_string(&path).unwrap() };
    note(&transcripts);
    let events = captured();
    for (number, transcript) in transcripts.iter().enumerate() {
        let Some((transcript, took)) = transcript else { continue };
        check(&case, number, transcript, *took, &recorded, &events);
    }
}

fn connect(server: &SimServer<LoginServer>, socket: SimSocket, number: usize) {
    server.connect(socket, Addr::of_process(i32::try_from(number).ok(), 0));
}

fn check(
    case: &LoginCase,
    number: usize,
    transcript: &Transcript,
    took: Duration,
    recorded: &str,
    events: &[Event],
) {
    let peer = Addr::of_process(i32::try_from(number).ok(), 0).to_string();
    let (_, _, client) = case.clients[number];
    let is_recorded = recorded.contains(&format!("user=\"user{number}\" "));
    let Transcript { text, end } = transcript;
    if text.contains("OK") {
        assert!(is_recorded, "client {number} was answered OK without a record");
    }
    if text.contains("ERR log unavailable") {
        assert!(!is_recorded && case.log_fails.is_some(), "client {number} is in the log");
    }
    let reports = |event: &Event| matches!(event, Event::Login { peer: of, result: "recorded", .. } if *of == peer);
    assert_eq!(events.iter().any(reports), is_recorded, "the events differ from the log");
    let reason = events.iter().find_map(|event| match event {
        Event::Closed { peer: of, reason, .. } if *of == peer => Some(reason.as_str()),
        _ => None,
    });
    if is_recorded {
        assert_eq!(reason, Some("logged in"));
    }
    // Without a place to wait for the client to close, what it sent last may reset the connection.
    if !client.logs_in() || case.max_closing < MANY {
        return;
    }
    if reason == Some("logged in") {
        assert!(text.ends_with("OK recorded\r\n"), "client {number} lacks its reply");
        assert_eq!(*end, Ok(()), "client {number} got no FIN");
    }
    // A client that was neither evicted nor refused gets an answer.
    let is_served =
        !events.iter().any(|event| matches!(event, Event::Refused { peer: of, .. } if *of == peer));
    if is_served && case.stop.is_none() && case.limit > LONGEST_LOGIN {
        let expected = if case.log_fails.is_some() { "" } else { "OK recorded\r\n" };
        assert!(text.ends_with(expected), "client {number} was not answered: {text:?}");
        assert!(took <= LONGEST_LOGIN, "client {number} waited {took:?}");
    }
}
