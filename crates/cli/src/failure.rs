//! How a command ends when it does not succeed: one line, and an exit code that scripts rely on.

/// Why a command did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// The user can mend it: usage, bad input, a folder that cannot be written. Exit code 2.
    Mistake(anyhow::Error),
    /// Ctrl-C, with how to go on. Exit code 1.
    Stopped(String),
    /// Anything else. Exit code 1.
    Other(anyhow::Error),
}

impl Failure {
    /// A mistake told in words.
    pub fn mistake(words: impl Into<String>) -> Self {
        Self::Mistake(anyhow::anyhow!(words.into()))
    }

    /// The one line that the user reads.
    pub fn message(&self) -> String {
        match self {
            // The library's messages name their causes themselves.
            Self::Mistake(error) => format!("error: {error}").replace('\n', " "),
            Self::Stopped(how) => format!("stopped; {how}"),
            Self::Other(error) => format!("failed: {error:#}").replace('\n', " "),
        }
    }

    /// 2 for a user's mistake, 1 for anything else.
    pub fn code(&self) -> u8 {
        match self {
            Self::Mistake(_) => 2,
            Self::Stopped(_) | Self::Other(_) => 1,
        }
    }
}

/// What the library refuses comes from what it was given: data, options, files, folders.
macro_rules! mistakes {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Mistake(error.into())
            }
        }
    )*};
}

mistakes!(
    resrel::boltzmann::Error,
    resrel::cluster::ClusterError,
    resrel::data::Error,
    resrel::experiment::Error,
    resrel::measure::Error,
    resrel::networks::Error,
    resrel_report::Error
);

impl From<resrel::kernels::WorkersError> for Failure {
    fn from(error: resrel::kernels::WorkersError) -> Self {
        Self::Other(error.into())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Other(error.into())
    }
}
