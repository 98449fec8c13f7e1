use std::fmt;

use serde::{Deserialize, Serialize};

/// What went wrong, in the same words for every provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The thing named is not there.
    NotFound,
    /// A thing of that name is there already.
    AlreadyExists,
    /// The call can never succeed as it was made.
    InvalidArgument,
    /// No credentials, or the provider does not accept them.
    Unauthenticated,
    /// The credentials do not allow it.
    PermissionDenied,
    /// A limit of the account or of the capacity stands against it.
    QuotaExceeded,
    /// Refused without effect, to be retried later: the host does.
    RateLimited,
    /// The thing is not in a state that allows it.
    Conflict,
    /// The provider failed or could not be reached; may have had effect.
    Unavailable,
    /// Time ran out; may have had effect.
    Timeout,
    /// The caller gave up.
    Canceled,
    /// The provider does not have it.
    Unsupported,
    /// A defect of the driver, or damaged data.
    Internal,
}

/// What a call fails with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    pub kind: Kind,
    /// What happened to what, in the provider's words where it has any.
    pub message: String,
    /// The provider's own code.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// What the provider's support asks for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    /// How long the provider asks to wait, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retry_after_ms: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// The result of everything that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), code: String::new(), request_id: String::new(), retry_after_ms: 0 }
    }

    pub fn not_found(message: impl Into<String>) -> Error {
        Error::new(Kind::NotFound, message)
    }

    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(Kind::InvalidArgument, message)
    }

    pub fn conflict(message: impl Into<String>) -> Error {
        Error::new(Kind::Conflict, message)
    }

    pub fn internal(message: impl Into<String>) -> Error {
        Error::new(Kind::Internal, message)
    }

    /// The same error with the provider's code.
    pub fn code(mut self, code: impl Into<String>) -> Error {
        self.code = code.into();
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)
    }
}

impl std::error::Error for Error {}

/// JSON that is not what it should be is somebody's defect.
impl From<serde_json::Error> for Error {
    fn from(e: serde_json::Error) -> Error {
        Error::internal(e.to_string())
    }
}
