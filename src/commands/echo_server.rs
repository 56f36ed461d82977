//! `echo-server`: sends the received bytes back to each client.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;

use crate::exit::Exit;
use crate::net::accept::{AcceptNotice, Client, Connection, Service, WhenFull};
use crate::net::end::close_reason;
use crate::net::stream::{Stream, Unsent};
use crate::net::{IdleClock, ListenAddress, Port};
use crate::options::TIMEOUTS;
use crate::options::server::ServerArgs;
use crate::options::values::{self, Limit};
use crate::output::{Event, NetText, Output};
use crate::serving::events::ClientEvents;
use crate::serving::{self, ServerPlan};
use crate::session::tls::begins_tls;

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
    server: ServerArgs,
    /// Close a connection after this long without data
    ///
    /// 0 for no limit.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = values::limit,
          help_heading = TIMEOUTS)]
    idle_timeout: Limit,
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let (timestamp, idle) = (args.timestamp, args.idle_timeout.0);
    let shows_data = out.is_verbose() || out.is_json();
    let address = args.address.as_ref();
    let plan = ServerPlan::new(Port(21_567), WhenFull::Wait);
    let plan = args.server.plan(address, plan)?;
    let build = |events, _| Ok(Echo { timestamp, idle, shows_data, events });
    serving::run_until_stopped(address, &args.server.settings(), plan, out, build)
}

/// How long a client may acknowledge nothing while a part of its echo waits.
const ECHO_WRITE_TIMEOUT: Duration = Duration::from_secs(30);

struct Echo {
    timestamp: bool,
    idle: Option<Duration>,
    shows_data: bool,
    events: ClientEvents,
}

impl Service for Echo {
    #[expect(clippy::manual_async_fn, reason = "an async fn stores its arguments twice")]
    fn handle(self: Arc<Self>, mut connection: Connection) -> impl Future<Output = ()> + Send {
        async move {
            let Connection { stream, client } = &mut connection;
            self.events.connected(client);
            let reason = match self.echo(stream, client).await {
                Ok(reason) => {
                    stream.shut_down_now();
                    reason.to_owned()
                }
                Err(error) => {
                    // The client must not take a part of its echo for all of it.
                    stream.abort();
                    close_reason(&error)
                }
            };
            self.events.closed(client, stream, reason);
        }
    }

    fn notice(&self, notice: AcceptNotice) {
        self.events.notice(notice);
    }
}

impl Echo {
    /// Echoes until the connection ends, and returns the reason for the end.
    async fn echo(&self, stream: &mut Stream, client: &Client) -> io::Result<&'static str> {
        let mut leave = pin!(client.slot.leave());
        let idle = IdleClock::now();
        let mut idle_expired = pin!(idle.expired(self.idle));
        loop {
            let reply = stream.read(|stream, bytes| self.reply(stream, client, bytes));
            let unsent = tokio::select! {
                biased;
                replied = reply => match replied.flatten()? {
                    Some(unsent) => unsent,
                    None => return Ok("eof"),
                },
                _ = &mut leave => return Ok("stopped"),
                () = &mut idle_expired => return Ok("idle"),
            };
            stream.write_rest(unsent, ECHO_WRITE_TIMEOUT).await?;
            idle.renew();
        }
    }

    /// Starts to reply to the bytes of one read; returns `None` at EOF.
    fn reply(
        &self,
        stream: &mut Stream,
        client: &Client,
        bytes: &[u8],
    ) -> io::Result<Option<Unsent>> {
        if bytes.is_empty() {
            return Ok(None);
        }
        if begins_tls(stream, bytes) {
            self.events.speaks_tls(client);
        }
        if self.shows_data {
            let (peer, data) = (client.peer().to_string(), NetText(bytes.to_vec()));
            self.events.send(Event::Data { peer, data });
        }
        let stamp = || [Zoned::now().strftime(CTIME).to_string().as_bytes(), b" ", bytes].concat();
        let stamped = self.timestamp.then(stamp);
        stream.start_write(stamped.as_deref().unwrap_or(bytes)).map(Some)
    }
}

/// The format of ctime(3), without its newline.
const CTIME: &str = "%a %b %e %H:%M:%S %Y";

#[test]
fn the_future_that_serves_a_client_stays_small() {
    // One byte more costs 128 bytes: tokio aligns each task to cache lines.
    assert!(crate::net::accept::task_size::<Echo>() <= 664);
}
