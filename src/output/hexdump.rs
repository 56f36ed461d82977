//! Dumps the bytes of a connection in hex, for `--hexdump`.
//!
//! A header line gives time, direction, peer and size; lines of sixteen bytes follow in the format
//! of `hexdump -C`. Offsets count the bytes of the stream, separately for each direction, or those
//! of the datagram. Memory use does not depend on the number of bytes. Only printable ASCII reaches
//! the terminal.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::output::color::Paint;
use crate::output::direction::Direction;
use crate::output::event_queue::Events;
use crate::text;
use crate::write_queue::Ticket;

/// Prints the bytes of one connection on standard error, also with `-q`.
#[derive(Debug)]
pub struct Hexdump {
    events: Events,
    /// Whether every byte must be printed; otherwise what does not fit into the queue is dropped.
    is_complete: bool,
    /// The last text, if every byte must be printed.
    last: Ticket,
    peer: String,
    started: Instant,
    /// Bytes dumped so far: received and sent.
    offsets: [u64; 2],
}

impl Hexdump {
    /// Returns a hexdump of the connection with `peer`; times are relative to `started`.
    ///
    /// If it must be complete, the caller awaits [`Self::printed`] before it transfers more.
    /// Otherwise, bytes that do not fit into the queue are dropped and counted: a server must not
    /// wait for its terminal.
    pub fn new(events: Events, is_complete: bool, peer: &str, started: Instant) -> Self {
        let peer = text::escape_lines(peer);
        Self { events, is_complete, last: Ticket::default(), peer, started, offsets: [0; 2] }
    }

    /// Sets the peer of the next bytes, which are a datagram: its offsets begin at 0.
    pub fn begin_datagram(&mut self, peer: &str) {
        self.peer = text::escape_lines(peer);
        self.offsets = [0; 2];
    }

    /// Queues the dump of `bytes`, which were just transferred in `direction`.
    pub fn show(&mut self, direction: Direction, bytes: &[u8]) {
        let offset = self.advance(direction, bytes.len());
        if !self.is_complete && !self.events.has_room() {
            return self.events.lose();
        }
        let (elapsed, paint) = (self.started.elapsed(), self.events.error_paint());
        let text = lines(direction, elapsed, &self.peer, offset, bytes, paint).collect();
        if self.is_complete {
            self.last = self.events.print_all(text);
        } else {
            self.events.print(text);
        }
    }

    /// Waits until everything is printed, if every byte must be.
    pub fn printed(&self) -> impl Future<Output = ()> + Send + 'static {
        let (events, last) = (self.events.clone(), self.last);
        async move { events.printed(last).await }
    }

    /// Adds `len` to the direction's offset, and returns the offset before that.
    fn advance(&mut self, direction: Direction, len: usize) -> u64 {
        let next = match direction {
            Direction::In => &mut self.offsets[0],
            Direction::Out => &mut self.offsets[1],
        };
        let offset = *next;
        *next = offset.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        offset
    }
}

/// Bytes per line, as `hexdump -C` prints.
const WIDTH: usize = 16;

/// Returns the header and the lines of one chunk.
fn lines(
    direction: Direction,
    elapsed: Duration,
    peer: &str,
    offset: u64,
    bytes: &[u8],
    paint: Paint,
) -> impl Iterator<Item = String> {
    let (arrow, preposition) = match direction {
        Direction::In => ("<<<", "from"),
        Direction::Out => (">>>", "to"),
    };
    let arrow = paint.arrow(direction, arrow);
    let rest = format!(
        "{:.6} s {preposition} {peer}, {}",
        elapsed.as_secs_f64(),
        crate::output::figures::count(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
    );
    let head = format!("{arrow} {}\n", paint.dim(&rest));
    let offsets = (offset..).step_by(WIDTH);
    let rows = bytes.chunks(WIDTH).zip(offsets).map(move |(row, at)| format_row(at, row, paint));
    std::iter::once(head).chain(rows)
}

fn format_row(offset: u64, row: &[u8], paint: Paint) -> String {
    let mut hex = String::with_capacity(3 * WIDTH + 1);
    for (column, byte) in row.iter().enumerate() {
        let gap = if column == WIDTH / 2 { " " } else { "" };
        // Writing to a String cannot fail.
        write!(hex, "{gap}{byte:02x} ").unwrap_or_default();
    }
    let shown = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '.' };
    let ascii: String = row.iter().map(shown).collect();
    let hex_width = 3 * WIDTH + 1;
    format!("{}  {hex:hex_width$} |{ascii}|\n", paint.dim(&format!("{offset:08x}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{ColorChoice, EventQueue, Output, WhenGone};
    use expect_test::expect;

    fn dump(direction: Direction, offset: u64, bytes: &[u8], color: ColorChoice) -> String {
        let (elapsed, paint) = (Duration::from_micros(1_204), Paint::decide(color, false));
        lines(direction, elapsed, "[::1]:80", offset, bytes, paint).collect()
    }

    #[test]
    fn both_directions_are_shown_with_time_offset_hex_and_text() {
        let request = dump(Direction::Out, 0, b"GET / HTTP/1.0\r\n\r\n", ColorChoice::Never);
        let answer = dump(Direction::In, 30, b"\x1b[2J caf\xc3\xa9|\x7f", ColorChoice::Never);
        expect![[r#"
            >>> 0.001204 s to [::1]:80, 18 bytes
            00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 30 0d 0a  |GET / HTTP/1.0..|
            00000010  0d 0a                                             |..|
            <<< 0.001204 s from [::1]:80, 12 bytes
            0000001e  1b 5b 32 4a 20 63 61 66  c3 a9 7c 7f              |.[2J caf..|.|
        "#]]
        .assert_eq(&(request + &answer));
    }

    #[test]
    fn only_the_direction_is_coloured() {
        let painted = dump(Direction::In, 0, b"x", ColorChoice::Always);
        assert!(painted.starts_with("\u{1b}[32m<<<\u{1b}[0m "), "{painted:?}");
        assert!(painted.contains("|x|\n"), "{painted:?}");
    }

    #[test]
    fn offsets_are_stream_offsets_counted_per_direction() {
        let queue = EventQueue::start(Output::default(), WhenGone::Stop);
        let mut hexdump = Hexdump::new(queue.events(), true, "peer", Instant::now());
        assert_eq!(hexdump.advance(Direction::Out, 5), 0);
        assert_eq!(hexdump.advance(Direction::In, 7), 0);
        assert_eq!(hexdump.advance(Direction::Out, 1), 5);
        assert_eq!(hexdump.advance(Direction::In, 1), 7);
        // From 4 GiB on, an offset has more than eight digits.
        let row = dump(Direction::In, 1 << 32, b"x", ColorChoice::Never);
        assert!(row.contains("\n100000000  78 "), "{row}");
    }

    #[test]
    fn a_large_chunk_is_printed_line_by_line() {
        let bytes = vec![0; 1 << 20];
        let paint = Paint::decide(ColorChoice::Never, false);
        let all = lines(Direction::In, Duration::ZERO, "peer", 0, &bytes, paint);
        let (count, longest) =
            all.fold((0, 0), |(count, longest), line| (count + 1, line.len().max(longest)));
        assert_eq!((count, longest), (1 + (1 << 16), 79));
    }
}
