use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::host::{self, raw};
use crate::{Info, Result, Stream};

/// A request that the host sends.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Request {
    method: String,
    url: String,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    auth: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    redirect: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeatable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(skip)]
    body: Vec<u8>,
    #[serde(skip)]
    stream: Option<Stream>,
}

impl Request {
    pub fn new(method: &str, url: impl Into<String>) -> Request {
        Request { method: method.into(), url: url.into(), ..Request::default() }
    }

    pub fn get(url: impl Into<String>) -> Request {
        Request::new("GET", url)
    }

    pub fn post(url: impl Into<String>) -> Request {
        Request::new("POST", url)
    }

    pub fn put(url: impl Into<String>) -> Request {
        Request::new("PUT", url)
    }

    pub fn delete(url: impl Into<String>) -> Request {
        Request::new("DELETE", url)
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Request {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// The credential that the host shall add, by the slot's name.
    pub fn auth(mut self, slot: &str) -> Request {
        self.auth = slot.into();
        self
    }

    /// A body of JSON.
    pub fn json<T: Serialize>(mut self, value: &T) -> Result<Request> {
        self.body = serde_json::to_vec(value)?;
        Ok(self.header("content-type", "application/json"))
    }

    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Request {
        self.body = bytes.into();
        self
    }

    /// A body that stays in the host.
    pub fn stream(mut self, stream: &Stream) -> Request {
        self.stream = Some(stream.clone());
        self
    }

    /// Sending it twice does no harm: the host may, if it fails for a moment.
    pub fn repeatable(mut self) -> Request {
        self.repeatable = true;
        self
    }

    /// Redirects are answered with, not followed.
    pub fn no_redirects(mut self) -> Request {
        self.redirect = "manual".into();
        self
    }

    pub fn timeout_ms(mut self, ms: u64) -> Request {
        self.timeout_ms = Some(ms);
        self
    }

    /// Sends it and waits for the head of the response. A status of 400 and more
    /// is no error.
    pub fn send(self) -> Result<Response> {
        self.begin()?.wait()
    }

    /// Sends it on its way, so that several can be under way at once.
    pub fn begin(self) -> Result<Pending> {
        let message = serde_json::to_vec(&self)?;
        let stream = self.stream.as_ref().map_or(0, |s| s.handle);
        let handle = unsafe { raw::http_send(message.as_ptr(), message.len(), self.body.as_ptr(), self.body.len(), stream) };
        Ok(Pending { handle: host::checked(handle)? })
    }
}

/// A request under way.
#[derive(Debug)]
pub struct Pending {
    handle: i32,
}

impl Pending {
    /// Waits for the head of the response.
    pub fn wait(self) -> Result<Response> {
        let head: Head = host::json(|ptr, room| unsafe { raw::http_head(self.handle, ptr, room) })?;
        let length = if head.length < 0 { None } else { Some(head.length as u64) };
        Ok(Response { status: head.status, url: head.url, headers: head.headers, sent: head.sent, body: Stream::of(self.handle, length) })
    }

    /// Ends it.
    pub fn cancel(self) {
        unsafe { raw::close(self.handle) };
    }
}

#[derive(Deserialize)]
struct Head {
    status: u16,
    url: String,
    headers: BTreeMap<String, String>,
    length: i64,
    #[serde(default)]
    sent: Info,
}

/// What the provider answered.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// Of the last redirect.
    pub url: String,
    /// Names are in lower case.
    pub headers: BTreeMap<String, String>,
    /// Of the request's body.
    pub sent: Info,
    /// To be read, or to be answered with.
    pub body: Stream,
}

impl Response {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.as_str())
    }

    /// Reads the body to its end.
    pub fn bytes(self) -> Result<Vec<u8>> {
        let all = self.body.read_all();
        self.body.close();
        all
    }

    pub fn json<T: DeserializeOwned>(self) -> Result<T> {
        Ok(serde_json::from_slice(&self.bytes()?)?)
    }
}

/// Signs a URL for others to use, with a credential of scheme sigv4; the second
/// value is the headers that must be sent with it.
pub fn presign(method: &str, url: &str, slot: &str, expires_ms: u64) -> Result<(String, BTreeMap<String, String>)> {
    #[derive(Deserialize)]
    struct Presigned {
        url: String,
        #[serde(default)]
        headers: BTreeMap<String, String>,
    }
    let message = serde_json::to_vec(&serde_json::json!({"method": method, "url": url, "auth": slot, "expires_ms": expires_ms}))?;
    let signed: Presigned = host::json(|ptr, room| unsafe { raw::http_presign(message.as_ptr(), message.len(), ptr, room) })?;
    Ok((signed.url, signed.headers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn requests_are_what_the_abi_says() {
        let r = Request::post("https://x.example").auth("token").json(&[1]).unwrap().repeatable();
        let v = serde_json::to_value(&r).unwrap();
        assert_eq!(v, serde_json::json!({"method": "POST", "url": "https://x.example", "auth": "token", "repeatable": true, "headers": {"content-type": "application/json"}}));
        assert_eq!(r.body, b"[1]");
    }

    #[test]
    fn natively_there_is_no_host() {
        assert_eq!(Request::get("https://x.example").send().unwrap_err().kind, Kind::Unsupported);
    }
}
