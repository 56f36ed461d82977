//! Scripts on an in-memory connection, with a paused clock that advances while all tasks wait.

use std::fs;
use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::*;
use crate::script::Excerpt;
use crate::script::unmatched::MAX_UNMATCHED;

/// A connection that records every call.
struct TestConnection {
    stream: TestStream,
    received: Vec<u8>,
    was_reset: bool,
    uses_tls: bool,
}

/// A stream that can return an error, such as a reset, in place of EOF.
struct TestStream {
    stream: DuplexStream,
    end: Option<ErrorKind>,
}

impl TestConnection {
    fn pair(size: usize) -> (Self, DuplexStream) {
        let (stream, peer) = tokio::io::duplex(size);
        let stream = TestStream { stream, end: None };
        (Self { stream, received: Vec::new(), was_reset: false, uses_tls: false }, peer)
    }
}

impl AsyncRead for TestStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        match (&read, self.end) {
            (Poll::Ready(Ok(())), Some(kind)) if buffer.filled().len() == before => {
                Poll::Ready(Err(kind.into()))
            }
            _ => read,
        }
    }
}

impl AsyncWrite for TestStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl ScriptConnection for TestConnection {
    type Stream = TestStream;
    type TlsError = &'static str;

    fn stream(&mut self) -> &mut TestStream {
        &mut self.stream
    }

    async fn deliver(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.received.extend_from_slice(bytes);
        Ok(())
    }

    async fn start_tls(&mut self) -> Result<(), &'static str> {
        if std::mem::replace(&mut self.uses_tls, true) { Err("again") } else { Ok(()) }
    }

    fn reset(&mut self) -> io::Result<()> {
        self.was_reset = true;
        Ok(())
    }
}

type Outcome = Result<Played, ScriptEnd<&'static str>>;

fn script(text: &str) -> Script {
    Script::parse(text.as_bytes(), "s.txt", Path::new("")).unwrap()
}

/// Plays a script against `peer`. Returns the outcome, the received bytes and `peer`'s output.
async fn play_against<P: Future>(
    text: &str,
    peer: impl FnOnce(DuplexStream) -> P,
) -> (Outcome, Vec<u8>, P::Output) {
    let (mut connection, stream) = TestConnection::pair(64);
    let script = script(text);
    let (outcome, output) =
        tokio::join!(play(&script, &mut connection, Deadline::NEVER), peer(stream));
    (outcome, connection.received, output)
}

