use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::Value;

use crate::describe::Description;
use crate::{Credential, Error, Field, Kind, Result};

/// An operation of a contract: implemented by the type of what it takes.
pub trait Operation: DeserializeOwned {
    const FAMILY: &'static str;
    const NAME: &'static str;
    const SHAPE: Shape;
    /// What it answers with.
    type Output: Serialize;
}

/// The form of an operation's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A value.
    Call,
    /// Nothing but success.
    Do,
    /// A page of items.
    List,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page begins, in the driver's own words; empty on the last.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub next: String,
}

impl<T> Page<T> {
    /// The last page, or the only one.
    pub fn last(items: Vec<T>) -> Page<T> {
        Page { items, next: String::new() }
    }
}

/// What comes with every call beside its arguments.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Call {
    /// The connection's name in the user's configuration.
    pub connection: String,
    /// The same in every repetition of a call that creates or changes: for
    /// providers that take such a token.
    pub idempotency_token: String,
    /// Lists: where the page begins, as the last page's `next` had it; empty for
    /// the first.
    pub cursor: String,
    /// How long the host waits at most; 0 if it does not say.
    pub timeout_ms: u64,
    config: Value,
}

impl Call {
    /// The connection's configuration, as a type of the driver's own.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(T::deserialize(&self.config)?)
    }
}

type Handler = Box<dyn Fn(&Call, &str) -> Result<Vec<u8>>>;

/// A driver: what a module is and does.
pub struct Driver {
    description: Description,
    handlers: BTreeMap<(&'static str, &'static str), Handler>,
}

/// The parts of a call's message; the arguments are read when it is known of
/// what type they are.
#[derive(Deserialize)]
struct Message<'a> {
    family: String,
    op: String,
    #[serde(borrow)]
    args: &'a RawValue,
}

impl Driver {
    /// A driver with the name that scripts say, and a version of its own.
    pub fn new(name: &str, version: &str) -> Driver {
        let description = Description { abi: 1, name: name.into(), title: name.into(), version: version.into(), ..Description::default() };
        Driver { description, handlers: BTreeMap::new() }
    }

    /// The provider's name as its owner says it.
    pub fn title(mut self, title: &str) -> Driver {
        self.description.title = title.into();
        self
    }

    pub fn website(mut self, address: &str) -> Driver {
        self.description.website = address.into();
        self
    }

    /// What to know before using it, in Markdown.
    pub fn doc(mut self, text: &str) -> Driver {
        self.description.doc = text.into();
        self
    }

    /// A value of a connection's configuration.
    pub fn config(mut self, field: Field) -> Driver {
        self.description.config.push(field);
        self
    }

    /// Where requests may go; see docs/driver-abi.md for the forms.
    pub fn host(mut self, host: &str) -> Driver {
        self.description.hosts.push(host.into());
        self
    }

    pub fn credential(mut self, credential: Credential) -> Driver {
        self.description.credentials.push(credential);
        self
    }

    /// How much memory an instance may need, if 64 MiB are not enough.
    pub fn memory_mib(mut self, mib: u32) -> Driver {
        self.description.memory_mib = Some(mib);
        self
    }

    /// One instance serves every call, one after the other: its memory is kept.
    pub fn stateful(mut self) -> Driver {
        self.description.stateful = true;
        self
    }

    /// Why the provider does not have an operation.
    pub fn missing<O: Operation>(mut self, reason: &str) -> Driver {
        self.offer::<O>().missing.insert(O::NAME.into(), reason.into());
        self
    }

    /// What an operation takes in its argument extra.
    pub fn extras<O: Operation>(mut self, fields: Vec<Field>) -> Driver {
        self.offer::<O>().extras.insert(O::NAME.into(), fields);
        self
    }

    /// Repeating the operation with the same idempotency token creates only once.
    pub fn honours_token<O: Operation>(mut self) -> Driver {
        self.offer::<O>().honours_token.push(O::NAME.into());
        self
    }

    fn offer<O: Operation>(&mut self) -> &mut crate::describe::Offer {
        self.description.families.entry(O::FAMILY).or_default()
    }

