//! What is wrong with a setting.

/// A setting with which no subscription can run.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {message}")]
pub struct ConfigError {
    key: &'static str,
    message: String,
}

impl ConfigError {
    pub(crate) fn new(key: &'static str, message: impl ToString) -> Self {
        Self { key, message: message.to_string() }
    }

    /// The setting.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        self.key
    }

    /// What is wrong with it, and what would be right.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}
