//! What was found out about one name.

use crate::dns::Name;
use crate::dns::lookup::Lookup;
use crate::dns::name::query_name::QueryName;

/// The lookups of one name, in the order in which they are reported.
pub(in crate::commands::resolve) struct NameResult {
    /// The name.
    pub(in crate::commands::resolve) subject: QueryName,
    /// Lookups that this machine answered, and those of the servers.
    pub(in crate::commands::resolve) lookups: Vec<Lookup>,
    /// The names of the search list that were looked up before, and do not exist or have no data.
    pub(in crate::commands::resolve) tried: Vec<Name>,
}