/// A peer that sends `pieces` one by one, then closes or, if `stays_open`, returns its stream.
async fn send_pieces(
    mut stream: DuplexStream,
    pieces: &[&[u8]],
    stays_open: bool,
) -> Option<DuplexStream> {
    for piece in pieces {
        stream.write_all(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stays_open.then_some(stream)
}

#[track_caller]
fn unmet(outcome: Outcome) -> Unmet {
    match outcome {
        Err(ScriptEnd::Unmet(unmet)) => unmet,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_script_runs_to_its_last_step() {
    let text = "expect /^220 .*\\r\\n/\nsend \"EHLO x\\r\\n\"\nexpect \"250 OK\\r\\n\"\n\
                send-hex 51 0a\nclose-write\nexpect-end";
    let (outcome, received, sent) = play_against(text, |mut peer| async move {
        peer.write_all(b"220 here\r\n").await.unwrap();
        let mut sent = vec![0; 8];
        peer.read_exact(&mut sent).await.unwrap();
        peer.write_all(b"250 OK\r\nbye").await.unwrap();
        peer.read_to_end(&mut sent).await.unwrap();
        sent
    })
    .await;
    assert_eq!(outcome.unwrap(), Played { peer_closed: true, reset: false });
    assert_eq!(received, b"220 here\r\n250 OK\r\nbye");
    assert_eq!(sent, b"EHLO x\r\nQ\n");
}

#[tokio::test(start_paused = true)]
async fn a_match_may_arrive_in_pieces_and_is_consumed() {
    let text = "expect /one\\s+two/\nexpect / three/\nexpect \"two\" 1s";
    let peer = |peer| send_pieces(peer, &[b"..on", b"e ", b" two thr", b"ee"], true);
    let (outcome, _, _) = play_against(text, peer).await;
    let unmet = unmet(outcome);
    assert_eq!(unmet.why, UnmetReason::Timeout(Duration::from_secs(1)));
    assert_eq!(unmet.to_string(), "expect \"two\" was not met within 1s (s.txt:3)");
    assert_eq!(unmet.got.to_string(), "received nothing more");
}

#[tokio::test(start_paused = true)]
async fn an_expectation_waits_for_its_duration_and_shows_the_received_data() {
    let started = Instant::now();
    let (outcome, received, _) =
        play_against("expect /^220/ 5s", |peer| send_pieces(peer, &[b"421 busy\r\n"], true)).await;
    assert_eq!(started.elapsed().as_secs(), 5);
    let unmet = unmet(outcome);
    assert_eq!(unmet.to_string(), "expect /^220/ was not met within 5s (s.txt:1)");
    assert_eq!(unmet.got.to_string(), r#"received "421 busy\r\n""#);
    assert_eq!(received, b"421 busy\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_reported_as_nothing_received() {
    let (outcome, _, _) = play_against("expect \"x\"", |peer| send_pieces(peer, &[], true)).await;
    let unmet = unmet(outcome);
    assert_eq!(unmet.to_string(), "expect \"x\" was not met within 10s (s.txt:1)");
    assert_eq!(unmet.got.to_string(), "received nothing");
}

#[tokio::test(start_paused = true)]
async fn a_zero_duration_matches_only_data_that_has_already_arrived() {
    let text = "sleep 1s\nexpect /now/ 0s\nexpect /later/ 0s";
    let (outcome, _, _) = play_against(text, |peer| send_pieces(peer, &[b"now"], true)).await;
    assert_eq!(unmet(outcome).step.place, "s.txt:3");
}

#[tokio::test(start_paused = true)]
async fn a_close_ends_the_wait_after_the_remaining_data_was_searched() {
    let text = "expect /last/\nexpect /more/";
    let (outcome, _, _) =
        play_against(text, |peer| send_pieces(peer, &[b"last words"], false)).await;
    let unmet = unmet(outcome);
    assert_eq!(unmet.why, UnmetReason::PeerClosed);
    assert_eq!(unmet.to_string(), "expect /more/ was not met before the peer closed (s.txt:2)");
    assert_eq!(unmet.got, Excerpt { bytes: b" words".to_vec(), omitted: 0, received_any: true });
}

#[tokio::test(start_paused = true)]
async fn expect_end_requires_a_clean_close_within_its_duration() {
    let (outcome, _, _) =
        play_against("expect-end 2s", |peer| send_pieces(peer, &[b"x"], true)).await;
    let timed_out = unmet(outcome);
    assert_eq!(timed_out.to_string(), "expect-end was not met within 2s (s.txt:1)");
    assert_eq!(timed_out.got.bytes, b"x");

    for (kind, is_reset) in [(ErrorKind::ConnectionReset, true), (ErrorKind::UnexpectedEof, false)]
    {
        let (mut connection, peer) = TestConnection::pair(64);
        connection.stream.end = Some(kind);
        drop(peer);
        match play(&script("expect-end"), &mut connection, Deadline::NEVER).await {
            Err(ScriptEnd::Unmet(unmet)) => assert!(is_reset && unmet.why == UnmetReason::Reset),
            Err(ScriptEnd::Receive(error)) => assert!(!is_reset && error.kind() == kind),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_after_the_last_expectation_fails_the_script() {
    let (mut connection, mut peer) = TestConnection::pair(64);
    connection.stream.end = Some(ErrorKind::ConnectionReset);
    peer.write_all(b"OK").await.unwrap();
    drop(peer);
    let outcome = play(&script("expect /OK/\nsleep 1s"), &mut connection, Deadline::NEVER).await;
    assert!(matches!(outcome, Err(ScriptEnd::Receive(_))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn an_expectation_fails_after_1_mib_without_a_match() {
    let (mut connection, mut peer) = TestConnection::pair(READ_SIZE);
    let flood = vec![b'.'; MAX_UNMATCHED + 1];
    let script = script("expect /x/");
    let played = play(&script, &mut connection, Deadline::NEVER);
    let (outcome, written) = tokio::join!(played, peer.write_all(&flood));
    written.unwrap();
    let unmet = unmet(outcome);
    assert_eq!(unmet.why, UnmetReason::TooMuchData);
    assert_eq!(unmet.to_string(), "expect /x/ was not met in 1 MiB of data (s.txt:1)");
    assert!(unmet.got.to_string().contains("more bytes"), "{}", unmet.got);
    assert!(connection.received == flood);
}

#[tokio::test(start_paused = true)]
async fn data_that_arrives_during_a_sleep_is_kept_for_the_next_expectation() {
    let text = "sleep 5s\nexpect \"end\"";
    let (outcome, received, ()) = play_against(text, |mut peer| async move {
        // Far more than the connection buffers, so the script must read it during the sleep.
        peer.write_all(&vec![b'.'; 10_000]).await.unwrap();
        peer.write_all(b"end").await.unwrap();
    })
    .await;
    outcome.unwrap();
    assert_eq!(received.len(), 10_003);
}

#[tokio::test(start_paused = true)]
async fn send_file_receives_while_it_sends() {
    let folder = tempfile::tempdir().unwrap();
    let sent: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    fs::write(folder.path().join("file"), &sent).unwrap();
    let text = b"send-file file\nclose-write\nexpect-end";
    let script = Script::parse(text, "s.txt", folder.path()).unwrap();
    // Played twice, as `listen` does for two clients.
    for _ in 0..2 {
        let (mut connection, peer) = TestConnection::pair(64);
        let (mut reader, mut writer) = tokio::io::split(peer);
        let echo = async move { tokio::io::copy(&mut reader, &mut writer).await.unwrap() };
        let echo = tokio::spawn(echo);
        play(&script, &mut connection, Deadline::NEVER).await.unwrap();
        assert_eq!(echo.await.unwrap(), 300_000);
        assert!(connection.received == sent);
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_fails_if_the_peer_accepts_no_data_for_30_s() {
    let text = format!("send \"{}\"", "x".repeat(1000));
    let (outcome, _, _) = play_against(&text, |peer| async move { peer }).await;
    assert!(
        matches!(outcome, Err(ScriptEnd::Stalled { waited: SCRIPT_WRITE_TIMEOUT, .. })),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_send_the_remaining_data_is_received() {
    let (outcome, received, ()) = play_against("sleep 1s\nsend \"x\"", |mut peer| async move {
        peer.write_all(b"421 no").await.unwrap();
    })
    .await;
    assert!(matches!(outcome, Err(ScriptEnd::Send { .. })), "{outcome:?}");
    assert_eq!(received, b"421 no");
}

// The clock is not paused, because a `Deadline` uses the system's clock.
#[tokio::test]
async fn the_deadline_of_the_whole_run_ends_any_step() {
    for text in ["expect /x/", "expect-end", "sleep 1h"] {
        let (mut connection, _peer) = TestConnection::pair(64);
        let deadline = Deadline::after(Duration::from_millis(20));
        match play(&script(text), &mut connection, deadline).await {
            Err(ScriptEnd::TimedOut { step, .. }) => assert_eq!(step.text, text),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn starttls_fails_if_unmatched_plain_text_has_arrived() {
    let (outcome, _, _) =
        play_against("expect /OK\\r\\n/\nstarttls", |peer| send_pieces(peer, &[b"OK\r\n"], true))
            .await;
    assert!(outcome.is_ok(), "{outcome:?}");
    let (outcome, _, _) =
        play_against("expect /OK/\nstarttls", |peer| send_pieces(peer, &[b"OK\r\n"], true)).await;
    let unmet = unmet(outcome);
    assert_eq!(
        unmet.to_string(),
        "starttls cannot begin: unmatched plain text has arrived (s.txt:2)"
    );
    assert_eq!(unmet.got.bytes, b"\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_failed_handshake_returns_the_connections_error() {
    let (mut connection, _peer) = TestConnection::pair(64);
    connection.uses_tls = true;
    let outcome = play(&script("starttls"), &mut connection, Deadline::NEVER).await;
    assert!(matches!(outcome, Err(ScriptEnd::StartTls { error: "again", .. })), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reset_step_calls_reset_on_the_connection() {
    let (mut connection, _peer) = TestConnection::pair(64);
    let played =
        play(&script("send \"x\"\nreset"), &mut connection, Deadline::NEVER).await.unwrap();
    assert_eq!(played, Played { peer_closed: false, reset: true });
    assert!(connection.was_reset);
}

#[tokio::test(start_paused = true)]
async fn a_step_from_the_command_line_has_its_option_as_its_place() {
    let steps = vec![Step::send(b"x").unwrap(), Step::expect("/y/ 1s").unwrap()];
    let (mut connection, _peer) = TestConnection::pair(64);
    let outcome = play(&Script::of(steps).unwrap(), &mut connection, Deadline::NEVER).await;
    assert_eq!(unmet(outcome).to_string(), "expect /y/ was not met within 1s (--expect)");
}
