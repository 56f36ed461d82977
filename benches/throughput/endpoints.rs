//! What the benchmark's own processes run: the source, the counter and the plain loop.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

/// Bytes per read and write of the source, the counter and the plain loop. A larger block is not
/// faster, a smaller one is slower.
const BLOCK: usize = 256 * 1024;

/// Writes `size` bytes to standard output.
pub(crate) fn produce(size: u64) -> io::Result<()> {
    let mut output = unbuffered(io::stdout())?;
    let block = vec![b'.'; BLOCK];
    let mut left = size;
    while left > 0 {
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK);
        output.write_all(&block[..len])?;
        left -= len as u64;
    }
    Ok(())
}

/// Reads standard input to EOF, with a pause of `pause` microseconds after each block. Prints the
/// number of bytes, and the number of microseconds between the first and the last of them.
pub(crate) fn count(pause: u64) -> io::Result<()> {
    let mut input = unbuffered(io::stdin())?;
    let mut block = vec![0; BLOCK];
    let (mut counted, mut since_pause) = (0, 0);
    let mut first = None;
    let mut last = Instant::now();
    loop {
        let len = input.read(&mut block)?;
        if len == 0 {
            break;
        }
        last = Instant::now();
        first.get_or_insert(last);
        counted += len as u64;
        since_pause += len;
        if pause > 0 && since_pause >= BLOCK {
            since_pause = 0;
            thread::sleep(Duration::from_micros(pause));
        }
    }
    let took = last.duration_since(first.unwrap_or(last));
    println!("{counted} {}", took.as_micros());
    Ok(())
}

/// Runs the minimal server: it copies the data of one client to standard output.
pub(crate) fn loop_server(port: u16) -> io::Result<()> {
    let (client, _) = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.accept()?;
    copy(client, unbuffered(io::stdout())?)
}

/// Runs the minimal client: it copies standard input to the server.
pub(crate) fn loop_client(port: u16) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    copy(unbuffered(io::stdin())?, &server)?;
    server.shutdown(Shutdown::Write)?;
    // Wait until the server has received everything and closes.
    io::copy(&mut &server, &mut io::sink())?;
    Ok(())
}

fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    loop {
        match from.read(&mut block)? {
            0 => return Ok(()),
            len => to.write_all(&block[..len])?,
        }
    }
}

/// Returns a standard stream without std's buffer.
fn unbuffered(stream: impl AsFd) -> io::Result<File> {
    Ok(File::from(stream.as_fd().try_clone_to_owned()?))
}
