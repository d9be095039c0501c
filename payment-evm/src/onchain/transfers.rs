use alloy_primitives::{Address, Bytes};

use super::{CallFault, ChainFault, Mined, SendFault, Settler};
use crate::permit2::{ChargePermit, Spelling, TransferDetails};
use crate::{Authorization, EvmSignature};

impl Settler {
    /// Runs the transfer of an authorization without sending it.
    ///
    /// # Errors
    ///
    /// `CallFault::Reverted` when it would fail; `Unavailable` when there is no contract, or
    /// nothing is known.
    pub async fn simulate_transfer_with_authorization(
        &self,
        token: Address,
        authorization: &Authorization,
        signature: &EvmSignature,
    ) -> Result<(), CallFault> {
        self.simulate_contract(token, authorization.calldata(signature))
            .await
    }

    /// Moves the tokens of an authorization. The caller holds the receipt to the transfer it
    /// wanted: see [`Mined::transfer`].
    ///
    /// # Errors
    ///
    /// As for [`Settler::send`]; `NotSent` also when there is no contract.
    pub async fn transfer_with_authorization(
        &self,
        token: Address,
        authorization: &Authorization,
        signature: &EvmSignature,
    ) -> Result<Mined, SendFault> {
        self.send_to_contract(token, authorization.calldata(signature))
            .await
    }

    /// Runs the transfers of a permit without sending them. We must be its spender.
    ///
    /// # Errors
    ///
    /// As for [`Self::simulate_transfer_with_authorization`]; `ChainFault::Transfers` when there
    /// are not as many transfers as permissions.
    pub async fn simulate_permit_witness_transfer(
        &self,
        permit2: Address,
        permit: &SignedPermit<'_>,
    ) -> Result<(), CallFault> {
        let data = permit.calldata().map_err(CallFault::from)?;
        self.simulate_contract(permit2, data).await
    }

    /// Moves the tokens of a permit through Permit2. We must be its spender.
    ///
    /// # Errors
    ///
    /// As for [`Self::transfer_with_authorization`].
    pub async fn permit_witness_transfer(
        &self,
        permit2: Address,
        permit: &SignedPermit<'_>,
    ) -> Result<Mined, SendFault> {
        let data = permit.calldata().map_err(SendFault::NotSent)?;
        self.send_to_contract(permit2, data).await
    }

    async fn simulate_contract(&self, contract: Address, data: Bytes) -> Result<(), CallFault> {
        self.require_contract(contract).await?;
        self.simulate(contract, data).await.map(|_| ())
    }

    async fn send_to_contract(&self, contract: Address, data: Bytes) -> Result<Mined, SendFault> {
        self.require_contract(contract)
            .await
            .map_err(SendFault::NotSent)?;
        self.send(contract, data).await
    }

    /// A call to an address without code succeeds and moves nothing.
    async fn require_contract(&self, address: Address) -> Result<(), ChainFault> {
        match self.code_at(address).await?.is_empty() {
            true => Err(ChainFault::NoContract { address }),
            false => Ok(()),
        }
    }
}

/// A charge permit with all that Permit2 needs beside it.
#[derive(Clone, Copy, Debug)]
pub struct SignedPermit<'a> {
    /// What was signed.
    pub permit: &'a ChargePermit,
    /// The spelling it was signed in.
    pub spelling: Spelling,
    /// Who signed.
    pub owner: Address,
    /// Where it goes, one for each permission.
    pub transfers: &'a [TransferDetails],
    /// The owner's signature.
    pub signature: &'a EvmSignature,
}

impl SignedPermit<'_> {
    fn calldata(&self) -> Result<Bytes, ChainFault> {
        self.permit
            .calldata(self.spelling, self.owner, self.transfers, self.signature)
            .ok_or(ChainFault::Transfers)
    }
}
