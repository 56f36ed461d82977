//! Scripts on a pair of buffers, with a clock that runs ahead wherever everybody waits.

use std::fs;
use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::*;
use crate::script::Excerpt;
use crate::script::unmatched::MAX_UNMATCHED;

/// A line of which the tests see everything.
struct Wire {
    stream: Broken,
    heard: Vec<u8>,
    was_reset: bool,
    secured: bool,
}

/// A stream that can end with an error, as a reset does.
struct Broken {
    stream: DuplexStream,
    end: Option<ErrorKind>,
}

impl Wire {
    fn pair(size: usize) -> (Self, DuplexStream) {
        let (stream, peer) = tokio::io::duplex(size);
        let stream = Broken { stream, end: None };
        (Self { stream, heard: Vec::new(), was_reset: false, secured: false }, peer)
    }
}

impl AsyncRead for Broken {
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

impl AsyncWrite for Broken {
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

impl ScriptConnection for Wire {
    type Stream = Broken;
    type TlsError = &'static str;

    fn stream(&mut self) -> &mut Broken {
        &mut self.stream
    }

    async fn heard(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.heard.extend_from_slice(bytes);
        Ok(())
    }

    async fn start_tls(&mut self) -> Result<(), &'static str> {
        if std::mem::replace(&mut self.secured, true) { Err("again") } else { Ok(()) }
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

/// Plays a script against `peer`, and returns what was heard too. The peer's end of the line
/// stays open to the end of the test unless the peer drops it.
async fn against<P: Future>(
    text: &str,
    peer: impl FnOnce(DuplexStream) -> P,
) -> (Outcome, Vec<u8>, P::Output) {
    let (mut wire, stream) = Wire::pair(64);
    let script = script(text);
    let (outcome, output) = tokio::join!(play(&script, &mut wire, Deadline::NEVER), peer(stream));
    (outcome, wire.heard, output)
}

/// A peer that says these one by one, and then stays; or ends, where `stays` is false.
async fn saying(mut stream: DuplexStream, pieces: &[&[u8]], stays: bool) -> Option<DuplexStream> {
    for piece in pieces {
        stream.write_all(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stays.then_some(stream)
}

#[track_caller]
fn unmet(outcome: Outcome) -> Unmet {
    match outcome {
        Err(ScriptEnd::Unmet(unmet)) => unmet,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_played_to_its_end() {
    let text = "expect /^220 .*\\r\\n/\nsend \"EHLO x\\r\\n\"\nexpect \"250 OK\\r\\n\"\n\
                send-hex 51 0a\nclose-write\nexpect-end";
    let (outcome, heard, said) = against(text, |mut peer| async move {
        peer.write_all(b"220 here\r\n").await.unwrap();
        let mut said = vec![0; 8];
        peer.read_exact(&mut said).await.unwrap();
        peer.write_all(b"250 OK\r\nbye").await.unwrap();
        peer.read_to_end(&mut said).await.unwrap();
        said
    })
    .await;
    assert_eq!(outcome.unwrap(), Played { peer_ended: true, ended: true, reset: false });
    assert_eq!(heard, b"220 here\r\n250 OK\r\nbye");
    assert_eq!(said, b"EHLO x\r\nQ\n");
}

#[tokio::test(start_paused = true)]
async fn a_match_may_come_in_pieces_and_uses_up_what_it_matched() {
    let text = "expect /one\\s+two/\nexpect /^ three/\nexpect \"two\" 1s";
    let peer = |peer| saying(peer, &[b"..on", b"e ", b" two thr", b"ee"], true);
    let (outcome, _, _) = against(text, peer).await;
    let unmet = unmet(outcome);
    assert_eq!(unmet.why, UnmetReason::Timeout(Duration::from_secs(1)));
    assert_eq!(unmet.to_string(), "expect \"two\" was not met within 1s (s.txt:3)");
    assert_eq!(unmet.got.to_string(), "nothing more came");
}

#[tokio::test(start_paused = true)]
async fn an_expectation_waits_as_long_as_it_says_and_shows_what_came_instead() {
    let started = Instant::now();
    let (outcome, heard, _) =
        against("expect /^220/ 5s", |peer| saying(peer, &[b"421 busy\r\n"], true)).await;
    assert_eq!(started.elapsed().as_secs(), 5);
    let unmet = unmet(outcome);
    assert_eq!(unmet.to_string(), "expect /^220/ was not met within 5s (s.txt:1)");
    assert_eq!(unmet.got.to_string(), r#"what came instead: "421 busy\r\n""#);
    assert_eq!(heard, b"421 busy\r\n");
}

#[tokio::test(start_paused = true)]
async fn silence_is_told_as_such() {
    let (outcome, _, _) = against("expect \"x\"", |peer| saying(peer, &[], true)).await;
    let unmet = unmet(outcome);
    assert_eq!(unmet.to_string(), "expect \"x\" was not met within 10s (s.txt:1)");
    assert_eq!(unmet.got.to_string(), "nothing came");
}

#[tokio::test(start_paused = true)]
async fn what_has_come_is_found_without_any_time() {
    let text = "sleep 1s\nexpect /now/ 0s\nexpect /later/ 0s";
    let (outcome, _, _) = against(text, |peer| saying(peer, &[b"now"], true)).await;
    assert_eq!(unmet(outcome).step.place, "s.txt:3");
}

#[tokio::test(start_paused = true)]
async fn the_peers_end_ends_the_waiting_at_once_but_not_before_its_last_words_count() {
    let text = "expect /last/\nexpect /more/";
    let (outcome, _, _) = against(text, |peer| saying(peer, &[b"last words"], false)).await;
    let unmet = unmet(outcome);
    assert_eq!(unmet.why, UnmetReason::PeerEnded);
    assert_eq!(unmet.to_string(), "expect /more/ was not met before the peer's end (s.txt:2)");
    assert_eq!(unmet.got, Excerpt { bytes: b" words".to_vec(), omitted: 0, was_heard: true });
}

#[tokio::test(start_paused = true)]
async fn an_expected_end_must_come_in_time_and_in_order() {
    let (outcome, _, _) = against("expect-end 2s", |peer| saying(peer, &[b"x"], true)).await;
    let late = unmet(outcome);
    assert_eq!(late.to_string(), "expect-end was not met within 2s (s.txt:1)");
    assert_eq!(late.got.bytes, b"x");

    for (kind, is_reset) in [(ErrorKind::ConnectionReset, true), (ErrorKind::UnexpectedEof, false)]
    {
        let (mut wire, peer) = Wire::pair(64);
        wire.stream.end = Some(kind);
        drop(peer);
        match play(&script("expect-end"), &mut wire, Deadline::NEVER).await {
            Err(ScriptEnd::Unmet(unmet)) => assert!(is_reset && unmet.why == UnmetReason::Reset),
            Err(ScriptEnd::Receive(error)) => assert!(!is_reset && error.kind() == kind),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_after_the_last_expectation_is_not_passed_over() {
    let (mut wire, mut peer) = Wire::pair(64);
    wire.stream.end = Some(ErrorKind::ConnectionReset);
    peer.write_all(b"OK").await.unwrap();
    drop(peer);
    let outcome = play(&script("expect /OK/\nsleep 1s"), &mut wire, Deadline::NEVER).await;
    assert!(matches!(outcome, Err(ScriptEnd::Receive(_))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn an_expectation_gives_up_when_too_much_came() {
    let (mut wire, mut peer) = Wire::pair(RECEIVE_BUFFER);
    let flood = vec![b'.'; MAX_UNMATCHED + 1];
    let script = script("expect /x/");
    let played = play(&script, &mut wire, Deadline::NEVER);
    let (outcome, written) = tokio::join!(played, peer.write_all(&flood));
    written.unwrap();
    let unmet = unmet(outcome);
    assert_eq!(unmet.why, UnmetReason::TooMuch);
    assert_eq!(unmet.to_string(), "expect /x/ was not met in 1 MiB (s.txt:1)");
    assert!(unmet.got.to_string().contains("bytes more"), "{}", unmet.got);
    assert!(wire.heard == flood);
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_we_sleep_is_read_and_found_afterwards() {
    let text = "sleep 5s\nexpect \"end\"";
    let (outcome, heard, ()) = against(text, |mut peer| async move {
        // Far more than fits into the line: somebody must read it.
        peer.write_all(&vec![b'.'; 10_000]).await.unwrap();
        peer.write_all(b"end").await.unwrap();
    })
    .await;
    outcome.unwrap();
    assert_eq!(heard.len(), 10_003);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_while_a_file_is_sent_is_heard_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let sent: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    fs::write(folder.path().join("file"), &sent).unwrap();
    let text = b"send-file file\nclose-write\nexpect-end";
    let script = Script::parse(text, "s.txt", folder.path()).unwrap();
    // Played twice, as a server plays it for each of its clients.
    for _ in 0..2 {
        let (mut wire, peer) = Wire::pair(64);
        let (mut reader, mut writer) = tokio::io::split(peer);
        let echo = async move { tokio::io::copy(&mut reader, &mut writer).await.unwrap() };
        let echo = tokio::spawn(echo);
        play(&script, &mut wire, Deadline::NEVER).await.unwrap();
        assert_eq!(echo.await.unwrap(), 300_000);
        assert!(wire.heard == sent);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_given_up() {
    let text = format!("send \"{}\"", "x".repeat(1000));
    let (outcome, _, _) = against(&text, |peer| async move { peer }).await;
    assert!(
        matches!(outcome, Err(ScriptEnd::Stalled { waited: SCRIPT_WRITE_TIMEOUT, .. })),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_words_of_a_peer_that_is_gone_are_heard() {
    let (outcome, heard, ()) = against("sleep 1s\nsend \"x\"", |mut peer| async move {
        peer.write_all(b"421 no").await.unwrap();
    })
    .await;
    assert!(matches!(outcome, Err(ScriptEnd::Send { .. })), "{outcome:?}");
    assert_eq!(heard, b"421 no");
}

// By the real clock: a deadline is fixed by the system's, which does not run ahead.
#[tokio::test]
async fn the_deadline_for_everything_ends_any_step() {
    for text in ["expect /x/", "expect-end", "sleep 1h"] {
        let (mut wire, _peer) = Wire::pair(64);
        let deadline = Deadline::after(Duration::from_millis(20));
        match play(&script(text), &mut wire, deadline).await {
            Err(ScriptEnd::TimedOut { step, .. }) => assert_eq!(step.text, text),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tls_starts_only_where_no_plain_text_is_left() {
    let (outcome, _, _) =
        against("expect /OK\\r\\n/\nstarttls", |peer| saying(peer, &[b"OK\r\n"], true)).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    let (outcome, _, _) =
        against("expect /OK/\nstarttls", |peer| saying(peer, &[b"OK\r\n"], true)).await;
    let unmet = unmet(outcome);
    assert_eq!(unmet.to_string(), "starttls cannot begin: more plain text has come (s.txt:2)");
    assert_eq!(unmet.got.bytes, b"\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_failed_handshake_is_told_in_the_lines_own_words() {
    let (mut wire, _peer) = Wire::pair(64);
    wire.secured = true;
    let outcome = play(&script("starttls"), &mut wire, Deadline::NEVER).await;
    assert!(matches!(outcome, Err(ScriptEnd::StartTls { error: "again", .. })), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_asked_of_the_line() {
    let (mut wire, _peer) = Wire::pair(64);
    let played = play(&script("send \"x\"\nreset"), &mut wire, Deadline::NEVER).await.unwrap();
    assert_eq!(played, Played { peer_ended: false, ended: false, reset: true });
    assert!(wire.was_reset);
}

#[tokio::test(start_paused = true)]
async fn steps_of_the_command_line_are_named_by_their_flag() {
    let steps = vec![Step::send("x").unwrap(), Step::expect("/y/ 1s").unwrap()];
    let (mut wire, _peer) = Wire::pair(64);
    let outcome = play(&Script::of(steps).unwrap(), &mut wire, Deadline::NEVER).await;
    assert_eq!(unmet(outcome).to_string(), "expect /y/ was not met within 1s (--expect)");
}
