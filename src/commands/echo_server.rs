//! `echo-server`: sends back what clients send.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Zoned;

use crate::exit::Exit;
use crate::net::accept::{self, AcceptNotice, Connection, Service, WhenFull};
use crate::net::stream::channel::ByteCounts;
use crate::net::{Deadline, ListenAddress, stream};
use crate::options::listen::ListenArgs;
use crate::options::values::{self, Limit};
use crate::output::{Event, Events, NetText, Output, WhenGone};
use crate::serving::events;
use crate::serving::{self, ServerPlan};
use crate::session::outcome;

const EXAMPLES: &str = "\
Examples:
  Echo on the default port, 21567
  $ sockkit echo-server

  Answer as the course's server does: the time, then what was sent
  $ sockkit echo-server 21567 --timestamp -v

  Any free port, written to a file for a script
  $ sockkit echo-server 0 --port-file /tmp/echo.port";

/// Echo server: the arguments
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where to listen; 0 for any free port
    #[arg(value_name = "[HOST:]PORT", default_value = "21567")]
    address: ListenAddress,
    /// Put the time before every answer, as ctime(3) writes it
    #[arg(long)]
    timestamp: bool,
    /// Close a client that has sent nothing for so long; 0 for never
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = values::limit)]
    idle_timeout: Limit,
    /// Clients at once; more wait until there is a place
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = values::count)]
    max_clients: usize,
    #[command(flatten)]
    server: ListenArgs,
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let plan = ServerPlan {
        max_clients: args.max_clients,
        when_full: WhenFull::Wait,
        total: None,
        workers: accept::default_workers(),
        when_gone: WhenGone::Warn,
    };
    let verbose = out.is_verbose() || out.is_json();
    let build = |events, _| {
        Ok(Echo {
            timestamp: args.timestamp,
            idle: args.idle_timeout.0,
            shows_data: verbose,
            events,
        })
    };
    let (exit, _) =
        serving::run(Some(&args.address), &args.server.settings(), plan, out, build, |_, _| {
            Ok(None)
        })?;
    Ok(exit)
}

/// A client that takes none of what it asked for is given up after this long.
const ECHO_WRITE_TIMEOUT: Duration = Duration::from_secs(30);

struct Echo {
    timestamp: bool,
    idle: Option<Duration>,
    shows_data: bool,
    events: Events,
}

impl Service for Echo {
    #[expect(clippy::manual_async_fn, reason = "an async fn keeps its arguments twice")]
    fn handle(self: Arc<Self>, connection: Connection) -> impl Future<Output = ()> + Send {
        async move {
            self.events.send(events::connected(&connection));
            let mut counts = ByteCounts::default();
            let reason = self.echo(&connection, &mut counts).await;
            self.events.send(events::closed(&connection, counts, reason));
        }
    }

    fn notice(&self, notice: AcceptNotice) {
        events::tell(&self.events, notice);
    }
}

impl Echo {
    /// Echoes until the end, and says why it came.
    async fn echo(&self, connection: &Connection, counts: &mut ByteCounts) -> String {
        let mut leave = pin!(connection.seat.leave());
        let mut heard = Instant::now();
        // Set once and looked at when it goes off: moving it at every message would cost more
        // than the message.
        let mut alarm = pin!(Deadline::maybe(self.idle).passed());
        loop {
            let step = stream::read(&connection.stream, |bytes| self.answer(connection, bytes));
            let (received, answered, rest) = tokio::select! {
                biased;
                step = step => match step.and_then(|step| step) {
                    Ok((0, ..)) => return "eof".to_owned(),
                    Ok(step) => step,
                    Err(error) => return outcome::word(&error),
                },
                _ = &mut leave => return "stopped".to_owned(),
                () = &mut alarm => {
                    let quiet = heard.elapsed();
                    match self.idle.and_then(|idle| idle.checked_sub(quiet)) {
                        Some(left) if !left.is_zero() => {
                            alarm.set(Deadline::after(left).passed());
                            continue;
                        }
                        _ => return "idle".to_owned(),
                    }
                }
            };
            heard = Instant::now();
            counts.bytes_in += received as u64;
            counts.bytes_out += answered as u64;
            if let Some(rest) = rest {
                let deadline = Deadline::after(ECHO_WRITE_TIMEOUT);
                // Boxed: room for what happens to slow readers only would cost every client.
                let write = Box::pin(stream::write_all(&connection.stream, &rest, deadline));
                if let Err(error) = write.await {
                    return outcome::word(&error);
                }
                counts.bytes_out += rest.len() as u64;
            }
        }
    }

    /// Answers one read at once, and returns how much was received, how much sent, and what did
    /// not fit.
    fn answer(
        &self,
        connection: &Connection,
        bytes: &[u8],
    ) -> std::io::Result<(usize, usize, Option<Vec<u8>>)> {
        if bytes.is_empty() {
            return Ok((0, 0, None));
        }
        if self.shows_data {
            let peer = connection.peer.to_string();
            self.events.send(Event::Data { peer, data: NetText(bytes.to_vec()) });
        }
        let stamped;
        let reply = if self.timestamp {
            let now = Zoned::now().strftime(CTIME).to_string();
            stamped = [now.as_bytes(), b" ", bytes].concat();
            &stamped[..]
        } else {
            bytes
        };
        let sent = stream::write_now(&connection.stream, reply)?;
        let rest = (sent < reply.len()).then(|| reply[sent..].to_vec());
        Ok((bytes.len(), sent, rest))
    }
}

/// The form of ctime(3), without its newline.
const CTIME: &str = "%a %b %e %H:%M:%S %Y";
