//! An append-only log with one record per line, each acknowledged after it was written.
//!
//! One thread writes. Queued records are written together (group commit), and each is acknowledged
//! once it is completely in the file, so an acknowledged record survives `kill -9`. The file is
//! reopened on request, and when its path leads to another file (log rotation). Several processes
//! may append to one file: each batch begins on a new line, even if a full disk or a crash left an
//! incomplete line of another process.
//!
//! This module knows no record format: a record is bytes that end in a newline.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};

use crate::files::append::{self, Existing};
use crate::{reason, threads};

/// Records in the queue to the writer thread. While it is full, [`RecordLog::append`] waits.
const LOG_QUEUE: usize = 1024;

/// Records in one write, at most.
const BATCH: usize = 512;

/// The permission bits that let the group or other users read.
const READABLE_BY_OTHERS: u32 = 0o044;

/// A handle to the writer thread; cheap to clone. The thread ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct RecordLog {
    path: Arc<Path>,
    entries: mpsc::Sender<Entry>,
    reopen: Arc<AtomicBool>,
}

/// Why a record is not in the file.
#[derive(Debug, thiserror::Error)]
pub enum RecordLogError {
    /// The file could not be opened.
    #[error("cannot open {}: {}", path.display(), reason::of(source))]
    Open {
        /// The file's path.
        path: PathBuf,
        /// The error of open(2), or of reading or repairing the file after that.
        source: io::Error,
    },
    /// The path leads to something that records cannot be appended to.
    #[error("cannot record to {}: it is {what}", path.display())]
    NotAFile {
        /// The refused path.
        path: PathBuf,
        /// What it leads to.
        what: &'static str,
    },
    /// The record was not written, or only a part of it.
    #[error("cannot write {}: {}", path.display(), reason::of(source))]
    Write {
        /// The file's path.
        path: PathBuf,
        /// The error of write(2).
        source: io::Error,
    },
    /// The writer thread has stopped.
    #[error("cannot write {}: the writer thread has stopped", path.display())]
    WriterStopped {
        /// The file's path.
        path: PathBuf,
    },
}

impl RecordLogError {
    /// Returns a hint: something for the user to type or do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotAFile { .. } => Some("another path with --log"),
            Self::Open { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                Some("--log with a file in a directory that you can write to")
            }
            Self::Open { source, .. } if source.kind() == ErrorKind::NotFound => {
                Some("create the directory, or use another path with --log")
            }
            _ => None,
        }
    }
}

/// Something that the user should know about the file, found when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogNotice {
    /// The last line had no newline; one was appended.
    Repaired,
    /// Users other than the owner can read the file.
    ReadableByOthers,
}

impl RecordLog {
    /// Opens the file, ends an incomplete last line, and starts the writer thread.
    ///
    /// # Errors
    /// The file cannot be opened or repaired, it is not a regular file with one name (a symbolic
    /// link, a directory, a device), or the thread cannot be started.
    pub fn open(path: &Path) -> Result<(Self, Vec<LogNotice>), RecordLogError> {
        let (file, notices) = open(path)?;
        let (entries, receiver) = mpsc::channel(LOG_QUEUE);
        let reopen = Arc::new(AtomicBool::new(false));
        let writer =
            LogWriter { path: path.to_owned(), file: Some(file), reopen: Arc::clone(&reopen) };
        let started = threads::start("record_log", move || writer.run(receiver));
        let failed = |source| RecordLogError::Open { path: path.to_owned(), source };
        started.map_err(reason::of_thread).map_err(failed)?;
        Ok((Self { path: path.into(), entries, reopen }, notices))
    }

