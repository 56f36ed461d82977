//! The words of the command line: names, record types, a class and servers, in any order.

pub(in crate::commands::resolve) mod args;
pub(in crate::commands::resolve) mod conflicts;
pub(in crate::commands::resolve) mod habits;
pub(in crate::commands::resolve) mod servers;
pub(in crate::commands::resolve) mod settings;

use std::error::Error;

use crate::commands::resolve::request::args::{Args, STANDARD_INPUT};
use crate::dns::message::class::RecordClass;
use crate::dns::message::record_type::{self, RecordType};
use crate::dns::name::query_name::QueryName;
use crate::dns::name::{self, InvalidName};
use crate::dns::server::{DnsServerName, InvalidServer};
use crate::exit::Exit;
use crate::failure::Failure;

/// What to look up, and which servers to ask.
#[derive(Debug)]
pub(in crate::commands::resolve) struct Request {
    /// The names and addresses.
    pub(in crate::commands::resolve) subjects: Vec<QueryName>,
    /// The record types, without duplicates; if empty, those that fit each name.
    pub(in crate::commands::resolve) types: Vec<RecordType>,
    /// The class.
    pub(in crate::commands::resolve) class: RecordClass,
    /// The servers; if empty, this machine's.
    pub(in crate::commands::resolve) servers: Vec<DnsServerName>,
}

impl Request {
    /// Sorts the words by kind.
    ///
    /// # Errors
    /// A word is invalid, or there is no name.
    pub(in crate::commands::resolve) fn parse(args: &Args) -> Result<Self, Failure> {
        let mut request = Self {
            subjects: Vec::new(),
            types: args.types.clone(),
            class: args.class.unwrap_or(RecordClass::IN),
            servers: Vec::new(),
        };
        for word in args.words.iter().filter(|word| *word != STANDARD_INPUT) {
            if let Some(server) = word.strip_prefix('@') {
                let server = DnsServerName::parse(server, args.port);
                request.servers.push(server.map_err(|error: InvalidServer| {
                    Failure::new(Exit::Usage, format!("{word}: {error}"))
                        .hint("@HOST, @HOST:PORT, @[v6]:PORT, @tls://HOST or @https://HOST/PATH")
                })?);
            } else if record_type::looks_like_type(word) {
                request.types.push(word.parse().map_err(usage)?);
            } else if let Some(types) = record_type::type_list(word) {
                request.types.extend(types);
            } else if let Some(class) = class(word) {
                request.class = class;
            } else if word.bytes().all(|byte| byte.is_ascii_digit()) && !word.is_empty() {
                let message = format!("{word} is neither a name nor a record type");
                return Err(Failure::new(Exit::Usage, message)
                    .hint(format!("TYPE{word}, or `{word}.` to look up that name")));
            } else {
                request.add(word.parse().map_err(invalid_name)?);
            }
        }
        for word in &args.reverse {
            request.add(reverse(word)?);
        }
        if args.file.is_some() && args.words.iter().any(|word| word == STANDARD_INPUT) {
            return Err(Failure::new(
                Exit::Usage,
                "names are given in a file and on standard input",
            )
            .hint("one of the two"));
        }
        if request.subjects.is_empty() != args.has_input() {
            return Err(if args.has_input() {
                Failure::new(Exit::Usage, "names are given as arguments and in a file")
                    .hint("one of the two")
            } else {
                no_name(args)
            });
        }
        if args.axfr {
            request.types.push(RecordType::AXFR);
        }
        if let Some(failure) = request.address_of_address() {
            return Err(failure);
        }
        if request.types.contains(&RecordType::IXFR) {
            let message = "an incremental zone transfer (IXFR) is not supported";
            return Err(Failure::new(Exit::Usage, message).hint("--axfr for the whole zone"));
        }
        let mut distinct = Vec::new();
        for record_type in request.types {
            if !distinct.contains(&record_type) {
                distinct.push(record_type);
            }
        }
        request.types = distinct;
        Ok(request)
    }

    /// Adds a name, unless it was given before.
    fn add(&mut self, subject: QueryName) {
        if !self.subjects.contains(&subject) {
            self.subjects.push(subject);
        }
    }

    /// Returns the address after a domain name, which may be meant as the server, as in host(1). A
    /// name of this machine, such as `localhost`, has no such server.
    pub(in crate::commands::resolve) fn address_as_server(&self) -> Option<&str> {
        match &self.subjects[..] {
            [name, QueryName { given, ip: Some(_), .. }]
                if name.ip.is_none() && name.given.contains('.') && self.servers.is_empty() =>
            {
                Some(given)
            }
            _ => None,
        }
    }

    /// Returns the error for a question about the addresses of an address, which has none.
    fn address_of_address(&self) -> Option<Failure> {
        let is_address = |wanted: &&RecordType| [RecordType::A, RecordType::AAAA].contains(wanted);
        let wanted = self.types.iter().find(is_address)?;
        let QueryName { given, name, .. } = self.subjects.iter().find(|it| it.ip.is_some())?;
        let message = format!("{given} is an address, and has no {wanted} record");
        let reverse = name::show(name);
        let reverse = reverse.trim_end_matches('.');
        let hint = match self.address_as_server() {
            Some(_) => format!("@{given} to query that server"),
            None => format!("`sockkit resolve {given}` for its name, or {reverse} {wanted}"),
        };
        Some(Failure::new(Exit::Usage, message).hint(hint))
    }
}

