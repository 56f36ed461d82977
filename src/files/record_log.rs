//! The record file: append-only, one line a record, acknowledged after the write.
//!
//! One thread writes. Records that wait are written together (group commit), and each is
//! acknowledged only when all of it is in the file: what was acknowledged survives `kill -9`. The
//! file is reopened when asked, and when its path leads to another file (log rotation), and a line
//! that was torn by a full disk or a crash is ended before the next record.
//!
//! It knows no format: a record is bytes that end in a newline.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::sync::{mpsc, oneshot};

use crate::files::append::{self, Existing};
use crate::reason;

/// Records that wait for the writer; beyond that whoever appends waits too.
const LOG_QUEUE: usize = 1024;

/// Records written at once.
const BATCH: usize = 512;

/// Bits that let somebody else read.
const READABLE_BY_OTHERS: u32 = 0o044;

/// The way to the writer; cheap to clone. The writer ends with the last of them.
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
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is not a file that can hold records.
    #[error("cannot record to {}: it is {what}", path.display())]
    NotAFile {
        /// Which path.
        path: PathBuf,
        /// What stands there.
        what: &'static str,
    },
    /// The record was not written, or not all of it.
    #[error("cannot write {}: {}", path.display(), reason::of(source))]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The writer is gone.
    #[error("the writer of {} is gone", path.display())]
    Gone {
        /// Which file.
        path: PathBuf,
    },
}

impl RecordLogError {
    /// Returns what a user may try.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotAFile { .. } => Some("another path with --log"),
            Self::Open { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                Some("a directory you may write to, with --log")
            }
            Self::Open { source, .. } if source.kind() == ErrorKind::NotFound => {
                Some("create the directory first, or another path with --log")
            }
            _ => None,
        }
    }
}

/// What was noticed about the file when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogNotice {
    /// Its last line was torn, and is ended now.
    Repaired,
    /// Others than its owner may read it.
    ReadableByOthers,
}

impl RecordLog {
    /// Opens the file, repairs its end, and starts the writer.
    ///
    /// # Errors
    /// The file cannot be opened, or is none: a link, a directory, a device.
    pub fn open(path: &Path) -> Result<(Self, Vec<LogNotice>), RecordLogError> {
        let (file, remarks) = open(path)?;
        let (entries, receiver) = mpsc::channel(LOG_QUEUE);
        let reopen = Arc::new(AtomicBool::new(false));
        let writer = LogWriter {
            path: path.to_owned(),
            file: Some(file),
            torn: false,
            reopen: Arc::clone(&reopen),
        };
        let started = thread::Builder::new().name("recorder".into());
        let started = started.spawn(move || writer.run(receiver));
        started.map_err(|source| RecordLogError::Open { path: path.to_owned(), source })?;
        Ok((Self { path: path.into(), entries, reopen }, remarks))
    }

    /// Appends `record`, one line with its newline, and returns once it is in the file.
    ///
    /// # Errors
    /// It is not in the file, or not all of it; later records are tried again.
    pub async fn append(&self, record: Vec<u8>) -> Result<(), Arc<RecordLogError>> {
        let (told, acknowledged) = oneshot::channel();
        let gone = || Arc::new(RecordLogError::Gone { path: self.path.to_path_buf() });
        self.entries.send(Entry { record, told }).await.map_err(|_| gone())?;
        acknowledged.await.map_err(|_| gone())?
    }

    /// Has the file opened anew before the next record, as after a rotation.
    pub fn reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Entry {
    record: Vec<u8>,
    told: oneshot::Sender<Result<(), Arc<RecordLogError>>>,
}

struct LogWriter {
    path: PathBuf,
    /// None after a reopening that failed: it is tried again for the next batch.
    file: Option<File>,
    /// The file ends in the middle of a line.
    torn: bool,
    reopen: Arc<AtomicBool>,
}

impl LogWriter {
    fn run(mut self, mut entries: mpsc::Receiver<Entry>) {
        let mut batch = Vec::with_capacity(BATCH);
        while entries.blocking_recv_many(&mut batch, BATCH) > 0 {
            self.commit(&mut batch);
        }
    }

