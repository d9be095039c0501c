use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use revm::DatabaseCommit;
use revm::state::{AccountInfo, Bytecode};

use crate::error::CallError;
use crate::evm;
use crate::token::ITollToken;
use crate::world::World;

/// Changes of state that no transaction makes.
impl World {
    /// Gives an account this native balance, in wei.
    pub(crate) fn fund(&mut self, address: Address, balance: U256) {
        let info = AccountInfo {
            balance,
            ..self.account(address)
        };
        self.state.insert_account_info(address, info);
    }

    /// Puts runtime code at an address.
    pub(crate) fn place_code(&mut self, address: Address, runtime: Bytes) {
        let info = AccountInfo {
            code: Some(Bytecode::new_raw(runtime)),
            ..self.account(address)
        };
        let info = AccountInfo {
            code_hash: info
                .code
                .as_ref()
                .map(Bytecode::hash_slow)
                .unwrap_or_default(),
            ..info
        };
        self.state.insert_account_info(address, info);
    }

    /// Runs creation code and puts what it leaves, code and storage, at an address of our choice.
    pub(crate) fn place_contract(
        &mut self,
        creator: Address,
        creation: Bytes,
        address: Address,
    ) -> Result<(), CallError> {
        let (result, state) = self.try_out(evm::question(creator, TxKind::Create, creation))?;
        let born = result.created_address();
        evm::answer(result)?;
        let account = born
            .and_then(|born| state.get(&born))
            .ok_or_else(|| CallError::Invalid("creation left no contract".into()))?;
        let runtime = account
            .info
            .code
            .as_ref()
            .map(Bytecode::original_bytes)
            .unwrap_or_default();
        self.place_code(address, runtime);
        for (slot, value) in &account.storage {
            match self
                .state
                .insert_account_storage(address, *slot, value.present_value)
            {
                Ok(()) => {}
                Err(never) => match never {},
            }
        }
        Ok(())
    }

    /// Mints without a block: what an account holds from the start.
    pub(crate) fn grant(
        &mut self,
        token: Address,
        owner: Address,
        to: Address,
        value: U256,
    ) -> Result<(), CallError> {
        let mint = ITollToken::mintCall { to, value }.abi_encode();
        let (result, mut state) =
            self.try_out(evm::question(owner, TxKind::Call(token), mint.into()))?;
        evm::answer(result)?;
        // The token's storage only: the owner's nonce stays.
        state.retain(|address, _| *address == token);
        self.state.commit(state);
        Ok(())
    }
}
