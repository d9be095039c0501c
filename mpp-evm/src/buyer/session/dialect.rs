/// The words in which deposits are written. What is signed is the same in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Dialect {
    /// Those of the draft: `authorization`, and `salt` for every deposit.
    #[default]
    Draft,
    /// Those of OKX's sellers: `transaction`, and `topUpSalt` for a further deposit. Such a seller
    /// does not say what it has charged, and takes nothing less than the highest voucher when the
    /// channel is closed.
    Okx,
}
