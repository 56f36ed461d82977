//! The targets of a run: from the command line or from standard input, parsed once.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use crate::commands::probe::args::Args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::address::host::Host;
use crate::net::address::parse::ParseError;
use crate::net::address::ports::PortList;
use crate::net::address::targets::{AddressSet, EndpointSet, HostOrEndpoints};
use crate::net::address::transport::Transport;
use crate::reason;

/// The most ports of one run: with their results, they need about 150 MB.
const MAX_PROBES: usize = 1_000_000;

/// The longest line of standard input, in bytes.
const MAX_TARGET_LINE: u64 = 4096;

/// The word for standard input.
const FROM_STDIN: &str = "-";

/// Returns the targets of the command line, with the transport that the options choose.
///
/// # Errors
/// A word is no target, or standard input cannot be read.
pub(super) fn parse(args: &Args) -> Result<Vec<EndpointSet>, Failure> {
    let mut sets = if args.words.iter().any(|word| word == FROM_STDIN) {
        if args.words.len() > 1 {
            let message = "the targets are either arguments or on standard input";
            return Err(Failure::new(Exit::Usage, message).hint("sockkit probe - < targets"));
        }
        of_lines(io::stdin())?
    } else {
        of_words(&args.words)?
    };
    for set in &mut sets {
        let tls = args.tls.is_on();
        set.transport = set.transport.with_flags(args.udp, tls).ok_or_else(|| {
            let option = if tls { "--tls" } else { "--udp" };
            let message = format!("{option} contradicts the transport of a target");
            let hint = "udp://HOST:PORTS or tls://HOST:PORTS for the targets that it is meant for";
            Failure::new(Exit::Usage, message).hint(hint)
        })?;
    }
    let count: usize = sets.iter().map(count).sum();
    if count > MAX_PROBES {
        let message = format!("{count} ports are too many: the limit is {MAX_PROBES}");
        return Err(Failure::new(Exit::Usage, message).hint("several runs"));
    }
    Ok(sets)
}

/// Returns the number of ports.
fn count(set: &EndpointSet) -> usize {
    match &set.address {
        AddressSet::Net(_, ports) => ports.ports().len(),
        AddressSet::Unix(_) => 1,
    }
}

/// Parses the words of a command line: a host and its ports, or endpoints.
fn of_words(words: &[OsString]) -> Result<Vec<EndpointSet>, Failure> {
    let invalid = |word: &OsString, error: ParseError| {
        let hint = hint(&error).to_owned();
        Failure::new(Exit::Usage, format!("invalid target {}: {error}", shown(word))).hint(hint)
    };
    let mut sets = Vec::with_capacity(words.len());
    for (at, word) in words.iter().enumerate() {
        match HostOrEndpoints::try_from(word.clone()).map_err(|error| invalid(word, error))? {
            HostOrEndpoints::Endpoints(set) => sets.push(set),
            HostOrEndpoints::Host(host) if at == 0 => return of_host(host, &words[1..]),
            HostOrEndpoints::Host(_) => {
                let first = shown(&words[0]);
                let message = format!("{} follows {first}, and has no port", shown(word));
                let hint = "HOST PORTS for one host, or HOST:PORTS for each of several";
                return Err(Failure::new(Exit::Usage, message).hint(hint));
            }
        }
    }
    Ok(sets)
}

/// Parses the ports of a host.
fn of_host(host: Host, words: &[OsString]) -> Result<Vec<EndpointSet>, Failure> {
    let mut all: Option<PortList> = None;
    for word in words {
        let parsed = word.to_str().ok_or(ParseError::NotUtf8).and_then(str::parse);
        let ports: PortList = parsed.map_err(|error: ParseError| {
            let is_endpoint = matches!(
                HostOrEndpoints::try_from(word.clone()),
                Ok(HostOrEndpoints::Endpoints(_))
            );
            if is_endpoint {
                let message = format!("{} follows {host}, which has no port", shown(word));
                let hint = "HOST PORTS for one host, or HOST:PORTS for each of several";
                return Failure::new(Exit::Usage, message).hint(hint);
            }
            Failure::new(Exit::Usage, error.to_string()).hint(hint(&error))
        })?;
        match &mut all {
            None => all = Some(ports),
            Some(all) => all.extend(&ports),
        }
    }
    let ports = all.ok_or_else(|| {
        Failure::new(Exit::Usage, format!("no port given for {host}"))
            .hint(format!("sockkit probe {host} 80, or a range as 1-1024"))
    })?;
    Ok(vec![EndpointSet { transport: Transport::Tcp, address: AddressSet::Net(host, ports) }])
}

