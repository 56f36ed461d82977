//! The scripted input and output of a simulated relay.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::net::relay::input::Input;
use crate::net::relay::sink::{BlockingWriter, Sink};
use crate::net::stream::sim::{Random, pattern};
use crate::sync::lock;

/// What an input produces.
#[derive(Clone, Debug)]
pub(crate) struct InputScript {
    /// The pauses and lengths of its chunks.
    chunks: Vec<(Duration, usize)>,
    /// The pause before its end.
    pause: Duration,
    pub(crate) end: InputEnd,
}

/// How an input ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputEnd {
    Eof,
    Fails,
    /// It stays open and produces nothing more.
    StaysOpen,
}

/// When a running input produced its bytes: the time, and the total up to then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Production(Arc<Mutex<Vec<(Instant, usize)>>>);

impl InputScript {
    /// Returns a random script of about `size` bytes.
    pub(crate) fn random(random: &mut Random, size: usize) -> Self {
        let longest = if random.one_in(4) { 800 } else { 10 };
        let chunks = (0..random.below(6))
            .map(|_| (random.pause(Duration::from_millis(longest)), random.between(1, size)))
            .collect();
        let end = match random.below(8) {
            0 => InputEnd::Fails,
            1 => InputEnd::StaysOpen,
            _ => InputEnd::Eof,
        };
        Self { chunks, pause: random.moment().min(Duration::from_secs(1)), end }
    }

    /// Returns the script of an input that produces `len` bytes at once, and ends soon or never.
    pub(crate) fn burst(random: &mut Random, len: usize) -> Self {
        let end = random.pick(&[InputEnd::Eof, InputEnd::Eof, InputEnd::StaysOpen]);
        Self { chunks: vec![(Duration::ZERO, len)], pause: Duration::ZERO, end }
    }

    /// Returns a random script of up to 19 chunks of at most `largest` bytes.
    pub(crate) fn long(random: &mut Random, largest: usize) -> Self {
        let chunks = (0..random.below(20))
            .map(|_| (random.pause(Duration::from_millis(20)), random.between(1, largest)))
            .collect();
        Self { chunks, ..Self::random(random, 1) }
    }

    /// Returns where a chunk begins, and where the last one ends.
    pub(crate) fn boundaries(&self) -> Vec<usize> {
        let ends = self.chunks.iter().scan(0, |end, (_, len)| {
            *end += len;
            Some(*end)
        });
        std::iter::once(0).chain(ends).collect()
    }

    /// Returns how long the input takes if nothing delays it.
    pub(crate) fn duration(&self) -> Duration {
        self.chunks.iter().map(|(pause, _)| *pause).sum::<Duration>() + self.pause
    }

    /// Returns how many bytes the input produces.
    pub(crate) fn len(&self) -> usize {
        self.chunks.iter().map(|(_, len)| len).sum()
    }

    /// Starts the input.
    pub(crate) fn start(&self) -> (Input, Production) {
        let (sender, input) = Input::scripted();
        let production = Production::default();
        let (script, log) = (self.clone(), production.clone());
        tokio::spawn(async move {
            let mut total = 0;
            for (pause, len) in script.chunks {
                sleep(pause).await;
                let chunk = (pattern(total, len), len);
                total += len;
                lock(&log.0).push((Instant::now(), total));
                // Fails after the relay has ended, as all sends below.
                sender.send(Ok(chunk)).await.ok();
            }
            sleep(script.pause).await;
            match script.end {
                InputEnd::Eof => drop(sender.send(Ok((Vec::new(), 0))).await),
                InputEnd::Fails => drop(sender.send(Err(ErrorKind::Other.into())).await),
                InputEnd::StaysOpen => sender.closed().await,
            }
        });
        (input, production)
    }
}

impl Production {
    /// Returns how many bytes the input had produced before `time`.
    pub(crate) fn before(&self, time: Instant) -> usize {
        let log = lock(&self.0);
        log.iter().rfind(|(at, _)| *at < time).map_or(0, |(_, total)| *total)
    }
}

/// How an output behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputScript {
    Fast,
    /// It takes up to this long for each write.
    Slow(Duration),
    /// It stops after this many writes.
    Blocks(usize),
    /// It fails after this many bytes, each write taking this long.
    Fails(usize, ErrorKind, Duration),
}

/// What an output got.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written(Arc<Mutex<WrittenState>>);

#[derive(Debug, Default)]
struct WrittenState {
    bytes: Vec<u8>,
    writes: u64,
}

impl OutputScript {
    /// Returns a random script.
    pub(crate) fn random(random: &mut Random) -> Self {
        match random.below(10) {
            0 => Self::Slow(random.pause(Duration::from_millis(500))),
            1 => Self::Blocks(random.below(4)),
            2..4 => Self::Fails(
                random.below(500),
                random.pick(&[ErrorKind::BrokenPipe, ErrorKind::StorageFull]),
                random.moment().min(Duration::from_secs(1)),
            ),
            _ => Self::Fast,
        }
    }

    /// Returns a random script of an output that is slow.
    pub(crate) fn slow(random: &mut Random) -> Self {
        let time = random.moment().min(Duration::from_secs(1));
        let kind = random.pick(&[ErrorKind::BrokenPipe, ErrorKind::StorageFull]);
        let after = random.below(500);
        random.pick(&[Self::Slow(time), Self::Fails(after, kind, time)])
    }

    /// Returns whether the output takes everything at once.
    pub(crate) fn is_fast(self) -> bool {
        self == Self::Fast
    }

    /// Starts the output.
    pub(crate) fn start(self, random: &mut Random) -> (Sink, Written) {
        let written = Written::default();
        let fails = if let Self::Fails(after, kind, _) = self { Some((after, kind)) } else { None };
        let writer = ScriptedWriter { written: written.clone(), fails };
        let (mut random, mut messages) = (random.split(), 0);
        let pause = move || {
            messages += 1;
            match self {
                Self::Slow(longest) => random.pause(longest),
                Self::Fails(_, _, time) => time,
                // Longer than any schedule.
                Self::Blocks(after) if messages > after => Duration::from_hours(1000),
                _ => Duration::ZERO,
            }
        };
        (Sink::start_task(writer, pause), written)
    }
}

struct ScriptedWriter {
    written: Written,
    fails: Option<(usize, ErrorKind)>,
}

impl BlockingWriter for ScriptedWriter {
    fn write(&mut self, _from: &str, bytes: &[u8]) -> io::Result<()> {
        let mut written = lock(&self.written.0);
        if let Some((after, kind)) = self.fails
            && written.bytes.len() + bytes.len() > after
        {
            return Err(kind.into());
        }
        written.bytes.extend_from_slice(bytes);
        written.writes += 1;
        Ok(())
    }
}

impl Written {
    /// Returns the bytes that were written.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        lock(&self.0).bytes.clone()
    }

    /// Returns the number of writes.
    pub(crate) fn writes(&self) -> u64 {
        lock(&self.0).writes
    }
}