    /// Has the operation done by a function. Which one it is follows from the
    /// type of the function's arguments.
    pub fn on<O, F>(mut self, f: F) -> Driver
    where
        O: Operation + 'static,
        F: Fn(&Call, O) -> Result<O::Output> + 'static,
    {
        self.offer::<O>().operations.push(O::NAME);
        let handler = move |call: &Call, args: &str| -> Result<Vec<u8>> {
            let args = serde_json::from_str::<O>(args).map_err(|e| Error::internal(format!("the arguments are not what {} takes: {}", O::NAME, e)))?;
            let out = f(call, args)?;
            Ok(match O::SHAPE {
                Shape::Do => b"{}".to_vec(),
                Shape::List => serde_json::to_vec(&out)?,
                Shape::Call => serde_json::to_vec(&Success { result: out })?,
            })
        };
        self.handlers.insert((O::FAMILY, O::NAME), Box::new(handler));
        self
    }

    pub(crate) fn describe(&self) -> Vec<u8> {
        serde_json::to_vec(&self.description).expect("texts and numbers")
    }

    /// Answers one message.
    pub(crate) fn call(&self, message: &[u8]) -> Vec<u8> {
        self.perform(message).unwrap_or_else(|error| serde_json::to_vec(&Failure { error }).expect("texts and numbers"))
    }

    fn perform(&self, message: &[u8]) -> Result<Vec<u8>> {
        let wrong = |e: serde_json::Error| Error::internal(format!("the call is not what its ABI says: {}", e));
        let m: Message = serde_json::from_slice(message).map_err(wrong)?;
        let call: Call = serde_json::from_slice(message).map_err(wrong)?;
        let handler = self
            .handlers
            .iter()
            .find(|((family, name), _)| *family == m.family && *name == m.op)
            .map(|(_, handler)| handler)
            .ok_or_else(|| Error::new(Kind::Unsupported, format!("the driver does not have {}.{}", m.family, m.op)))?;
        handler(&call, m.args.get())
    }
}

#[derive(Serialize)]
struct Success<T> {
    result: T,
}

#[derive(Serialize)]
struct Failure {
    error: Error,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute;

    fn driver() -> Driver {
        Driver::new("example", "1.2.3")
            .config(Field::int("page_size", "How many.").default_to("50"))
            .host("{endpoint}")
            .credential(Credential::bearer("token", &["{endpoint}"]).env(&["TOKEN"]))
            .on(|call: &Call, _: compute::ListNodes| Ok(Page { items: vec![compute::Node { id: call.cursor.clone(), ..Default::default() }], next: "2".into() }))
            .on(|_: &Call, args: compute::GetNode| Err::<compute::Node, _>(Error::not_found(format!("no node {}", args.node))))
            .on(|_: &Call, _: compute::StartNode| Ok(()))
            .missing::<compute::SuspendNode>("It cannot.")
    }

    fn ask(message: &str) -> Value {
        serde_json::from_slice(&driver().call(message.as_bytes())).unwrap()
    }

    #[test]
    fn the_description_follows_from_the_functions() {
        let d: Value = serde_json::from_slice(&driver().describe()).unwrap();
        assert_eq!(d["abi"], 1);
        assert_eq!(d["families"]["compute"]["operations"], serde_json::json!(["list_nodes", "get_node", "start_node"]));
        assert_eq!(d["families"]["compute"]["missing"]["suspend_node"], "It cannot.");
        assert_eq!(d["config"][0], serde_json::json!({"name": "page_size", "type": "int", "default": "50", "help": "How many."}));
        assert_eq!(d["credentials"][0]["scheme"], "bearer");
    }

    #[test]
    fn calls_are_answered() {
        let page = ask(r#"{"family": "compute", "op": "list_nodes", "args": {}, "config": {}, "cursor": "1"}"#);
        assert_eq!((&page["items"][0]["id"], &page["next"]), (&"1".into(), &"2".into()));
        let e = ask(r#"{"family": "compute", "op": "get_node", "args": {"node": "7"}, "config": {}}"#);
        assert_eq!(e["error"], serde_json::json!({"kind": "not_found", "message": "no node 7"}));
        assert_eq!(ask(r#"{"family": "compute", "op": "start_node", "args": {"node": "7"}, "config": {}}"#), serde_json::json!({}));
        assert_eq!(ask(r#"{"family": "compute", "op": "stop_node", "args": {}, "config": {}}"#)["error"]["kind"], "unsupported");
        assert_eq!(ask(r#"{"family": "compute"}"#)["error"]["kind"], "internal");
    }
}
