//! What was found out about one name.

use crate::dns::Name;
use crate::dns::lookup::Lookup;
use crate::dns::message::rcode::Rcode;
use crate::dns::name::query_name::QueryName;

/// The lookups of one name, in the order in which they are reported.
pub(in crate::commands::resolve) struct NameResult {
    /// The name.
    pub(in crate::commands::resolve) subject: QueryName,
    /// Lookups that this machine answered, and those of the servers.
    pub(in crate::commands::resolve) lookups: Vec<Lookup>,
    /// The other names of the search that were looked up.
    pub(in crate::commands::resolve) tried: Vec<TriedName>,
    /// The names of the search that were not looked up, because a failure ended it.
    pub(in crate::commands::resolve) skipped: Vec<Name>,
}

/// A name that was looked up without success.
pub(in crate::commands::resolve) struct TriedName {
    /// The name.
    pub(in crate::commands::resolve) name: Name,
    /// The code with which a server rejected it; `None` if it does not exist or has no data.
    pub(in crate::commands::resolve) rejected: Option<Rcode>,
}

impl NameResult {
    /// Returns the result of lookups of the name as it is.
    pub(in crate::commands::resolve) fn of(subject: QueryName, lookups: Vec<Lookup>) -> Self {
        Self { subject, lookups, tried: Vec::new(), skipped: Vec::new() }
    }
}