    /// Opens the file for a task of this runtime that writes as the thread of [`Self::open`] does,
    /// and waits for `pause` before each batch.
    #[cfg(test)]
    pub(crate) fn open_for_task(
        path: &Path,
        mut pause: impl FnMut() -> std::time::Duration + Send + 'static,
    ) -> Self {
        let (file, _) = open(path).unwrap();
        let (entries, mut receiver) = mpsc::channel(LOG_QUEUE);
        let reopen = Arc::new(AtomicBool::new(false));
        let (path, reopened) = (path.to_owned(), Arc::clone(&reopen));
        let mut writer = LogWriter { path: path.clone(), file: Some(file), reopen: reopened };
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while receiver.recv_many(&mut batch, BATCH).await > 0 {
                tokio::time::sleep(pause()).await;
                writer.commit(&mut batch);
            }
        });
        Self { path: path.into(), entries, reopen }
    }

    /// Appends `record`, one line including its newline, and returns once it is in the file.
    ///
    /// # Errors
    /// The record is not, or not completely, in the file. Later records can still succeed.
    pub async fn append(&self, record: Vec<u8>) -> Result<(), Arc<RecordLogError>> {
        let (result, acknowledged) = oneshot::channel();
        let stopped = || Arc::new(RecordLogError::WriterStopped { path: self.path.to_path_buf() });
        self.entries.send(Entry { record, result }).await.map_err(|_| stopped())?;
        acknowledged.await.map_err(|_| stopped())?
    }

    /// Makes the writer reopen the file before the next record, as after a log rotation.
    pub fn reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Entry {
    record: Vec<u8>,
    result: oneshot::Sender<Result<(), Arc<RecordLogError>>>,
}

struct LogWriter {
    path: PathBuf,
    /// `None` after reopening has failed; the next batch tries again.
    file: Option<File>,
    reopen: Arc<AtomicBool>,
}

impl LogWriter {
    fn run(mut self, mut entries: mpsc::Receiver<Entry>) {
        let mut batch = Vec::with_capacity(BATCH);
        while entries.blocking_recv_many(&mut batch, BATCH) > 0 {
            self.commit(&mut batch);
        }
    }

    /// Writes a batch with one call and reports to each record's sender whether it is completely in
    /// the file.
    fn commit(&mut self, batch: &mut Vec<Entry>) {
        let bytes = batch.iter().map(|entry| &entry.record[..]).collect::<Vec<_>>().concat();
        let (written, failure) = match self.current_file() {
            Ok(file) => {
                let (written, failure) = append::append_lines(file, &bytes);
                let path = self.path.clone();
                (written, failure.map(|source| Arc::new(RecordLogError::Write { path, source })))
            }
            Err(error) => (0, Some(Arc::new(error))),
        };
        let mut end = 0;
        for Entry { record, result: sender } in batch.drain(..) {
            end += record.len();
            let result = match &failure {
                Some(failure) if end > written => Err(Arc::clone(failure)),
                _ => Ok(()),
            };
            // The connection that sent the record may have been closed; the record is kept.
            sender.send(result).ok();
        }
    }

    /// Returns the file that the path leads to now.
    fn current_file(&mut self) -> Result<&mut File, RecordLogError> {
        let requested = self.reopen.swap(false, Ordering::Relaxed);
        // The path is checked for each batch: after a log was moved or removed, the next record
        // must already be in the new file.
        if requested || self.is_rotated() {
            self.file = None;
        }
        if self.file.is_none() {
            self.file = Some(open(&self.path)?.0);
        }
        let stopped = || RecordLogError::WriterStopped { path: self.path.clone() };
        self.file.as_mut().ok_or_else(stopped)
    }

    fn is_rotated(&self) -> bool {
        let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let open = self.file.as_ref().and_then(|file| file.metadata().ok()).map(identity);
        fs::symlink_metadata(&self.path).ok().map(identity) != open
    }
}

