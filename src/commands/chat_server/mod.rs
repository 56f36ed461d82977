//! `chat-server`: one chat room for all clients.

mod client;
mod delivery;
#[cfg(test)]
mod sim;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::TcpKeepalive;

use crate::chat::command::HELP;
use crate::commands::chat_server::client::ChatClient;
use crate::commands::chat_server::delivery::Members;
use crate::exit::Exit;
use crate::net::accept::{AcceptNotice, Connection, Service, WhenFull};
use crate::net::{ListenAddress, Port};
use crate::options::TIMEOUTS;
use crate::options::server::ServerArgs;
use crate::options::values::{self, Limit};
use crate::output::Output;
use crate::serving::events::{self, ClientEvents};
use crate::serving::{self, ServerPlan};

const EXAMPLES: &str = "\
Examples:
  Open a room for clients on this machine, on the default port, 5669
  $ sockkit chat-server

  Open a room for clients on any machine
  $ sockkit chat-server --public

  Join the room
  $ sockkit connect 127.0.0.1 5669";

/// The arguments of `chat-server`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\nIn the room: {HELP}"),
    mut_arg("max_clients", |arg| arg.default_value("256"))
)]
#[expect(clippy::doc_markdown, reason = "clap prints the text unchanged, so it has no markup")]
pub struct Args {
    /// Port (0 for any free), HOST:PORT or unix:PATH [default: 5669]
    ///
    /// Without it, sockkit uses the sockets that a service manager passes to it (LISTEN_FDS), if
    /// there are any.
    #[arg(value_name = "[HOST:]PORT", value_parser = values::of_bytes::<ListenAddress>())]
    address: Option<ListenAddress>,
    #[command(flatten)]
    server: ServerArgs,
    /// Limit the time to choose a nickname
    ///
    /// 0 for no limit.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = values::limit,
          help_heading = TIMEOUTS)]
    idle_timeout: Limit,
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    // All clients lock the same room, so a second thread would mostly wait for the first.
    let plan = ServerPlan { workers: 1, ..ServerPlan::new(Port(5669), WhenFull::Refuse) };
    let plan = args.server.plan(args.address.as_ref(), plan)?;
    let build = |events, _| {
        Ok(ChatServer { nick_limit: args.idle_timeout.0, members: Mutex::default(), events })
    };
    serving::run_until_stopped(args.address.as_ref(), &args.server.settings(), plan, out, build)
}

/// Detects a member whose network failed after about 90 s: 60 s without traffic, then three probes,
/// 10 s apart.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_mins(1))
    .with_interval(Duration::from_secs(10))
    .with_retries(3);

struct ChatServer {
    /// How long a client may take to choose a nickname.
    nick_limit: Option<Duration>,
    members: Mutex<Members>,
    events: ClientEvents,
}

impl Service for ChatServer {
    async fn handle(self: Arc<Self>, connection: Connection) {
        // Without these options (a Unix socket, some systems), a failed network is detected later.
        let Connection { stream, client } = connection;
        stream.set_keepalive(&KEEPALIVE).ok();
        ChatClient::new(&self.members, &self.events, stream, &client).run(self.nick_limit).await;
    }

    fn notice(&self, notice: AcceptNotice) {
        self.events.notice(notice);
    }

    fn refusal(&self) -> &'static [u8] {
        events::BUSY.as_bytes()
    }
}

#[test]
fn the_future_that_serves_a_client_stays_small() {
    assert!(crate::net::accept::task_size::<ChatServer>() <= 1_560);
}