/// Returns the class that a word means. Numbers need `--class`, because `class1` can be a name.
fn class(word: &str) -> Option<RecordClass> {
    ["IN", "CH", "CHAOS", "HS", "HESIOD"]
        .iter()
        .find(|class| class.eq_ignore_ascii_case(word))?
        .parse()
        .ok()
}

/// Parses the value of `-x`.
fn reverse(word: &str) -> Result<QueryName, Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, message);
    if word.starts_with('@') {
        let message = format!("-x needs an address, and {word} is a server");
        return Err(usage(message).hint(format!("-x ADDRESS {word}")));
    }
    let subject: QueryName = word.parse().map_err(invalid_name)?;
    if subject.ip.is_some() {
        return Ok(subject);
    }
    // A part of an IPv4 address, as in dig: the zone of a network.
    let octets: Vec<&str> = word.trim_end_matches('.').split('.').rev().collect();
    let is_part = octets.len() < 4 && octets.iter().all(|octet| octet.parse::<u8>().is_ok());
    let zone = format!("{}.in-addr.arpa", octets.join("."));
    let name = if is_part { &zone } else { word };
    Err(usage(format!("{word:?} is not an address")).hint(format!("sockkit resolve {name}")))
}

fn usage(error: impl Error) -> Failure {
    Failure::new(Exit::Usage, error.to_string())
}

fn invalid_name(error: InvalidName) -> Failure {
    let is_unprintable = matches!(error, InvalidName::Unprintable(_));
    let failure = usage(error);
    if is_unprintable {
        failure.hint("a backslash and three decimal digits, such as \\032 for a space")
    } else {
        failure
    }
}

fn no_name(args: &Args) -> Failure {
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let port = args.port.map(|port| format!("-p {port}"));
    let servers = args.words.iter().filter(|word| word.starts_with('@')).map(String::as_str);
    let mut servers: Vec<&str> = servers.collect();
    servers.extend(port.as_deref().filter(|_| !servers.is_empty()));
    match (args.words.iter().find(|word| !word.starts_with('@')), &servers[..]) {
        (Some(word), servers) => {
            let kind = if class(word).is_some() { "class" } else { "record type" };
            let message = format!("no name given: {word:?} is a {kind}");
            let hint = format!("`{word}.`, with a trailing dot, to look up that name");
            match servers {
                [] => usage(message).hint(hint),
                [server, ..] => {
                    let line = format!("sockkit resolve NAME {word} {}", servers.join(" "));
                    usage(format!("{message}, and {server} a server"))
                        .hint(format!("{hint}, or {line}"))
                }
            }
        }
        (None, []) => usage("no name given".to_owned()).hint("sockkit resolve www.ita.br"),
        (None, servers) => usage("no name given, only servers".to_owned())
            .hint(format!("sockkit resolve . NS {}", servers.join(" "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct CommandLine {
        #[command(flatten)]
        args: Args,
    }

    fn parse(words: &[&str]) -> Result<Request, String> {
        let words = ["resolve"].iter().chain(words);
        let line = CommandLine::try_parse_from(words).map_err(|error| error.to_string())?;
        let args = habits::translate(&line.args).map_err(|failure| failure.to_string())?;
        Request::parse(&args).map_err(|failure| failure.to_string())
    }

    fn names(request: &Request) -> Vec<&str> {
        request.subjects.iter().map(|subject| subject.given.as_str()).collect()
    }

    #[test]
    fn servers_record_types_and_names_are_recognized_by_their_form() {
        let request = parse(&[
            "www.ita.br",
            "Mx",
            "@::1",
            "type99",
            "mx.",
            "-t",
            "SRV",
            "srv",
            "ch",
            "-x",
            "::1",
        ]);
        let request = request.unwrap();
        assert_eq!(names(&request), ["www.ita.br", "mx.", "::1"]);
        assert_eq!(request.types, [RecordType::SRV, RecordType::MX, RecordType(99)]);
        assert_eq!(request.servers.len(), 1);
        assert_eq!(request.class, RecordClass::CH);
        let request = parse(&["version.bind", "CHAOS", "txt,SINK"]).unwrap();
        assert_eq!(
            (request.class, &request.types[..]),
            (RecordClass::CH, &[RecordType::TXT, RecordType(40)][..])
        );
        // A word with a dot is never a type or a class, and a server's name is not either.
        let request = parse(&["any.example", "ns.", "in.", "@nsx.example", "-t", "ns"]).unwrap();
        assert_eq!(names(&request), ["any.example", "ns.", "in."]);
        assert_eq!(request.types, [RecordType::NS]);
    }

    #[test]
    fn an_invalid_command_line_is_an_error_with_the_reason() {
        let error = |words| parse(words).unwrap_err();
        assert_eq!(error(&["mx"]), "no name given: \"mx\" is a record type");
        let message = "no name given: \"ns\" is a record type, and @::1 a server";
        assert_eq!(error(&["@::1", "ns"]), message);
        let message = "192.0.2.1 is an address, and has no AAAA record";
        assert_eq!(error(&["192.0.2.1", "aaaa"]), message);
        assert_eq!(error(&["in"]), "no name given: \"in\" is a class");
        assert_eq!(error(&["@127.0.0.1"]), "no name given, only servers");
        assert_eq!(error(&[]), "no name given");
        assert_eq!(error(&["-x", "www.ita.br"]), "\"www.ita.br\" is not an address");
        let message = "names are given in a file and on standard input";
        assert_eq!(error(&["-f", "names", "-"]), message);
        assert!(error(&["TYPE65536"]).contains("is not a record type"));
        assert!(error(&["a.example", "@"]).contains("no host given"));
    }
}