fn open(path: &Path) -> Result<(File, Vec<LogNotice>), RecordLogError> {
    let fail = |source| RecordLogError::Open { path: path.to_owned(), source };
    let opened = append::open(path, Existing::RegularFile);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) => {
            return Err(
                match fs::symlink_metadata(path)
                    .ok()
                    .and_then(|metadata| append::not_a_file(&metadata))
                {
                    Some(what) => RecordLogError::NotAFile { path: path.to_owned(), what },
                    None => fail(error),
                },
            );
        }
    };
    let metadata = file.metadata().map_err(fail)?;
    if let Some(what) = append::not_a_file(&metadata) {
        return Err(RecordLogError::NotAFile { path: path.to_owned(), what });
    }
    let mut notices = Vec::new();
    if metadata.mode() & READABLE_BY_OTHERS != 0 {
        notices.push(LogNotice::ReadableByOthers);
    }
    if append::end_last_line(&mut file).map_err(fail)? {
        notices.push(LogNotice::Repaired);
    }
    Ok((file, notices))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::thread;

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
    }

    fn directory() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        (directory, path)
    }

    #[test]
    fn a_record_is_in_the_file_when_it_is_acknowledged() {
        let (_directory, path) = directory();
        let (log, notices) = RecordLog::open(&path).unwrap();
        assert_eq!(notices, []);
        block_on(async {
            for number in 0..100 {
                log.append(format!("record {number}\n").into_bytes()).await.unwrap();
                let last = format!("record {number}\n");
                assert!(fs::read_to_string(&path).unwrap().ends_with(&last));
            }
        });
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn concurrent_appends_are_all_written_as_complete_lines() {
        let (_directory, path) = directory();
        let (log, _) = RecordLog::open(&path).unwrap();
        block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for number in 0..5_000 {
                let log = log.clone();
                tasks.spawn(async move {
                    log.append(format!("{number}\n").into_bytes()).await.unwrap();
                });
            }
            assert_eq!(tasks.join_all().await.len(), 5_000);
        });
        let mut numbers: Vec<u32> =
            fs::read_to_string(&path).unwrap().lines().map(|line| line.parse().unwrap()).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..5_000));
    }

    #[test]
    fn an_incomplete_last_line_is_ended_before_the_next_record() {
        let (_directory, path) = directory();
        fs::write(&path, "whole\ntorn").unwrap();
        let (log, notices) = RecordLog::open(&path).unwrap();
        assert!(notices.contains(&LogNotice::Repaired));
        block_on(log.append(b"next\n".to_vec())).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole\ntorn\nnext\n");
    }

    #[test]
    fn a_record_begins_on_a_new_line_after_another_process_left_an_incomplete_one() {
        let (_directory, path) = directory();
        let (log, _) = RecordLog::open(&path).unwrap();
        block_on(log.append(b"first\n".to_vec())).unwrap();
        let mut other = append::open(&path, Existing::RegularFile).unwrap();
        other.write_all(b"torn").unwrap();
        block_on(log.append(b"next\n".to_vec())).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\ntorn\nnext\n");
    }

    #[test]
    fn a_record_waits_while_another_process_is_writing_one() {
        let (_directory, path) = directory();
        let (log, _) = RecordLog::open(&path).unwrap();
        let mut other = append::open(&path, Existing::RegularFile).unwrap();
        other.lock().unwrap();
        let appending = thread::spawn(move || block_on(log.append(b"second\n".to_vec())));
        other.write_all(b"fir").unwrap();
        thread::sleep(std::time::Duration::from_millis(50));
        other.write_all(b"st\n").unwrap();
        other.unlock().unwrap();
        appending.join().unwrap().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nsecond\n");
    }

    #[test]
    fn after_a_rename_or_removal_the_next_record_goes_to_a_new_file() {
        let (_directory, path) = directory();
        let (log, _) = RecordLog::open(&path).unwrap();
        block_on(async {
            log.append(b"old\n".to_vec()).await.unwrap();
            let rotated = path.with_extension("1");
            fs::rename(&path, &rotated).unwrap();
            log.append(b"new\n".to_vec()).await.unwrap();
            assert_eq!(fs::read_to_string(&rotated).unwrap(), "old\n");
            assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
            fs::remove_file(&path).unwrap();
            log.append(b"newer\n".to_vec()).await.unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "newer\n");
        });
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn links_directories_and_devices_are_refused() {
        let (directory, path) = directory();
        let target = directory.path().join("target");
        fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        let error = RecordLog::open(&path).unwrap_err().to_string();
        assert!(error.ends_with("it is a symbolic link"), "{error}");
        let error = RecordLog::open(directory.path()).unwrap_err().to_string();
        assert!(error.ends_with("it is a directory"), "{error}");
        fs::hard_link(&target, directory.path().join("other")).unwrap();
        let error = RecordLog::open(&target).unwrap_err().to_string();
        assert!(error.contains("hard links"), "{error}");
        let error = RecordLog::open(Path::new("/dev/null")).unwrap_err().to_string();
        assert!(error.ends_with("it is a device"), "{error}");
    }

    #[test]
    fn a_file_that_other_users_can_read_is_reported() {
        let (_directory, path) = directory();
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let (_log, notices) = RecordLog::open(&path).unwrap();
        assert_eq!(notices, [LogNotice::ReadableByOthers]);
    }
}
