//! What was found out about one name.

use crate::dns::Name;
use crate::dns::lookup::Lookup;
use crate::dns::query_name::QueryName;

/// The lookups of one name, in the order in which they are reported.
pub(super) struct NameResult {
    /// The name.
    pub(super) subject: QueryName,
    /// Lookups that this machine answered, and those of the servers.
    pub(super) lookups: Vec<Lookup>,
    /// The names of the search list that were looked up before, and do not exist or have no data.
    pub(super) tried: Vec<Name>,
}
