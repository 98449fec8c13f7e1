//! The functions of the host, and what stands for them in native tests.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::{Error, Kind, Result};

#[cfg(target_arch = "wasm32")]
pub(crate) mod raw {
    #[link(wasm_import_module = "cloudlark")]
    extern "C" {
        pub fn http_send(ptr: *const u8, len: usize, body: *const u8, body_len: usize, stream: i32) -> i32;
        pub fn http_head(handle: i32, ptr: *mut u8, room: usize) -> i32;
        pub fn http_presign(ptr: *const u8, len: usize, out: *mut u8, room: usize) -> i32;
        pub fn stream_new() -> i32;
        pub fn stream_take(handle: i32, len: i64) -> i32;
        pub fn stream_digest(handle: i32, algorithm: *const u8, len: usize, ptr: *mut u8, room: usize) -> i32;
        pub fn stream_read(handle: i32, ptr: *mut u8, room: usize) -> i32;
        pub fn stream_write(handle: i32, ptr: *const u8, len: usize) -> i32;
        pub fn stream_info(handle: i32, ptr: *mut u8, room: usize) -> i32;
        pub fn close(handle: i32) -> i32;
        pub fn log(level: i32, ptr: *const u8, len: usize);
        pub fn sleep(ms: i32) -> i32;
        pub fn last_error(ptr: *mut u8, room: usize) -> i32;
    }
}

/// Natively there is no host: whatever asks one fails.
#[cfg(not(target_arch = "wasm32"))]
#[allow(clippy::missing_safety_doc, unused_variables)]
pub(crate) mod raw {
    pub unsafe fn http_send(ptr: *const u8, len: usize, body: *const u8, body_len: usize, stream: i32) -> i32 {
        -1
    }
    pub unsafe fn http_head(handle: i32, ptr: *mut u8, room: usize) -> i32 {
        -1
    }
    pub unsafe fn http_presign(ptr: *const u8, len: usize, out: *mut u8, room: usize) -> i32 {
        -1
    }
    pub unsafe fn stream_new() -> i32 {
        -1
    }
    pub unsafe fn stream_take(handle: i32, len: i64) -> i32 {
        -1
    }
    pub unsafe fn stream_digest(handle: i32, algorithm: *const u8, len: usize, ptr: *mut u8, room: usize) -> i32 {
        -1
    }
    pub unsafe fn stream_read(handle: i32, ptr: *mut u8, room: usize) -> i32 {
        -1
    }
    pub unsafe fn stream_write(handle: i32, ptr: *const u8, len: usize) -> i32 {
        -1
    }
    pub unsafe fn stream_info(handle: i32, ptr: *mut u8, room: usize) -> i32 {
        -1
    }
    pub unsafe fn close(handle: i32) -> i32 {
        -1
    }
    pub unsafe fn log(level: i32, ptr: *const u8, len: usize) {}
    pub unsafe fn sleep(ms: i32) -> i32 {
        std::thread::sleep(std::time::Duration::from_millis(ms as u64));
        0
    }
    pub unsafe fn last_error(ptr: *mut u8, room: usize) -> i32 {
        let text = br#"{"kind": "unsupported", "message": "there is no Cloudlark host outside of a WebAssembly module"}"#;
        if text.len() <= room {
            std::ptr::copy_nonoverlapping(text.as_ptr(), ptr, text.len());
        }
        text.len() as i32
    }
}

/// Has a function of the host write into a buffer, with more room if it asks for it.
pub(crate) fn text(f: impl Fn(*mut u8, usize) -> i32) -> Result<Vec<u8>> {
    let mut buffer = vec![0; 1024];
    loop {
        let n = checked(f(buffer.as_mut_ptr(), buffer.len()))? as usize;
        if n <= buffer.len() {
            buffer.truncate(n);
            return Ok(buffer);
        }
        buffer.resize(n, 0);
    }
}

pub(crate) fn json<T: DeserializeOwned>(f: impl Fn(*mut u8, usize) -> i32) -> Result<T> {
    Ok(serde_json::from_slice(&text(f)?)?)
}

/// The error of the host's last function, where it failed.
pub(crate) fn checked(n: i32) -> Result<i32> {
    if n >= 0 {
        return Ok(n);
    }
    let mut buffer = vec![0; 1024];
    loop {
        let n = unsafe { raw::last_error(buffer.as_mut_ptr(), buffer.len()) };
        if n < 0 {
            return Err(Error::internal("the host does not say why it failed"));
        }
        if n as usize <= buffer.len() {
            return Err(serde_json::from_slice(&buffer[..n as usize])?);
        }
        buffer.resize(n as usize, 0);
    }
}

/// How important a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Writes to the host's log.
pub fn log(level: Level, text: &str) {
    unsafe { raw::log(level as i32, text.as_ptr(), text.len()) }
}

/// Waits. The error is that the call was given up: then answer soon.
pub fn sleep(time: Duration) -> Result<()> {
    checked(unsafe { raw::sleep(time.as_millis().min(i32::MAX as u128) as i32) }).map(|_| ())
}

/// Calls `check` until it answers with something, waiting longer from time to
/// time: first a twentieth of the interval, then half as much again, up to the
/// interval.
pub fn poll<T>(interval: Duration, mut check: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let mut pause = interval / 20;
    loop {
        if let Some(done) = check()? {
            return Ok(done);
        }
        sleep(pause)?;
        pause = (pause * 3 / 2).min(interval);
    }
}

impl Error {
    /// Whether the call was given up.
    pub fn is_over(&self) -> bool {
        matches!(self.kind, Kind::Canceled | Kind::Timeout)
    }
}
