use std::fmt;

use alloy_primitives::{Address, B256, U256};
use payment_evm::{Authorization, Domain, EvmSignature, Signer, Token, TransferMethod};

use super::payload::{
    Decimal, LowerHex, OkxOpen, OkxTopUp, Open, Opened, Promise, TopUp, ToppedUp,
};
use super::{Dialect, SessionPayload};
use crate::CredentialType;
use crate::buyer::BillError;
use crate::session::{ChannelId, Opening, Voucher, escrow_domain, top_up_nonce};

/// The buyer's end of one channel: writes deposits and vouchers.
///
/// The same arguments give the same deposit, however often they are signed: its nonce comes from
/// the channel, and token and escrow take each once.
#[derive(Clone)]
pub struct Purse {
    opening: Opening,
    id: ChannelId,
    token: Token,
    domain: Domain,
    dialect: Dialect,
}

impl Purse {
    /// The end of a channel with these facts; `None` when it is of another token.
    #[must_use]
    pub fn new(opening: Opening, token: Token) -> Option<Self> {
        let same = (opening.chain_id, opening.token) == (token.chain_id, token.address);
        same.then(|| Self::of(opening, token))
    }

    pub(super) fn of(opening: Opening, token: Token) -> Self {
        Self {
            id: opening.id(),
            domain: escrow_domain(opening.chain_id, opening.escrow),
            opening,
            token,
            dialect: Dialect::Draft,
        }
    }

    /// Writes deposits in these words; in the draft's unless told.
    #[must_use]
    pub fn speaking(self, dialect: Dialect) -> Self {
        Self { dialect, ..self }
    }

    /// The channel.
    #[must_use]
    pub const fn id(&self) -> ChannelId {
        self.id
    }

    /// What it is, or is to be, opened with.
    #[must_use]
    pub const fn opening(&self) -> &Opening {
        &self.opening
    }

    /// What it is paid in.
    #[must_use]
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// Signs the first deposit, for the escrow alone to pull until `valid_before` (seconds since
    /// the epoch), and the first voucher. The seller sends the transaction.
    ///
    /// # Errors
    ///
    /// `CannotPay` for a token without EIP-3009, `Signer`, `Credential`.
    pub async fn open(
        &self,
        signer: &impl Signer,
        deposit: u128,
        valid_before: u64,
        cumulative: u128,
    ) -> Result<SessionPayload, BillError> {
        let (authorization, signature) = self
            .pull(signer, deposit, valid_before, self.opening.nonce())
            .await?;
        let voucher_signature = self.promise(signer, cumulative).await?;
        match self.dialect {
            Dialect::Draft => Ok(SessionPayload::of(&Open {
                kind: CredentialType::Authorization,
                channel_id: self.id,
                authorization: (&authorization).into(),
                signature,
                cumulative_amount: Decimal(cumulative),
                voucher_signature,
                salt: self.opening.salt,
                authorized_signer: self.authorized_signer(),
            })?),
            Dialect::Okx => Ok(SessionPayload::of(&OkxOpen {
                kind: CredentialType::Transfers.as_str(),
                channel_id: self.id,
                salt: self.opening.salt,
                authorization: (&authorization).into(),
                signature,
                cumulative_amount: Decimal(cumulative),
                voucher_signature,
                authorized_signer: self.authorized_signer(),
            })?
            .from(self.opening.payer)),
        }
    }

    /// Points to the transaction by which the buyer has opened the channel, and signs the first
    /// voucher.
    ///
    /// # Errors
    ///
    /// `Signer`, `Credential`. What was deposited is not undone by it.
    pub async fn opened(
        &self,
        signer: &impl Signer,
        transaction: B256,
        cumulative: u128,
    ) -> Result<SessionPayload, BillError> {
        let payload = Opened {
            kind: CredentialType::Hash,
            channel_id: self.id,
            hash: transaction,
            cumulative_amount: Decimal(cumulative),
            signature: self.promise(signer, cumulative).await?,
            salt: self.opening.salt,
            authorized_signer: self.authorized_signer(),
        };
        Ok(SessionPayload::of(&payload)?.from(self.opening.payer))
    }