    /// Writes a batch with one call and acknowledges every record that is in the file as a whole.
    fn commit(&mut self, batch: &mut Vec<Entry>) {
        let bytes = batch.iter().map(|entry| &entry.record[..]).collect::<Vec<_>>().concat();
        let (written, failure) = match self.file_for_now() {
            Ok(file) => {
                let (written, failure) = write_all(file, &bytes);
                self.torn = bytes[..written].last().is_some_and(|last| *last != b'\n');
                let path = self.path.clone();
                (written, failure.map(|source| Arc::new(RecordLogError::Write { path, source })))
            }
            Err(error) => (0, Some(Arc::new(error))),
        };
        let mut end = 0;
        for Entry { record, told } in batch.drain(..) {
            end += record.len();
            let result = match &failure {
                Some(failure) if end > written => Err(Arc::clone(failure)),
                _ => Ok(()),
            };
            // Whoever asked may have been cut off; the record stands all the same.
            told.send(result).ok();
        }
    }

    /// Returns the file to write to: the one the path leads to now, its last line ended.
    fn file_for_now(&mut self) -> Result<&mut File, RecordLogError> {
        let asked = self.reopen.swap(false, Ordering::Relaxed);
        // A look at the path for each batch: a log that was moved away or removed must not be
        // written to for another second.
        if asked || self.is_rotated() {
            self.file = None;
        }
        if self.file.is_none() {
            self.file = Some(open(&self.path)?.0);
            self.torn = false;
        }
        let Some(file) = &mut self.file else {
            return Err(RecordLogError::Gone { path: self.path.clone() });
        };
        if self.torn {
            let ended = file.write_all(b"\n");
            ended.map_err(|source| RecordLogError::Write { path: self.path.clone(), source })?;
            self.torn = false;
        }
        Ok(file)
    }

    fn is_rotated(&self) -> bool {
        let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let open = self.file.as_ref().and_then(|file| file.metadata().ok()).map(identity);
        fs::symlink_metadata(&self.path).ok().map(identity) != open
    }
}

/// Writes as much as can be, and returns how much that was and what stopped it.
fn write_all(file: &mut File, bytes: &[u8]) -> (usize, Option<io::Error>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Some(ErrorKind::WriteZero.into())),
            Ok(len) => written += len,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (written, Some(error)),
        }
    }
    (written, None)
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
    let mut remarks = Vec::new();
    if metadata.mode() & READABLE_BY_OTHERS != 0 {
        remarks.push(LogNotice::ReadableByOthers);
    }
    if append::end_last_line(&mut file).map_err(fail)? {
        remarks.push(LogNotice::Repaired);
    }
    Ok((file, remarks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

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
        let (recorder, remarks) = RecordLog::open(&path).unwrap();
        assert_eq!(remarks, []);
        block_on(async {
            for number in 0..100 {
                recorder.append(format!("record {number}\n").into_bytes()).await.unwrap();
                let last = format!("record {number}\n");
                assert!(fs::read_to_string(&path).unwrap().ends_with(&last));
            }
        });
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn many_at_once_are_all_there_and_whole() {
        let (_directory, path) = directory();
        let (recorder, _) = RecordLog::open(&path).unwrap();
        block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for number in 0..5_000 {
                let recorder = recorder.clone();
                tasks.spawn(async move {
                    recorder.append(format!("{number}\n").into_bytes()).await.unwrap();
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
    fn a_torn_line_is_ended_before_the_next_record() {
        let (_directory, path) = directory();
        fs::write(&path, "whole\ntorn").unwrap();
        let (recorder, remarks) = RecordLog::open(&path).unwrap();
        assert!(remarks.contains(&LogNotice::Repaired));
        block_on(recorder.append(b"next\n".to_vec())).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole\ntorn\nnext\n");
    }

    #[test]
    fn a_file_that_was_moved_away_is_left_and_a_new_one_made() {
        let (_directory, path) = directory();
        let (recorder, _) = RecordLog::open(&path).unwrap();
        block_on(async {
            recorder.append(b"old\n".to_vec()).await.unwrap();
            let rotated = path.with_extension("1");
            fs::rename(&path, &rotated).unwrap();
            recorder.append(b"new\n".to_vec()).await.unwrap();
            assert_eq!(fs::read_to_string(&rotated).unwrap(), "old\n");
            assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
            fs::remove_file(&path).unwrap();
            recorder.append(b"newer\n".to_vec()).await.unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "newer\n");
        });
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn only_plain_files_are_written_to() {
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
    fn a_file_others_may_read_is_remarked() {
        let (_directory, path) = directory();
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let (_recorder, remarks) = RecordLog::open(&path).unwrap();
        assert_eq!(remarks, [LogNotice::ReadableByOthers]);
    }
}
