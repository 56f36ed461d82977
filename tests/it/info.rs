//! `info`: what it shows about this machine, with and without a network.

use crate::support::{Terminal, in_namespace, sockkit};

#[test]
fn json_holds_the_documented_fields() {
    let ran = sockkit("info --json").run().code(0);
    let out = ran.out();
    assert_eq!(out.lines().count(), 1);
    let info: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(info["type"], "info");
    let name = hostname::get().unwrap().into_string().unwrap();
    assert_eq!(info["hostname"], name.as_str());
    for key in ["fqdn", "primary_ipv4", "primary_ipv6", "addresses"] {
        assert!(info.get(key).is_some(), "{key} is missing");
    }
    for key in ["gateways", "dns_servers", "search_domains"] {
        assert!(info[key].is_array(), "{key} is no list");
    }
    let interfaces = info["interfaces"].as_array().unwrap();
    let lo = interfaces.iter().find(|interface| interface["name"] == "lo").unwrap();
    assert_eq!(lo["up"], true);
    assert!(lo["mtu"].is_u64());
    assert!(lo["addresses"].as_array().unwrap().contains(&"127.0.0.1/8".into()));
}

#[test]
fn table_and_plain_show_the_same_data() {
    let table = sockkit("info").run().code(0).out();
    let plain = sockkit("info --plain").run().code(0).out();
    let hostname = hostname::get().unwrap().into_string().unwrap();
    assert!(plain.lines().any(|line| line == format!("hostname\t{hostname}")), "{plain}");
    assert!(plain.lines().any(|line| line.starts_with("interface\tlo\tup\t")), "{plain}");
    assert!(
        table.lines().any(|line| line.split_whitespace().eq(["hostname", &hostname])),
        "{table}"
    );
    assert!(table.contains("INTERFACE"), "{table}");
    assert!(!plain.contains("INTERFACE"), "{plain}");
}

#[test]
fn every_field_is_present_without_a_network() {
    let Some(info) = in_namespace("info without a network", "", "info --json") else {
        return;
    };
    let out = info.run().code(0).out();
    let info: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(info["primary_ipv4"].is_null());
    assert!(info["primary_ipv6"].is_null());
    assert_eq!(info["gateways"], serde_json::json!([]));
    assert_eq!(info["interfaces"][0]["name"], "lo");
    assert_eq!(info["interfaces"][0]["up"], false);
}

#[test]
fn addresses_routes_and_dns_servers_are_shown() {
    let setup = "mount -t sysfs sysfs /sys
        ip link set lo up
        ip link add v0 type veth peer name v1
        ip addr add 198.51.100.7/24 dev v0
        ip -6 addr add 2001:db8:1::7/64 dev v0 nodad
        ip link set v0 up
        ip link set v1 up
        ip route add default via 198.51.100.1
        resolv=$(mktemp)
        printf 'nameserver 198.51.100.53\\nsearch lab.example\\n' > $resolv
        mount --bind $resolv /etc/resolv.conf
        rm $resolv";
    if std::process::Command::new("ip").arg("-V").output().is_err() {
        return crate::support::skip("info in a made-up network", "no ip command");
    }
    let Some(info) = in_namespace("info in a made-up network", setup, "info --json") else {
        return;
    };
    let out = info.run().code(0).out();
    let info: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(info["primary_ipv4"], "198.51.100.7");
    assert_eq!(info["gateways"], serde_json::json!(["198.51.100.1"]));
    assert_eq!(info["dns_servers"], serde_json::json!(["198.51.100.53"]));
    assert_eq!(info["search_domains"], serde_json::json!(["lab.example"]));
    let interfaces = info["interfaces"].as_array().unwrap();
    let v0 = interfaces.iter().find(|interface| interface["name"] == "v0").unwrap();
    let addresses = v0["addresses"].as_array().unwrap();
    assert!(addresses.contains(&"198.51.100.7/24".into()), "{addresses:?}");
    assert!(addresses.contains(&"2001:db8:1::7/64".into()), "{addresses:?}");
}

#[test]
fn a_report_is_in_colour_on_a_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let terminal = Terminal::start("info", directory.path());
    let text = terminal.screen.wait_for_text("ADDRESSES");
    assert!(text.contains("\u{1b}[1mINTERFACE"), "{text:?}");
    assert_eq!(terminal.wait(), 0);
}