    /// Signs a further deposit, as [`Self::open`]. The salt tells it from other deposits of the
    /// same amount.
    ///
    /// # Errors
    ///
    /// `CannotPay` for a token without EIP-3009, `Signer`, `Credential`.
    pub async fn top_up(
        &self,
        signer: &impl Signer,
        additional: u128,
        valid_before: u64,
        salt: B256,
    ) -> Result<SessionPayload, BillError> {
        let nonce = top_up_nonce(self.id, additional, self.opening.payer, salt);
        let (authorization, signature) = self.pull(signer, additional, valid_before, nonce).await?;
        match self.dialect {
            Dialect::Draft => Ok(SessionPayload::of(&TopUp {
                kind: CredentialType::Authorization,
                channel_id: self.id,
                authorization: (&authorization).into(),
                signature,
                additional_deposit: Decimal(additional),
                salt,
            })?),
            Dialect::Okx => Ok(SessionPayload::of(&OkxTopUp {
                kind: CredentialType::Transfers.as_str(),
                channel_id: self.id,
                additional_deposit: Decimal(additional),
                top_up_salt: salt,
                authorization: (&authorization).into(),
                signature,
            })?
            .from(self.opening.payer)),
        }
    }

    /// Points to the transaction by which the buyer has deposited more.
    ///
    /// # Errors
    ///
    /// `Credential`. What was deposited is not undone by it.
    pub fn topped_up(
        &self,
        transaction: B256,
        additional: u128,
    ) -> Result<SessionPayload, BillError> {
        let payload = ToppedUp {
            kind: CredentialType::Hash,
            channel_id: self.id,
            hash: transaction,
            additional_deposit: Decimal(additional),
        };
        Ok(SessionPayload::of(&payload)?.from(self.opening.payer))
    }

    /// Promises this much in all, since the channel was opened.
    ///
    /// # Errors
    ///
    /// `Signer`, `Credential`.
    pub async fn voucher(
        &self,
        signer: &impl Signer,
        cumulative: u128,
    ) -> Result<SessionPayload, BillError> {
        self.bring("voucher", signer, cumulative).await
    }

    /// Asks the seller to close the channel at this amount: what was spent, not what was promised,
    /// or all that was promised is paid. OKX's sellers refuse less than the highest voucher.
    ///
    /// # Errors
    ///
    /// `Signer`, `Credential`.
    pub async fn close(
        &self,
        signer: &impl Signer,
        cumulative: u128,
    ) -> Result<SessionPayload, BillError> {
        self.bring("close", signer, cumulative).await
    }

    async fn bring(
        &self,
        action: &'static str,
        signer: &impl Signer,
        cumulative: u128,
    ) -> Result<SessionPayload, BillError> {
        let payload = Promise {
            action,
            channel_id: self.id,
            cumulative_amount: Decimal(cumulative),
            signature: self.promise(signer, cumulative).await?,
        };
        Ok(SessionPayload::of(&payload)?)
    }

    async fn promise(
        &self,
        signer: &impl Signer,
        cumulative: u128,
    ) -> Result<EvmSignature, BillError> {
        let voucher = Voucher {
            channel: self.id,
            cumulative,
        };
        Ok(signer.sign_digest(&voucher.digest(&self.domain)).await?)
    }

    /// What lets the escrow, and nobody else, pull a deposit (`ReceiveWithAuthorization`).
    async fn pull(
        &self,
        signer: &impl Signer,
        amount: u128,
        valid_before: u64,
        nonce: B256,
    ) -> Result<(Authorization, EvmSignature), BillError> {
        if self.token.transfer != TransferMethod::Eip3009 {
            return Err(BillError::CannotPay(CredentialType::Authorization));
        }
        let authorization = Authorization {
            from: self.opening.payer,
            to: self.opening.escrow,
            value: U256::from(amount),
            valid_after: U256::ZERO,
            valid_before: U256::from(valid_before),
            nonce,
        };
        let digest = authorization.receive_digest(&self.token.domain());
        let signature = signer.sign_digest(&digest).await?;
        Ok((authorization, signature))
    }

    /// Left out when the payer signs vouchers itself.
    fn authorized_signer(&self) -> Option<LowerHex> {
        let signer = self.opening.authorized_signer;
        (signer != Address::ZERO).then_some(LowerHex(signer))
    }
}

impl fmt::Debug for Purse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Purse").field(&self.id).finish()
    }
}
