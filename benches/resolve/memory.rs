//! The memory of a run over many names.

use std::fs;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc;
use std::thread;

use crate::tools::{Bench, Tool, name};

impl Bench<'_> {
    /// Returns the peak memory of `resolve -` with `count` names, in bytes.
    pub(crate) fn peak_memory(&self, count: usize) -> io::Result<f64> {
        let mut command = self.command(&Tool::BULK[0]);
        command.args(["--plain", "-"]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let taken = || io::Error::other("a stream of sockkit is no pipe");
        let input = process.stdin.take().ok_or_else(taken)?;
        let output = process.stdout.take().ok_or_else(taken)?;
        // Its standard input stays open until its memory has been read.
        let (all_read, end) = mpsc::channel();
        let writer = thread::spawn(move || write_names(input, count, &end));
        let results = BufReader::new(output).split(b'\n').take(count).count();
        let status = fs::read_to_string(format!("/proc/{}/status", process.id()))?;
        drop(all_read);
        process.wait()?;
        writer.join().map_err(|_| io::Error::other("the writer panicked"))??;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
        let peak: Option<f64> = peak.and_then(|kib| kib.trim().parse().ok());
        if results != count {
            return Err(io::Error::other(format!("{results} of {count} results")));
        }
        peak.map(|kib| kib * 1024.0).ok_or_else(|| io::Error::other("no peak memory in /proc"))
    }
}

fn write_names(input: ChildStdin, count: usize, end: &mpsc::Receiver<()>) -> io::Result<()> {
    let mut input = BufWriter::new(input);
    for number in 0..count {
        writeln!(input, "{}", name(number))?;
    }
    input.flush()?;
    // Returns an error once the sender is dropped.
    end.recv().ok();
    Ok(())
}