/// Parses lines, each as a command line; empty lines and those that begin with # are skipped.
fn of_lines(input: impl Read) -> Result<Vec<EndpointSet>, Failure> {
    let mut input = BufReader::new(input);
    let mut sets = Vec::new();
    for number in 1.. {
        let mut line = Vec::new();
        let read = input.by_ref().take(MAX_TARGET_LINE).read_until(b'\n', &mut line);
        match read {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                let message = format!("cannot read standard input: {}", reason::of(&error));
                return Err(Failure::new(Exit::File, message));
            }
        }
        if u64::try_from(line.len()).is_ok_and(|len| len >= MAX_TARGET_LINE) {
            let message = format!("line {number} of standard input is too long");
            let hint = format!("lines of less than {MAX_TARGET_LINE} bytes");
            return Err(Failure::new(Exit::Usage, message).hint(hint));
        }
        let line = String::from_utf8_lossy(&line);
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        if words.first().is_none_or(|word| word.as_encoded_bytes().starts_with(b"#")) {
            continue;
        }
        sets.extend(of_words(&words).map_err(|error| {
            Failure::new(Exit::Usage, format!("line {number} of standard input: {error}"))
                .hint("HOST PORTS or HOST:PORTS on each line")
        })?);
        if sets.len() > MAX_PROBES {
            break;
        }
    }
    if sets.is_empty() {
        return Err(Failure::new(Exit::Usage, "standard input has no target")
            .hint("HOST PORTS or HOST:PORTS on each line"));
    }
    Ok(sets)
}

/// Returns what to write instead.
fn hint(error: &ParseError) -> &'static str {
    match error {
        ParseError::DestinationPort(_) | ParseError::PortZero | ParseError::PortRange(_) => {
            "80, https, 80,443 or 1-1024"
        }
        ParseError::MissingPort(_) | ParseError::UrlPort(_) => "a port after the host: HOST:PORT",
        _ => "HOST PORTS, HOST:PORTS, https://HOST or unix:PATH",
    }
}

fn shown(word: &OsString) -> String {
    Path::new(word).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    /// The number of ports of each target.
    fn parse(line: &str) -> Result<Vec<usize>, String> {
        let sets = of_words(&words(line)).map_err(|error| error.to_string())?;
        Ok(sets.iter().map(count).collect())
    }

    #[test]
    fn a_host_has_all_ports_of_the_words_after_it() {
        assert_eq!(parse("localhost 80 443,8000-8009 80"), Ok(vec![12]));
        assert_eq!(parse("a:80 b:1-3 unix:/x https://c/"), Ok(vec![1, 3, 1, 1]));
    }

    #[test]
    fn the_two_forms_are_never_mixed() {
        assert_eq!(parse("a b:80").unwrap_err(), "b:80 follows a, which has no port");
        assert_eq!(parse("a:80 b").unwrap_err(), "b follows a:80, and has no port");
        assert_eq!(parse("a:80 443").unwrap_err(), "443 follows a:80, and has no port");
        assert_eq!(parse("a").unwrap_err(), "no port given for a");
    }

    #[test]
    fn lines_are_targets_or_comments_and_an_error_names_its_line() {
        let text = "# web\n\nlocalhost 80 443\n  a:1-3 b:5  \n";
        let counts: Vec<usize> = of_lines(text.as_bytes()).unwrap().iter().map(count).collect();
        assert_eq!(counts, [2, 3, 1]);
        let error = of_lines(&b"a 80\nb\n"[..]).unwrap_err().to_string();
        assert_eq!(error, "line 2 of standard input: no port given for b");
        assert!(of_lines(&b"#\n"[..]).is_err());
    }
}
