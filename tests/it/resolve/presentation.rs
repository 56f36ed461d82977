//! Records of many types, served by knotd, as sockkit, dig and kdig show them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv6Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::resolve;
use crate::support::{KillOnDrop, eventually, on_own_machine, skip};

/// Data and text of records of each type.
const SHOWN: &str = include_str!("../../records.txt");

/// Types whose parts kdig shows by their numbers: SIG and CERT.
const OTHER_TEXT_IN_KDIG: [&str; 2] = ["24", "37"];

#[test]
fn records_of_more_than_40_types_are_shown_as_compared_and_kdig() {
    let test = "records as in dig and kdig";
    for program in ["knotd", "kdig", "dig"] {
        let mut command = Command::new(program);
        if command.arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            return skip(test, &format!("{program} is not installed"));
        }
    }
    on_own_machine(test, "nameserver 127.0.0.1\n", "", || {
        let folder = tempfile::tempdir().unwrap();
        let types = write_zone(folder.path());
        let _knotd = start_knotd(folder.path());
        let (mut compared, mut also_by_kdig) = (0, 0);
        for (record_type, texts) in &types {
            let name = format!("t{record_type}.ita.br");
            let word = format!("TYPE{record_type}");
            let run = resolve(["--json", &name, &word, "@127.0.0.1"]);
            let mut data = run.data();
            data.sort();
            assert_eq!(&data, texts, "{word}");
            let with_old_names: Vec<String> = data.iter().map(|text| with_old_keys(text)).collect();
            assert_eq!(sorted(dig(&name, &word)), sorted(with_old_names), "{word} in dig");
            compared += 1;
            if let Some(texts) = kdig(&name, &word)
                && !OTHER_TEXT_IN_KDIG.contains(&record_type.as_str())
            {
                let own = data.iter().map(|text| normalized(text)).collect();
                let other = texts.iter().map(|text| normalized(text)).collect();
                assert_eq!(sorted(own), sorted(other), "{word} in kdig");
                also_by_kdig += 1;
            }
        }
        assert!(
            compared >= 60 && also_by_kdig >= 40,
            "{compared} types by dig, {also_by_kdig} by kdig"
        );
    });
}

/// Writes a zone and the settings of a server into `folder`, and returns the texts of each type.
fn write_zone(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let mut zone =
        "$ORIGIN ita.br.\n$TTL 300\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 127.0.0.1\n".to_owned();
    let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in SHOWN.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [record_type, data, text] = fields[..] else { panic!("{line}") };
        // NS and SOA records belong to a whole zone, the others to one with keys.
        if ["2", "6", "46", "47", "50", "51"].contains(&record_type) {
            continue;
        }
        types.entry(record_type.to_owned()).or_default().push(text.to_owned());
        writeln!(zone, "t{record_type} TYPE{record_type} \\# {} {data}", data.len() / 2).unwrap();
    }
    for texts in types.values_mut() {
        texts.sort();
    }
    fs::write(folder.join("zone"), zone).unwrap();
    let folder_name = folder.display();
    let settings = format!(
        "server:\n  rundir: {folder_name}\n  listen: 127.0.0.1@53\n\
         database:\n  storage: {folder_name}\n\
         zone:\n  - domain: ita.br\n    storage: {folder_name}\n    file: zone\n    \
         semantic-checks: off\n"
    );
    fs::write(folder.join("knot.conf"), settings).unwrap();
    types
}

fn start_knotd(folder: &Path) -> KillOnDrop {
    let mut command = Command::new("knotd");
    command.arg("-c").arg(folder.join("knot.conf"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let knotd = KillOnDrop(command.spawn().unwrap());
    eventually("knotd listens", || TcpStream::connect("127.0.0.1:53").ok());
    eventually("knotd has the zone", || (!dig("ita.br", "SOA").is_empty()).then_some(()));
    knotd
}

fn dig(name: &str, record_type: &str) -> Vec<String> {
    let words = ["+short", "+nosplit", "@127.0.0.1", name, record_type];
    let output = Command::new("dig").args(words).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The texts in kdig's JSON; `None` if it shows this type in hexadecimal.
fn kdig(name: &str, record_type: &str) -> Option<Vec<String>> {
    let words = ["+json", "@127.0.0.1", name, record_type];
    let output = Command::new("kdig").args(words).output().unwrap();
    let reply: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text_of = |record: &Value| {
        let mut fields = record.as_object().unwrap().iter();
        let text = fields.find(|(key, _)| key.starts_with("rdata"))?.1;
        Some(text.as_str().unwrap().to_owned())
    };
    reply["answerRRs"].as_array().unwrap().iter().map(text_of).collect()
}

/// The text with the parameters whose names dig 9.18 does not know.
fn with_old_keys(text: &str) -> String {
    text.replace("dohpath=", "key7=").replace("1 . ohttp", "1 . key8")
}

/// The text without what kdig shows otherwise: case, spaces, quotes, IPv4-compatible addresses, and
/// zeros after a decimal point or at the beginning of a group.
fn normalized(text: &str) -> String {
    let word = |word: &str| {
        let (number, unit) = match word.strip_suffix('m') {
            Some(number) => (number, "m"),
            None => (word, ""),
        };
        if let Ok(ip) = number.parse::<Ipv6Addr>() {
            return format!("{:x?}", ip.segments());
        }
        let groups = word.split(':').map(|group| u16::from_str_radix(group, 16).ok());
        if let (Some(groups), true) = (groups.collect::<Option<Vec<u16>>>(), word.contains(':')) {
            return format!("{groups:x?}");
        }
        match number.parse::<f64>() {
            Ok(value) if word.contains('.') => format!("{value}{unit}"),
            _ => word.to_lowercase(),
        }
    };
    with_old_keys(text)
        .replace('"', "")
        .split_whitespace()
        .map(word)
        .collect::<Vec<String>>()
        .join(" ")
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}
