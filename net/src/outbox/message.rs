//! [`Message`]: bytes that an outbox owns.

use std::fmt;
use std::sync::Arc;

/// Owned bytes, as an [`Outbox`](crate::Outbox) takes them: made from what owns bytes, without copying them.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use waterwheel::net::Message;
///
/// let shared: Arc<[u8]> = Arc::from(&b"to everybody"[..]);
/// let messages: [Message; 5] = [
///     vec![1, 2, 3].into(),
///     String::from("owned").into(),
///     shared.into(),
///     "static".into(),
///     b"bytes".into(),
/// ];
/// assert_eq!(messages[1].as_ref(), b"owned");
/// ```
#[derive(Clone)]
pub struct Message(Bytes);

#[derive(Clone)]
enum Bytes {
    Vector(Vec<u8>),
    Boxed(Box<[u8]>),
    Shared(Arc<[u8]>),
    Static(&'static [u8]),
}

impl Message {
    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }
}

impl AsRef<[u8]> for Message {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Vector(bytes) => bytes,
            Bytes::Boxed(bytes) => bytes,
            Bytes::Shared(bytes) => bytes,
            Bytes::Static(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Bytes::Vector(bytes))
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self(Bytes::Vector(text.into_bytes()))
    }
}

impl From<Box<[u8]>> for Message {
    fn from(bytes: Box<[u8]>) -> Self {
        Self(Bytes::Boxed(bytes))
    }
}

impl From<Arc<[u8]>> for Message {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self(Bytes::Shared(bytes))
    }
}

impl From<Arc<str>> for Message {
    fn from(text: Arc<str>) -> Self {
        Self(Bytes::Shared(text.into()))
    }
}

impl From<&'static [u8]> for Message {
    fn from(bytes: &'static [u8]) -> Self {
        Self(Bytes::Static(bytes))
    }
}

impl<const N: usize> From<&'static [u8; N]> for Message {
    fn from(bytes: &'static [u8; N]) -> Self {
        Self(Bytes::Static(bytes))
    }
}

impl From<&'static str> for Message {
    fn from(text: &'static str) -> Self {
        Self(Bytes::Static(text.as_bytes()))
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("len", &self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_not_copied() {
        let vector = vec![1, 2, 3];
        let boxed: Box<[u8]> = vec![4, 5].into();
        let shared: Arc<[u8]> = Arc::from(&b"shared"[..]);
        let text = String::from("text");
        let before = [
            vector.as_ptr(),
            boxed.as_ptr(),
            shared.as_ptr(),
            text.as_ptr(),
        ];
        let messages: [Message; 4] = [vector.into(), boxed.into(), shared.into(), text.into()];
        assert_eq!(before, messages.each_ref().map(|m| m.as_ref().as_ptr()));
    }
}
