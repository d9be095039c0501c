/// Why a page can't be put together. All of these are found when it is built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PaywallError {
    /// The accent is not `#rrggbb`.
    #[error("the accent is not #rrggbb")]
    Accent,
    /// The logo is not a `data:image/…;base64,…` URI of at most 16 KiB.
    #[error("the logo is not a data URI of an image of at most 16 KiB")]
    Logo,
    /// A word that the page does not say.
    #[error("the page says no word {0:?}")]
    Word(String),
    /// A slot of a custom page that is not closed or that there is not.
    #[error("the page has a slot that there is not")]
    Slot,
    /// The policy of a custom page can't be a header.
    #[error("the policy can't be a header")]
    Policy,
}
