//! `echo-server`: sends the received bytes back to each client.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;

use crate::exit::Exit;
use crate::net::accept::{AcceptNotice, Connection, Service, WhenFull};
use crate::net::stream::channel::ByteCounts;
use crate::net::{Deadline, ListenAddress, Port, stream};
use crate::options::TIMEOUTS;
use crate::options::listen::ListenArgs;
use crate::options::values::{self, Limit};
use crate::output::{Event, Events, NetText, Output};
use crate::serving::{self, ServerPlan, events};
use crate::session::outcome;

const EXAMPLES: &str = "\
Examples:
  Listen on the default port, 21567
  $ sockkit echo-server

  Reply like the course's server: the time, then the received data
  $ sockkit echo-server 21567 --timestamp -v

  Listen on any free port and write its number to a file
  $ sockkit echo-server 0 --port-file /tmp/echo.port";

/// The arguments of `echo-server`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::doc_markdown, reason = "clap prints the text unchanged, so it has no markup")]
pub struct Args {
    /// Port (0 for any free), HOST:PORT or unix:PATH [default: 21567]
    ///
    /// Without it, sockkit uses the sockets that a service manager passes to it (LISTEN_FDS), if
    /// there are any.
    #[arg(value_name = "[HOST:]PORT", value_parser = values::of_bytes::<ListenAddress>())]
    address: Option<ListenAddress>,
    /// Begin each reply with the time, in the format of ctime(3)
    #[arg(long)]
    timestamp: bool,
    #[command(flatten)]
    server: ListenArgs,
    /// Close a connection after this long without data
    ///
    /// 0 for no limit.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = values::limit,
          help_heading = TIMEOUTS)]
    idle_timeout: Limit,
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let plan = ServerPlan::new(Port(21_567), WhenFull::Wait);
    let shows_data = out.is_verbose() || out.is_json();
    let build = |events, _| {
        Ok(Echo { timestamp: args.timestamp, idle: args.idle_timeout.0, shows_data, events })
    };
    serving::run_until_stopped(args.address.as_ref(), &args.server.settings(), plan, out, build)
}

/// How long a client may take to read its echo before the connection is closed.
const ECHO_WRITE_TIMEOUT: Duration = Duration::from_secs(30);

struct Echo {
    timestamp: bool,
    idle: Option<Duration>,
    shows_data: bool,
    events: Events,
}

impl Service for Echo {
    #[expect(clippy::manual_async_fn, reason = "an async fn stores its arguments twice")]
    fn handle(self: Arc<Self>, connection: Connection) -> impl Future<Output = ()> + Send {
        async move {
            self.events.send(events::connected(&connection, None));
            let mut counts = ByteCounts::default();
            let reason = match self.echo(&connection, &mut counts).await {
                Ok(reason) => reason.to_owned(),
                Err(error) => {
                    // The client must not take a part of its echo for all of it. A Unix socket has
                    // no reset.
                    connection.stream.reset_on_close().ok();
                    outcome::close_reason(&error)
                }
            };
            self.events.send(events::closed(&connection, counts, reason));
        }
    }

    fn notice(&self, notice: AcceptNotice) {
        events::report(&self.events, notice);
    }
}

impl Echo {
    /// Echoes until the connection ends, and returns the reason for the end.
    async fn echo(
        &self,
        connection: &Connection,
        counts: &mut ByteCounts,
    ) -> io::Result<&'static str> {
        let mut leave = pin!(connection.slot.leave());
        let mut idle_deadline = Deadline::maybe(self.idle);
        // Resetting the timer at each read would cost more than the echo. It is started again only
        // if the deadline has moved by the time it fires.
        let mut idle_timer = pin!(idle_deadline.passed());
        loop {
            let echoed = stream::read(&connection.stream, |bytes| {
                self.reply(connection, bytes).map(|(sent, unsent)| (bytes.len(), sent, unsent))
            });
            let (received, sent, unsent) = tokio::select! {
                biased;
                echoed = echoed => match echoed.flatten()? {
                    (0, ..) => return Ok("eof"),
                    echoed => echoed,
                },
                _ = &mut leave => return Ok("stopped"),
                () = &mut idle_timer => {
                    if idle_deadline.has_passed() {
                        return Ok("idle");
                    }
                    idle_timer.set(idle_deadline.passed());
                    continue;
                }
            };
            idle_deadline = Deadline::maybe(self.idle);
            counts.bytes_in += received as u64;
            counts.bytes_out += sent as u64;
            if !unsent.is_empty() {
                let deadline = Deadline::after(ECHO_WRITE_TIMEOUT);
                // Boxed, so that only clients that read slowly need memory for this future.
                let write = Box::pin(stream::write_all(&connection.stream, &unsent, deadline));
                write.await?;
                counts.bytes_out += unsent.len() as u64;
            }
        }
    }

    /// Replies to the bytes of one read without waiting. Returns the number of bytes sent, and
    /// those that the socket did not accept.
    fn reply(&self, connection: &Connection, bytes: &[u8]) -> io::Result<(usize, Vec<u8>)> {
        if bytes.is_empty() {
            return Ok((0, Vec::new()));
        }
        if self.shows_data {
            let peer = connection.peer.to_string();
            self.events.send(Event::Data { peer, data: NetText(bytes.to_vec()) });
        }
        let stamp = || [Zoned::now().strftime(CTIME).to_string().as_bytes(), b" ", bytes].concat();
        let stamped = self.timestamp.then(stamp);
        let reply = stamped.as_deref().unwrap_or(bytes);
        let sent = stream::write_now(&connection.stream, reply)?;
        Ok((sent, reply[sent..].to_vec()))
    }
}

/// The format of ctime(3), without its newline.
const CTIME: &str = "%a %b %e %H:%M:%S %Y";
