//! The input of a bulk run: one name, and record types, per line.

use std::io::{self, BufRead as _, BufReader, Read};

use tokio::sync::mpsc;

use crate::dns::message::record_type::RecordType;
use crate::dns::name::query_name::QueryName;
use crate::{reason, threads};

/// The most parts of the input that are read ahead of the lookups; each has at most 8 KiB.
const BATCHES_AHEAD: usize = 4;

/// The longest line, in bytes: a name has at most 1004 with all octets escaped.
const MAX_LINE: usize = 4096;

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Job {
    /// The name and the type, or why the line cannot be looked up.
    pub(super) question: Result<(QueryName, RecordType), BadLine>,
    /// Number of bytes of the input up to the end of the line.
    pub(super) end: u64,
}

/// A line that cannot be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    pub(super) text: String,
    pub(super) error: String,
}

/// The jobs that one read has brought.
pub(super) type Batch = io::Result<Vec<Job>>;

/// Reads and parses lines in a thread of its own, because reading a file or a terminal blocks. The
/// lines that one read brings are sent together, which saves waking the other thread for each.
///
/// # Errors
/// The thread cannot be started.
pub(super) fn read(
    reader: Box<dyn Read + Send>,
    types: Vec<RecordType>,
) -> io::Result<mpsc::Receiver<Batch>> {
    let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
    threads::start("names", move || {
        let mut input = NameReader { reader: BufReader::new(reader), position: 0, types };
        while let Some(batch) = input.next_batch().transpose() {
            let is_last = batch.is_err();
            // The receiver is gone only after a signal or a failed write.
            if sender.blocking_send(batch).is_err() || is_last {
                return;
            }
        }
    })
    .map_err(reason::of_thread)?;
    Ok(receiver)
}

struct NameReader {
    reader: BufReader<Box<dyn Read + Send>>,
    position: u64,
    types: Vec<RecordType>,
}

impl NameReader {
    /// Reads a line, and the further lines that are already in the buffer; `None` at the end.
    fn next_batch(&mut self) -> io::Result<Option<Vec<Job>>> {
        let mut jobs = Vec::new();
        let mut has_read = false;
        let mut line = Vec::new();
        while !has_read || self.reader.buffer().contains(&b'\n') {
            line.clear();
            // At most as many bytes as a line may have, so that memory stays bounded.
            let mut part = self.reader.by_ref().take(u64::try_from(MAX_LINE).unwrap_or(u64::MAX));
            let length = part.read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            has_read = true;
            let is_whole = line.len() < MAX_LINE || line.ends_with(b"\n");
            let rest = if is_whole { 0 } else { self.reader.skip_until(b'\n')? };
            self.position += u64::try_from(length + rest).unwrap_or(u64::MAX);
            let text = String::from_utf8_lossy(&line);
            jobs.extend(jobs_of(&text, rest > 0, &self.types, self.position));
        }
        Ok(has_read.then_some(jobs))
    }
}

/// Returns the lookups that a line asks for. Of a line that is too long, `line` is the beginning.
fn jobs_of(line: &str, is_too_long: bool, types: &[RecordType], end: u64) -> Vec<Job> {
    let mut words = line.split_whitespace();
    let Some(name) = words.next().filter(|name| !name.starts_with('#')) else {
        return Vec::new();
    };
    let own: Result<Vec<RecordType>, _> = words.map(str::parse).collect();
    let bad = |error: String| {
        let text = line.trim().to_owned();
        vec![Job { question: Err(BadLine { text, error }), end }]
    };
    if is_too_long {
        return bad(format!("the line has more than {MAX_LINE} bytes"));
    }
    match (name.parse::<QueryName>(), own) {
        (Err(error), _) => bad(error.to_string()),
        (_, Err(error)) => bad(error.to_string()),
        (Ok(subject), Ok(own)) => {
            let by_default = &subject.default_types()[..1];
            let types = [own.as_slice(), types, by_default].into_iter().find(|it| !it.is_empty());
            let question = |kind: &RecordType| Ok((subject.clone(), *kind));
            let job = |kind| Job { question: question(kind), end };
            types.unwrap_or_default().iter().map(job).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// Returns for each job the name, or the error, and the position.
    fn jobs(text: &str) -> Vec<(String, u64)> {
        let reader: Box<dyn Read + Send> = Box::new(Cursor::new(text.to_owned()));
        let reader = BufReader::new(reader);
        let mut reader = NameReader { reader, position: 0, types: Vec::new() };
        let mut jobs = Vec::new();
        while let Some(batch) = reader.next_batch().unwrap() {
            jobs.extend(batch.into_iter().map(|job| match job.question {
                Ok((subject, kind)) => (format!("{} {kind}", subject.given), job.end),
                Err(bad) => (bad.error, job.end),
            }));
        }
        jobs
    }

    #[test]
    fn each_name_and_type_has_the_position_at_the_end_of_its_line() {
        let expected = [("a A", 2), ("b MX", 14), ("b TXT", 14), ("c A", 18)]
            .map(|it| (it.0.to_owned(), it.1));
        assert_eq!(jobs("a\n\n b mx txt\r\n#\n\nc"), expected);
        assert!(jobs("").is_empty());
        assert!(jobs("\n#\n").is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_is_one_bad_line_and_the_next_line_is_looked_up() {
        let long = "x".repeat(3 * MAX_LINE);
        let length = u64::try_from(long.len()).unwrap();
        let expected = [
            ("a A".to_owned(), 2),
            ("the line has more than 4096 bytes".to_owned(), length + 3),
            ("b A".to_owned(), length + 4),
        ];
        assert_eq!(jobs(&format!("a\n{long}\nb")), expected);
        assert!(jobs(&format!("#{long}\n")).is_empty());
        assert_eq!(jobs(&long)[0].1, length);
    }
}
