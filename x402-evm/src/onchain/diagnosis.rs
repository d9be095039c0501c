use alloy_primitives::Bytes;
use alloy_sol_types::{SolCall, sol};
use payment_evm::{Authorization, CallFault};
use x402_core::{Code, FacilitatorFault, PaymentRequest};

use super::{Transfer, unknown};

#[allow(missing_docs)]
mod calls {
    use super::sol;

    sol! {
        function name() returns (string);
        function version() returns (string);
    }
}

impl Transfer<'_> {
    /// Why the transfer would fail, in the order that buyers know (scheme_exact_evm, verification, 12).
    pub(super) async fn diagnose(
        &self,
        request: &PaymentRequest,
    ) -> Result<Code, FacilitatorFault> {
        let Authorization {
            from, value, nonce, ..
        } = self.authorization;
        let used = self.settler.authorization_used(self.token, from, nonce);
        match used.await {
            Ok(false) => {}
            Ok(true) => return Ok(Code::NonceUsed),
            Err(CallFault::Reverted(_)) => return Ok(Code::Eip3009),
            Err(fault) => return Err(unknown(fault)),
        }
        let declared = |key: &str| {
            request
                .offer()
                .extra()
                .get(key)?
                .as_str()
                .map(str::to_owned)
        };
        if self.differs(&calls::nameCall {}, declared("name")).await? {
            return Ok(Code::TokenName);
        }
        if self
            .differs(&calls::versionCall {}, declared("version"))
            .await?
        {
            return Ok(Code::TokenVersion);
        }
        match self.settler.balance_of(self.token, from).await {
            Ok(balance) if balance < value => Ok(Code::Balance),
            Ok(_) | Err(CallFault::Reverted(_)) => Ok(Code::Simulation),
            Err(fault) => Err(unknown(fault)),
        }
    }

    /// Whether the token calls itself something else. A token that does not say is not asked
    /// again.
    async fn differs<C>(&self, call: &C, declared: Option<String>) -> Result<bool, FacilitatorFault>
    where
        C: SolCall<Return = String>,
    {
        let data = Bytes::from(call.abi_encode());
        match self.settler.simulate(self.token, data).await {
            Ok(answer) => Ok(C::abi_decode_returns_validate(&answer)
                .is_ok_and(|says| declared.is_some_and(|declared| declared != says))),
            Err(CallFault::Reverted(_)) => Ok(false),
            Err(fault) => Err(unknown(fault)),
        }
    }
}
