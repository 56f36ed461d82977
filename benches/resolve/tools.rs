//! The tools, and how fast they look up names.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::server::{ADDRESS, Server, ZONE};

/// A tool.
#[derive(Clone, Copy)]
pub(crate) struct Tool {
    /// Its name and options, as in the report.
    pub(crate) name: &'static str,
    run: Run,
    /// Target: the rate of the first tool divided by that of this one is at least this.
    pub(crate) min_ratio: Option<f64>,
}

/// How a tool is run.
#[derive(Clone, Copy)]
enum Run {
    Sockkit(&'static str),
    Dig,
    Kdig,
    Dnsperf,
}

impl Tool {
    /// The tools that look up many names.
    pub(crate) const BULK: [Self; 5] = [
        Self { name: "sockkit --plain", run: Run::Sockkit("--plain"), min_ratio: None },
        Self { name: "sockkit --json", run: Run::Sockkit("--json"), min_ratio: None },
        Self { name: "dig -f", run: Run::Dig, min_ratio: Some(2.0) },
        Self { name: "kdig", run: Run::Kdig, min_ratio: Some(2.0) },
        Self { name: "dnsperf", run: Run::Dnsperf, min_ratio: Some(0.5) },
    ];

    /// The tools that look up one name.
    pub(crate) const COLD: [Self; 3] = [
        Self { name: "sockkit", run: Run::Sockkit("--plain"), min_ratio: None },
        Self { name: "dig", run: Run::Dig, min_ratio: Some(1.0) },
        Self { name: "kdig", run: Run::Kdig, min_ratio: Some(1.0) },
    ];
}

/// What all measurements share: the server and the names.
pub(crate) struct Bench<'a> {
    pub(crate) sockkit: &'a str,
    port: String,
    names: Vec<String>,
    folder: TempDir,
}

impl<'a> Bench<'a> {
    /// Writes the files with the names.
    pub(crate) fn new(sockkit: &'a str, server: &Server, count: usize) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let names: Vec<String> = (0..count).map(name).collect();
        fs::write(folder.path().join("names"), names.join("\n") + "\n")?;
        let questions = names.join(" A\n") + " A\n";
        fs::write(folder.path().join("questions"), questions)?;
        Ok(Self { sockkit, port: server.port.to_string(), names, folder })
    }

    /// Returns the number of names that `tool` looks up in a second; `None` if it is not installed.
    pub(crate) fn rate(&self, tool: &Tool) -> io::Result<Option<f64>> {
        let (names, questions) = (self.file("names"), self.file("questions"));
        let mut command = self.command(tool);
        match tool.run {
            Run::Sockkit(format) => command.args([format, "--file"]).arg(names),
            Run::Dig => command.arg("-f").arg(names),
            Run::Kdig => command.args(&self.names),
            // The file once, and as many queries at once as sockkit has by default.
            Run::Dnsperf => command.args(["-n", "1", "-q", "50", "-d"]).arg(questions),
        };
        let output = self.file("output");
        let Some(seconds) = time(command, &output)? else { return Ok(None) };
        let text = fs::read_to_string(output)?;
        if let Run::Dnsperf = tool.run {
            // Its own figure does not include its start.
            let rate = text.lines().find_map(|line| line.split("Queries per second:").nth(1));
            return Ok(rate.and_then(|rate| rate.trim().parse().ok()));
        }
        let answers = text.matches("192.0.2.1").count();
        if answers != self.names.len() {
            let message = format!("{} has {answers} of {} answers", tool.name, self.names.len());
            return Err(io::Error::other(message));
        }
        Ok(Some(as_float(self.names.len()) / seconds))
    }

    /// Returns how often `tool` can be run in a second to look up one name; `None` if it is not
    /// installed.
    pub(crate) fn cold_rate(&self, tool: &Tool, runs: usize) -> io::Result<Option<f64>> {
        let mut seconds = 0.0;
        for _ in 0..runs {
            let mut command = self.command(tool);
            if let Run::Sockkit(format) = tool.run {
                command.arg(format);
            }
            command.args([&self.names[0], "A"]);
            let Some(time) = time(command, &self.file("output"))? else { return Ok(None) };
            seconds += time;
        }
        Ok(Some(as_float(runs) / seconds))
    }

    /// Returns the command that asks the server.
    pub(crate) fn command(&self, tool: &Tool) -> Command {
        match tool.run {
            Run::Sockkit(_) => {
                let mut command = Command::new(self.sockkit);
                command.args(["resolve", "-q", &format!("@{ADDRESS}:{}", self.port)]);
                command
            }
            Run::Dig => server_command("dig", &format!("@{ADDRESS}"), &self.port),
            Run::Kdig => server_command("kdig", &format!("@{ADDRESS}"), &self.port),
            Run::Dnsperf => server_command("dnsperf", &format!("-s{ADDRESS}"), &self.port),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Returns the name with this number, of which each has an address.
pub(crate) fn name(number: usize) -> String {
    format!("n{number}.{ZONE}")
}

fn server_command(program: &str, server: &str, port: &str) -> Command {
    let mut command = Command::new(program);
    command.args([server, "-p", port]);
    command
}

/// Converts to `f64`, exactly up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
fn as_float(value: usize) -> f64 {
    value as f64
}

/// Returns the time in seconds from the start of the process to its end; `None` if the program
/// is not installed.
fn time(mut command: Command, output: &Path) -> io::Result<Option<f64>> {
    let file = File::create(output)?;
    command.stdin(Stdio::null()).stdout(file).stderr(Stdio::null());
    let began = Instant::now();
    match command.status() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(status) if status.success() => Ok(Some(began.elapsed().as_secs_f64())),
        Ok(status) => {
            let program = command.get_program().display().to_string();
            Err(io::Error::other(format!("{program}: {status}")))
        }
    }
}
