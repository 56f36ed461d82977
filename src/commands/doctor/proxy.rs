//! The proxy that the environment sets for HTTP: is the target reached through it?

use std::env;
use std::ffi::OsString;
use std::time::Instant;

use crate::commands::doctor::check::{Check, CheckResult, Layer};
use crate::commands::doctor::connect::{FirstBytes, first_bytes, http_status};
use crate::commands::doctor::target::{DoctorTarget, Opening};
use crate::net::Deadline;
use crate::net::address::endpoint::{Address, Endpoint, Target};
use crate::net::address::host::{Host, Port};
use crate::net::address::names::{self, Family};
use crate::net::address::transport::Transport;
use crate::net::dial::{self, ConnectSettings};
use crate::{reason, text};

/// The port of a proxy whose URL has none, as in curl(1).
const PROXY_PORT: Port = Port(1080);

/// Returns the check of the proxy that programs would use for the target; `None` without one.
pub(super) async fn check(target: &DoctorTarget, deadline: Deadline) -> Option<Check> {
    if target.opening != Opening::Http || is_exempt(&target.host) {
        return None;
    }
    let variables: &[&str] = if target.tls {
        &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    } else {
        &["http_proxy", "all_proxy", "ALL_PROXY"]
    };
    let (variable, url) = variables.iter().find_map(|name| Some((name, value(name)?)))?;
    let started = Instant::now();
    let check = |name: String, (result, detail): (CheckResult, String)| {
        let hint = format!("another value of {variable}, or the log of the proxy");
        Check::new(Layer::Tcp, name, result, detail).took(started.elapsed()).hint(hint)
    };
    Some(match endpoint(&url) {
        None => {
            let detail = format!("sockkit checks only HTTP proxies ({variable})");
            check("through the proxy".to_owned(), (CheckResult::Skip, detail))
        }
        Some((host, port)) => {
            let address = Address::Net(host.clone(), port);
            let proxy = Endpoint { transport: Transport::Tcp, address };
            let outcome = ask(target, &host, port, deadline).await;
            let outcome = outcome.unwrap_or_else(|why| (CheckResult::Warn, why));
            check(format!("through the proxy {proxy}"), outcome)
        }
    })
}

/// Asks the proxy to connect to the target, or to pass on a request.
async fn ask(
    target: &DoctorTarget,
    host: &Host,
    port: Port,
    deadline: Deadline,
) -> Result<(CheckResult, String), String> {
    let addrs = names::resolve(host, port.0, Family::Any, deadline).await;
    let addrs = addrs.map_err(|error| format!("its name is not resolved: {error}"))?;
    let dialed = dial::connect("it", &addrs, ConnectSettings::default(), deadline).await;
    let mut stream = dialed.map_err(|error| error.to_string())?.stream;
    let request = if target.tls {
        format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")
    } else {
        format!("HEAD http://{target}/ HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n")
    };
    let sent = stream.write_all(request.as_bytes(), deadline).await;
    sent.map_err(|error| reason::of(&error))?;
    match first_bytes(&mut stream, deadline).await {
        FirstBytes::Bytes(bytes) => {
            let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or(&bytes);
            let shown = text::quote(&line[..line.len().min(MAX_STATUS)]);
            let status = http_status(line);
            // An answer of the server that is no success has still passed the proxy.
            let is_ok = status.is_some_and(|it| it < 300 || !target.tls && it < 500 && it != 407);
            let result = if is_ok { CheckResult::Ok } else { CheckResult::Warn };
            Ok((result, format!("answers {shown}")))
        }
        FirstBytes::Silence => Err("it does not answer".to_owned()),
        FirstBytes::Closed(how) => Err(format!("it {how} without an answer")),
    }
}

/// The most bytes of a status line that are shown.
const MAX_STATUS: usize = 40;

/// Returns the value of a variable; `None` if it is not set or empty.
fn value(name: &str) -> Option<String> {
    env::var_os(name).map(|it| it.to_string_lossy().into_owned()).filter(|it| !it.is_empty())
}

/// Returns the host and port of a proxy's URL; `None` if it is no HTTP proxy.
fn endpoint(url: &str) -> Option<(Host, Port)> {
    let rest = match url.split_once("://") {
        Some(("http", rest)) => rest,
        Some(_) => return None,
        None => url,
    };
    let authority = rest.split('/').next().unwrap_or(rest);
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    match Target::try_from(OsString::from(address)).ok()? {
        Target::Host(host) => Some((host, PROXY_PORT)),
        Target::Endpoint(Endpoint { address: Address::Net(host, port), .. }) => Some((host, port)),
        Target::Endpoint(_) => None,
    }
}

/// Returns whether the environment exempts a host from the proxy.
fn is_exempt(host: &Host) -> bool {
    let list = value("no_proxy").or_else(|| value("NO_PROXY")).unwrap_or_default();
    is_listed(host, &list)
}

/// Returns whether a list in the format of `no_proxy` contains a host, or a domain above it.
fn is_listed(host: &Host, list: &str) -> bool {
    let host = host.to_string().to_ascii_lowercase();
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.to_ascii_lowercase();
        let domain = entry.strip_prefix('.').unwrap_or(&entry);
        let above = host.strip_suffix(domain);
        entry == "*" || above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_proxy_may_have_a_user_and_need_no_scheme() {
        for (url, shown) in [
            ("http://proxy.example:3128/", "proxy.example 3128"),
            ("http://ann:a@b@proxy.example:1", "proxy.example 1"),
            ("proxy.example", "proxy.example 1080"),
            ("[::1]:8080", "::1 8080"),
        ] {
            let (host, port) = endpoint(url).unwrap();
            assert_eq!(format!("{host} {}", port.0), shown, "{url}");
        }
        assert_eq!(endpoint("socks5://proxy.example:1080"), None);
    }

    #[test]
    fn a_host_or_a_domain_above_it_is_exempt() {
        let is = |host: &str, list| is_listed(&host.parse().unwrap(), list);
        assert!(is("www.example", "localhost, .example") && is("a.example", "EXAMPLE"));
        assert!(is("192.0.2.1", "192.0.2.1") && is("a", "*"));
        assert!(!is("notexample", "example") && !is("a.example", ""));
    }
}
