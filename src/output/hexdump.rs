//! What passes over a connection, byte by byte, for `--hexdump`.
//!
//! A line says when, which way and how much; sixteen bytes a line follow, as `hexdump -C` prints
//! them. Offsets are those of the stream, each direction with its own. Nothing is kept: memory is
//! the same for a byte and for a gigabyte. The terminal sees printable ASCII only.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::output::color::Paint;
use crate::output::direction::Direction;
use crate::output::handle::Output;
use crate::output::terminal::screen;
use crate::text;

/// Shows what passes over one connection on standard error, also with `-q`.
///
/// Whoever moves the bytes waits until they are shown: none is left out.
#[derive(Debug)]
pub struct Hexdump {
    out: Output,
    peer: String,
    started: Instant,
    /// How much has passed before, in and out.
    passed: [u64; 2],
}

impl Hexdump {
    /// Returns a hexdump of the connection with `peer`, whose times count from `started`.
    pub fn new(out: Output, peer: &str, started: Instant) -> Self {
        Self { out, peer: text::escape_lines(peer), started, passed: [0; 2] }
    }

    /// Shows `bytes` that pass now.
    pub fn show(&mut self, direction: Direction, bytes: &[u8]) {
        let offset = self.pass(direction, bytes.len());
        let (elapsed, peer, paint) = (self.started.elapsed(), &self.peer, self.out.error_paint());
        screen::talk(lines(direction, elapsed, peer, offset, bytes, paint));
    }

    /// Returns the offset in its stream of what passes now.
    fn pass(&mut self, direction: Direction, len: usize) -> u64 {
        let passed = match direction {
            Direction::In => &mut self.passed[0],
            Direction::Out => &mut self.passed[1],
        };
        let offset = *passed;
        *passed = offset.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        offset
    }
}

/// Bytes on a line, as every hexdump has them.
const WIDTH: usize = 16;

/// One chunk, a line at a time.
fn lines(
    direction: Direction,
    elapsed: Duration,
    peer: &str,
    offset: u64,
    bytes: &[u8],
    paint: Paint,
) -> impl Iterator<Item = String> {
    let (arrow, towards) = match direction {
        Direction::In => ("<<<", "from"),
        Direction::Out => (">>>", "to"),
    };
    let arrow = paint.arrow(direction, arrow);
    let rest = format!(
        "{:.6} s {towards} {peer}, {}",
        elapsed.as_secs_f64(),
        crate::output::figures::count(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
    );
    let head = format!("{arrow} {}\n", paint.dim(&rest));
    let offsets = (offset..).step_by(WIDTH);
    let rows = bytes.chunks(WIDTH).zip(offsets).map(move |(row, at)| row_of(at, row, paint));
    std::iter::once(head).chain(rows)
}

fn row_of(offset: u64, row: &[u8], paint: Paint) -> String {
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
    use crate::output::ColorChoice;
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
    fn colour_marks_the_direction_only() {
        let painted = dump(Direction::In, 0, b"x", ColorChoice::Always);
        assert!(painted.starts_with("\u{1b}[32m<<<\u{1b}[0m "), "{painted:?}");
        assert!(painted.contains("|x|\n"), "{painted:?}");
    }

    #[test]
    fn offsets_are_the_streams_and_each_direction_has_its_own() {
        let mut hexdump = Hexdump::new(Output::default(), "peer", Instant::now());
        assert_eq!(hexdump.pass(Direction::Out, 5), 0);
        assert_eq!(hexdump.pass(Direction::In, 7), 0);
        assert_eq!(hexdump.pass(Direction::Out, 1), 5);
        assert_eq!(hexdump.pass(Direction::In, 1), 7);
        // Beyond 4 GiB an offset is as long as it needs to be.
        let row = dump(Direction::In, 1 << 32, b"x", ColorChoice::Never);
        assert!(row.contains("\n100000000  78 "), "{row}");
    }

    #[test]
    fn a_chunk_of_any_size_is_a_line_at_a_time() {
        let bytes = vec![0; 1 << 20];
        let paint = Paint::decide(ColorChoice::Never, false);
        let all = lines(Direction::In, Duration::ZERO, "peer", 0, &bytes, paint);
        let (count, longest) =
            all.fold((0, 0), |(count, longest), line| (count + 1, line.len().max(longest)));
        assert_eq!((count, longest), (1 + (1 << 16), 79));
    }
}
