//! The proxies that the environment sets for other programs.

use std::env;

/// A variable that sets a proxy, or the hosts that are reached without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyVariable {
    /// The name of the variable.
    pub name: &'static str,
    /// Its value; a password in a URL is replaced by `***`.
    pub value: String,
}

/// The variables that curl(1) and most HTTP libraries use. `HTTP_PROXY` is left out, as in curl: a
/// CGI program's client can set it.
const VARIABLES: [&str; 7] =
    ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];

/// Returns the variables that are set and not empty.
pub fn proxies() -> Vec<ProxyVariable> {
    let set = |name: &'static str| {
        let value = env::var_os(name).filter(|value| !value.is_empty())?;
        Some(ProxyVariable { name, value: without_password(&value.to_string_lossy()) })
    };
    VARIABLES.into_iter().filter_map(set).collect()
}

/// Returns a URL with its password replaced.
fn without_password(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = url.split_at(start);
    let authority = rest.split('/').next().unwrap_or(rest);
    // The last @ ends the user information: a password may contain others.
    match authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')) {
        Some((user, password)) => {
            let after = &rest[user.len() + 1 + password.len()..];
            format!("{scheme}{user}:***{after}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_proxy_url_is_hidden() {
        for (url, shown) in [
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            ("http://ann:s3cret@proxy.example:3128/", "http://ann:***@proxy.example:3128/"),
            ("ann:a@b@proxy.example:1", "ann:***@proxy.example:1"),
            ("http://ann@proxy.example", "http://ann@proxy.example"),
            ("localhost,.example", "localhost,.example"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
