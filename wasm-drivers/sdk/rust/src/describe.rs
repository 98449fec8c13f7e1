use std::collections::BTreeMap;

use serde::Serialize;

/// A value that a user gives: of a connection's configuration, or of an
/// operation's argument extra.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Field {
    pub name: String,
    #[serde(rename = "type", skip_serializing_if = "str::is_empty")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub default: String,
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub unit: &'static str,
    #[serde(rename = "ref", skip_serializing_if = "str::is_empty")]
    pub refers: &'static str,
    pub help: String,
}

impl Field {
    fn new(kind: &'static str, name: &str, help: &str) -> Field {
        Field { kind, name: name.into(), help: help.into(), ..Default::default() }
    }

    pub fn text(name: &str, help: &str) -> Field {
        Field::new("string", name, help)
    }

    pub fn int(name: &str, help: &str) -> Field {
        Field::new("int", name, help)
    }

    pub fn float(name: &str, help: &str) -> Field {
        Field::new("float", name, help)
    }

    pub fn bool(name: &str, help: &str) -> Field {
        Field::new("bool", name, help)
    }

    pub fn list(name: &str, help: &str) -> Field {
        Field::new("list", name, help)
    }

    pub fn required(mut self) -> Field {
        self.required = true;
        self
    }

    /// What it is where the user gives none, as text.
    pub fn default_to(mut self, text: &str) -> Field {
        self.default = text.into();
        self
    }

    /// The words that it can be.
    pub fn words(mut self, words: &[&str]) -> Field {
        self.words = words.iter().map(|w| w.to_string()).collect();
        self
    }

    /// The unit of a number: "s", "bytes", "MiB" or "GiB".
    pub fn unit(mut self, unit: &'static str) -> Field {
        self.unit = unit;
        self
    }
}

/// A slot for a credential: the user fills it, the host adds it to requests, and
/// the driver never sees it.
#[derive(Debug, Clone, Serialize)]
pub struct Credential {
    pub name: String,
    pub scheme: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub header: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    pub hosts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub help: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

impl Credential {
    fn new(name: &str, scheme: &'static str, hosts: &[&str]) -> Credential {
        Credential {
            name: name.into(),
            scheme,
            header: String::new(),
            prefix: String::new(),
            hosts: hosts.iter().map(|h| h.to_string()).collect(),
            env: Vec::new(),
            help: String::new(),
            service: String::new(),
            region: String::new(),
            optional: false,
        }
    }

    /// Authorization: Bearer VALUE.
    pub fn bearer(name: &str, hosts: &[&str]) -> Credential {
        Credential::new(name, "bearer", hosts)
    }

    /// Authorization: Basic, of a user name and a password.
    pub fn basic(name: &str, hosts: &[&str]) -> Credential {
        Credential::new(name, "basic", hosts)
    }

    /// A header of its own, with a prefix before the value.
    pub fn header(name: &str, header: &str, prefix: &str, hosts: &[&str]) -> Credential {
        let mut c = Credential::new(name, "header", hosts);
        c.header = header.into();
        c.prefix = prefix.into();
        c
    }

    /// AWS Signature Version 4; the region may be a "{field}" of the configuration.
    pub fn sigv4(name: &str, service: &str, region: &str, hosts: &[&str]) -> Credential {
        let mut c = Credential::new(name, "sigv4", hosts);
        c.service = service.into();
        c.region = region.into();
        c
    }

    /// The environment variables that fill it where the configuration does not.
    pub fn env(mut self, names: &[&str]) -> Credential {
        self.env = names.iter().map(|n| n.to_string()).collect();
        self
    }

    pub fn help(mut self, help: &str) -> Credential {
        self.help = help.into();
        self
    }

    pub fn optional(mut self) -> Credential {
        self.optional = true;
        self
    }
}

/// What a module says of itself.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Description {
    pub abi: u32,
    pub name: String,
    pub version: String,
    pub title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub website: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub doc: String,
    pub families: BTreeMap<&'static str, Offer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<Field>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<Credential>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stateful: bool,
}

/// What a module does for one family.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Offer {
    pub operations: Vec<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub missing: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extras: BTreeMap<String, Vec<Field>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub honours_token: Vec<String>,
}
