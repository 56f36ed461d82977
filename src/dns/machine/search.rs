//! The search list: the names that the system's resolver tries for a short name.

use crate::dns::Name;
use crate::dns::machine::system::Settings;
use crate::dns::name;

/// Returns the names to look up for `name`, which the user wrote as `given`, until one exists, in
/// the order of the C library (resolv.conf(5)).
pub fn candidates(given: &str, name: &Name, settings: &Settings) -> Vec<Name> {
    // The name as it is; a trailing dot says that it is complete.
    if given.ends_with('.') || name.is_root() {
        return vec![name.clone()];
    }
    let dots = u32::from(name.num_labels().saturating_sub(1));
    let domains = settings.search.iter().filter_map(|domain| name::parse(domain).ok());
    let searched = domains.filter_map(|domain| {
        // A name that would be too long cannot exist.
        Name::from_labels(name.iter().chain(domain.iter())).ok()
    });
    let mut candidates: Vec<Name> = searched.collect();
    let at = if dots >= settings.ndots { 0 } else { candidates.len() };
    // As in the C library, only where the name would be the last one.
    let is_skipped = settings.no_tld_query && dots == 0 && at > 0;
    if !is_skipped {
        candidates.insert(at, name.clone());
    }
    let mut distinct = Vec::new();
    for candidate in candidates {
        if !distinct.contains(&candidate) {
            distinct.push(candidate);
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn tried(given: &str, search: &[&str], ndots: u32) -> Vec<String> {
        tried_with(given, search, ndots, false)
    }

    fn tried_with(given: &str, search: &[&str], ndots: u32, no_tld_query: bool) -> Vec<String> {
        let settings = Settings {
            servers: Vec::new(),
            search: search.iter().map(ToString::to_string).collect(),
            ndots,
            over_tcp: false,
            tries: 2,
            timeout: Duration::from_secs(5),
            rotate: false,
            no_tld_query,
        };
        let names = candidates(given, &name::parse(given).unwrap(), &settings);
        names.iter().map(name::show).collect()
    }

    #[test]
    fn a_short_name_is_searched_before_it_is_tried_as_it_is() {
        let search = ["a.example", "b.example"];
        assert_eq!(tried("www", &search, 1), ["www.a.example.", "www.b.example.", "www."]);
        assert_eq!(tried("www.x", &search, 1), ["www.x.", "www.x.a.example.", "www.x.b.example."]);
        assert_eq!(tried("www.x", &search, 2)[2], "www.x.");
        assert_eq!(tried("www.", &search, 1), ["www."]);
        assert_eq!(tried(".", &search, 1), ["."]);
    }

    #[test]
    fn with_no_tld_query_a_name_without_a_dot_is_only_searched() {
        let search = ["a.example"];
        assert_eq!(tried_with("www", &search, 1, true), ["www.a.example."]);
        assert_eq!(tried_with("www.x", &search, 2, true), ["www.x.a.example.", "www.x."]);
        assert_eq!(tried_with("www", &search, 0, true)[0], "www.");
        assert_eq!(tried_with("www", &["."], 1, true), ["www."]);
        assert_eq!(tried_with("www", &[], 1, true), ["www."]);
        assert_eq!(tried_with("www.", &search, 1, true), ["www."]);
    }

    #[test]
    fn the_root_in_the_search_list_is_the_name_as_it_is() {
        assert_eq!(tried("www", &["."], 1), ["www."]);
        assert_eq!(tried("www", &["."], 0), ["www."]);
        assert_eq!(tried("www", &["..bad", &"x".repeat(64)], 1), ["www."]);
    }
}
