//! Which process has a socket: `/proc/PID/fd` (proc(5)).

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::host::Process;

/// Returns the processes that have each of these sockets. The files of another user's processes
/// cannot be read without privileges, so a socket that is missing is not free.
pub(in crate::host) fn processes_by_socket(inodes: &HashSet<u64>) -> HashMap<u64, Vec<Process>> {
    let mut found: HashMap<u64, Vec<Process>> = HashMap::new();
    if inodes.is_empty() {
        return found;
    }
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        for inode in sockets_of(&entry.path()).intersection(inodes) {
            found.entry(*inode).or_default().push(Process { pid, name: name_of(&entry.path()) });
        }
    }
    for processes in found.values_mut() {
        processes.sort_by_key(|process| process.pid);
    }
    found
}

/// Returns the inodes of the sockets that a process has; none if it has ended or cannot be read.
fn sockets_of(process: &Path) -> HashSet<u64> {
    let entries = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    let inode = |link: &Path| -> Option<u64> {
        let target = fs::read_link(link).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    entries.filter_map(|entry| inode(&entry.path())).collect()
}

fn name_of(process: &Path) -> String {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    let name = name.trim_end_matches('\n');
    if !name.is_empty() {
        return name.to_owned();
    }
    // The process has ended, or its name is not UTF-8.
    String::from_utf8_lossy(process.file_name().unwrap_or_default().as_bytes()).into_owned()
}
