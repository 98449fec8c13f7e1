use std::io;

use serde::{Deserialize, Serialize};

use crate::host::{self, raw};
use crate::Result;

/// A body whose bytes are in the host: of an argument, or of a response. Reading
/// it copies bytes into the module; sending it, or answering with it, does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    #[serde(rename = "stream")]
    pub(crate) handle: i32,
    /// How many bytes there are, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// In an answer: what the bytes must add up to, which the host checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Digest>,
}

/// A checksum of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// crc32, crc32c, crc64nvme, md5, sha1 or sha256.
    pub algorithm: String,
    /// In lower-case hex.
    pub sum: String,
}

/// What is known of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Info {
    /// How many bytes there are; -1 if that is not known.
    pub length: i64,
    /// How many were moved so far.
    pub moved: i64,
    /// The CRC-32C of those, in hex.
    pub crc32c: String,
    /// Whether there are no more.
    pub end: bool,
}

impl Stream {
    pub(crate) fn of(handle: i32, length: Option<u64>) -> Stream {
        Stream { handle, length, verify: None }
    }

    /// An empty stream, to be written.
    pub fn new() -> Result<Stream> {
        Ok(Stream::of(host::checked(unsafe { raw::stream_new() })?, None))
    }

    /// Takes the next `len` bytes, fewer at the end, as a stream of their own,
    /// which the host holds: a part of an upload. Close it once it is sent.
    pub fn take(&self, len: u64) -> Result<Stream> {
        let handle = host::checked(unsafe { raw::stream_take(self.handle, len as i64) })?;
        let length = host_info(handle)?.length as u64;
        Ok(Stream::of(handle, Some(length)))
    }

    /// The checksum, in hex, of a stream that the host holds.
    pub fn digest(&self, algorithm: &str) -> Result<String> {
        let text = host::text(|ptr, room| unsafe { raw::stream_digest(self.handle, algorithm.as_ptr(), algorithm.len(), ptr, room) })?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    pub fn info(&self) -> Result<Info> {
        host_info(self.handle)
    }

    /// Reads the rest of the body into the module.
    pub fn read_all(&self) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let n = host::checked(unsafe { raw::stream_read(self.handle, buffer.as_mut_ptr(), buffer.len()) })?;
            if n == 0 {
                return Ok(all);
            }
            all.extend_from_slice(&buffer[..n as usize]);
        }
    }

    /// Gives the stream back.
    pub fn close(self) {
        unsafe { raw::close(self.handle) };
    }
}

fn host_info(handle: i32) -> Result<Info> {
    host::json(|ptr, room| unsafe { raw::stream_info(handle, ptr, room) })
}

impl io::Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = host::checked(unsafe { raw::stream_read(self.handle, buffer.as_mut_ptr(), buffer.len()) });
        n.map(|n| n as usize).map_err(|e| io::Error::new(io::ErrorKind::Other, e))
    }
}

impl io::Write for Stream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let n = host::checked(unsafe { raw::stream_write(self.handle, data.as_ptr(), data.len()) });
        n.map(|n| n as usize).map_err(|e| io::Error::new(io::ErrorKind::Other, e))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
