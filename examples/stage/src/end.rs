use std::process::ExitCode;

/// Whatever ends an example early.
pub type Failure = Box<dyn std::error::Error>;

/// Why an example does not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Stop {
    /// It was asked how it is used.
    #[error("{0}")]
    Help(String),
    /// An argument or a setting is missing or wrong.
    #[error("{0}")]
    Wrong(String),
}

impl Stop {
    /// A setting that is missing or wrong, by its name and without its value.
    pub(crate) fn setting(name: &str, what: &str) -> Self {
        Self::Wrong(format!("{name}: {what}"))
    }
}

/// The exit code of an example, after the line that says why: 0, 1 for what failed, 2 for what was
/// asked wrongly.
pub fn end(ended: Result<(), Failure>) -> ExitCode {
    let Err(failure) = ended else {
        return ExitCode::SUCCESS;
    };
    match failure.downcast_ref() {
        Some(Stop::Help(usage)) => {
            println!("{usage}");
            ExitCode::SUCCESS
        }
        Some(Stop::Wrong(_)) => {
            eprintln!("{failure}");
            ExitCode::from(2)
        }
        None => {
            eprintln!("failed: {failure}");
            let mut cause = failure.source();
            while let Some(error) = cause {
                eprintln!("    {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

/// Waits for Ctrl-C: the shop answers what it has begun, and ends.
pub async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
