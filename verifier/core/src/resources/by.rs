//! By what a resource is known.

use std::fmt;

/// By what a resource is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// An option of the command line.
    Option(&'static str),
    /// A key of the settings.
    Setting(&'static str),
    /// An output, by its name or by the path in it.
    Output(String),
    /// A resource of the stack, by its logical id.
    LogicalId(String),
    /// A resource of the stack by its logical id, which is the only one that it can be.
    Only(String),
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(option) => f.write_str(option),
            Self::Setting(key) => f.write_str(key),
            Self::Output(name) => write!(f, "the output {name}"),
            Self::LogicalId(id) | Self::Only(id) => write!(f, "the resource {id}"),
        }
    }
}
