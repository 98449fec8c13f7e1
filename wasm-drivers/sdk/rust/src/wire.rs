//! What serde needs to know of the messages beyond their types.

use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Deserializer};

/// Reads null as the empty value: that is how an empty list may come.
pub fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a word of an enumeration; null and "" are none.
pub fn word<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    match Option::<String>::deserialize(deserializer)? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => T::deserialize(text.into_deserializer()).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use crate::compute::{Node, NodeState};

    #[test]
    fn empty_values_come_in_several_forms() {
        let n: Node = serde_json::from_str(r#"{"id": "1", "state": "", "tags": null, "public_ips": null, "later": true}"#).unwrap();
        assert_eq!(n, Node { id: "1".into(), ..Node::default() });
        let n: Node = serde_json::from_str(r#"{"id": "1", "state": "running", "extra": {"a": 1}}"#).unwrap();
        assert_eq!(n.state, Some(NodeState::Running));
        assert_eq!(n.extra["a"], 1);
        assert!(serde_json::from_str::<Node>(r#"{"state": "runing"}"#).is_err());
    }
}
