//! A payer with an open purse, a payee, an escrow, and what they sign.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolError, SolEventInterface, SolInterface, SolValue, sol};
use devnet::IPaymentChannelEscrow::{
    Channel, IPaymentChannelEscrowErrors as Refusal, IPaymentChannelEscrowEvents as Event, *,
};
use devnet::{CallError, Devnet, ESCROW, ITollToken, PERMIT2, Wallet};

use crate::support::{ReceiveWithAuthorization, in_domain, still};

pub const DEPOSIT: u128 = 1_000_000;
pub const GRACE: u64 = 900;

sol! {
    struct Voucher { bytes32 channelId; uint128 cumulativeAmount; }
    struct SettleAuthorization { bytes32 channelId; uint128 cumulativeAmount; uint256 nonce; uint256 deadline; }
    struct CloseAuthorization { bytes32 channelId; uint128 cumulativeAmount; uint256 nonce; uint256 deadline; }

    struct TokenPermissions { address token; uint256 amount; }
    struct ChannelOpenWitness { address payee; bytes32 salt; address authorizedSigner; }
    struct ChannelTopUpWitness { bytes32 channelId; }
}

/// Two structs of one name, as Permit2 hashes them.
pub mod opening {
    use super::{ChannelOpenWitness, TokenPermissions};
    alloy_sol_types::sol! {
        struct PermitWitnessTransferFrom { TokenPermissions permitted; address spender; uint256 nonce; uint256 deadline; ChannelOpenWitness witness; }
    }
}

/// See [`opening`].
pub mod raising {
    use super::{ChannelTopUpWitness, TokenPermissions};
    alloy_sol_types::sol! {
        struct PermitWitnessTransferFrom { TokenPermissions permitted; address spender; uint256 nonce; uint256 deadline; ChannelTopUpWitness witness; }
    }
}

/// The EIP-712 domain of an escrow, computed here.
pub fn domain(chain_id: u64, escrow: Address) -> B256 {
    let kind = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
    );
    let (name, version) = (keccak256("EVM Payment Channel"), keccak256("1"));
    keccak256((kind, name, version, U256::from(chain_id), escrow).abi_encode())
}

/// Permit2's domain, which has no version.
pub fn permit2_domain(chain_id: u64) -> B256 {
    let kind = keccak256("EIP712Domain(string name,uint256 chainId,address verifyingContract)");
    keccak256((kind, keccak256("Permit2"), U256::from(chain_id), PERMIT2).abi_encode())
}

/// A chain whose first buyer lets the escrow and Permit2 take what they like.
pub struct Stage {
    pub net: Devnet,
    pub payer: Wallet,
    pub payee: Wallet,
    /// Anyone else.
    pub stranger: Wallet,
}

impl Stage {
    pub fn new() -> Self {
        Self::on(still())
    }

    pub fn on(net: Devnet) -> Self {
        let stage = Self {
            payer: net.buyers[0].clone(),
            payee: net.seller.clone(),
            stranger: net.settler.clone(),
            net,
        };
        stage.approve(&stage.payer, stage.token(), ESCROW);
        stage.approve(&stage.payer, stage.token(), PERMIT2);
        stage
    }

    pub fn token(&self) -> Address {
        self.net.token.address
    }

    pub fn now(&self) -> u64 {
        self.net.chain.now()
    }

    pub fn approve(&self, holder: &Wallet, token: Address, spender: Address) {
        let call = ITollToken::approveCall {
            spender,
            value: U256::MAX,
        };
        let receipt = self.net.chain.send(holder, token, call.abi_encode());
        assert!(receipt.unwrap().status());
    }

    // Calls

    /// Sends a transaction that must succeed; what the escrow said in it.
    #[track_caller]
    pub fn run(&self, by: &Wallet, call: &impl SolCall) -> Vec<Event> {
        if let Err(error) = self.ask(by.address, call) {
            panic!("refused: {:?}", self.named(&error));
        }
        let receipt = self.net.chain.send(by, ESCROW, call.abi_encode()).unwrap();
        assert!(receipt.status());
        let logs = receipt.inner.logs().iter();
        logs.filter(|log| log.address() == ESCROW)
            .map(|log| Event::decode_log(&log.inner).unwrap().data)
            .collect()
    }

    /// What a call would return.
    pub fn ask(&self, by: Address, call: &impl SolCall) -> Result<Bytes, CallError> {
        self.net.chain.call_as(by, ESCROW, call.abi_encode())
    }

    /// A call that must revert with this error of the escrow, sent as a transaction too.
    #[track_caller]
    pub fn refused<E: SolError>(&self, by: &Wallet, call: &impl SolCall) {
        let name = E::SIGNATURE;
        match self.ask(by.address, call) {
            Err(CallError::Reverted { data, .. }) => {
                assert_eq!(data.get(..4), Some(&E::SELECTOR[..]), "not {name}: {data}");
            }
            other => panic!("not {name}: {other:?}"),
        }
        let receipt = self.net.chain.send(by, ESCROW, call.abi_encode()).unwrap();
        assert!(!receipt.status());
    }

    /// The text a call reverts with, for a token's own refusals.
    #[track_caller]
    pub fn reason(&self, by: &Wallet, call: &impl SolCall) -> String {
        match self.ask(by.address, call) {
            Err(CallError::Reverted {
                reason: Some(text), ..
            }) => text,
            other => panic!("expected a text, got {other:?}"),
        }
    }

    fn named(&self, error: &CallError) -> String {
        match error {
            CallError::Reverted { data, .. } => Refusal::abi_decode(data)
                .map_or_else(|_| error.to_string(), |refusal| format!("{refusal:?}")),
            _ => error.to_string(),
        }
    }

    pub fn read<C: SolCall>(&self, call: &C) -> C::Return {
        self.net.chain.read(ESCROW, call).unwrap()
    }

    pub fn channel(&self, id: B256) -> Channel {
        self.read(&getChannelCall { channelId: id })
    }

    pub fn balance(&self, account: Address) -> u128 {
        self.net
            .chain
            .balance_of(self.token(), account)
            .try_into()
            .unwrap()
    }

    /// What payer, payee and escrow hold.
    pub fn purses(&self) -> [u128; 3] {
        [self.payer.address, self.payee.address, ESCROW].map(|account| self.balance(account))
    }

    // Opening

    /// An opening by the payer itself, without a signer of its own.
    pub fn opening(&self, salt: u8) -> openCall {
        openCall {
            payee: self.payee.address,
            token: self.token(),
            deposit: DEPOSIT,
            salt: B256::repeat_byte(salt),
            authorizedSigner: Address::ZERO,
        }
    }

    /// The id an opening by the payer leads to, computed here.
    pub fn id(&self, opening: &openCall) -> B256 {
        let chain_id = U256::from(self.net.chain.chain_id());
        keccak256(
            (
                self.payer.address,
                opening.payee,
                opening.token,
                opening.salt,
                opening.authorizedSigner,
                ESCROW,
                chain_id,
            )
                .abi_encode(),
        )
    }

    #[track_caller]
    pub fn open(&self, salt: u8) -> B256 {
        let opening = self.opening(salt);
        self.run(&self.payer, &opening);
        self.id(&opening)
    }

    /// The same opening for anyone to bring, signed for the token.
    pub fn authorized_opening(&self, opening: &openCall) -> openWithAuthorizationCall {
        let from = self.payer.address;
        let nonce = keccak256(
            (
                from,
                opening.payee,
                opening.token,
                opening.salt,
                opening.authorizedSigner,
            )
                .abi_encode(),
        );
        let valid_before = U256::from(self.now() + 60);
        openWithAuthorizationCall {
            payee: opening.payee,
            token: opening.token,
            deposit: opening.deposit,
            salt: opening.salt,
            authorizedSigner: opening.authorizedSigner,
            from,
            validAfter: U256::ZERO,
            validBefore: valid_before,
            nonce,
            signature: self.token_signature(&self.payer, opening.deposit, nonce, valid_before),
        }
    }

    /// The same through Permit2.
    pub fn permitted_opening(&self, opening: &openCall, nonce: u64) -> openWithPermit2Call {
        let deadline = U256::from(self.now() + 60);
        let message = opening::PermitWitnessTransferFrom {
            permitted: TokenPermissions {
                token: opening.token,
                amount: U256::from(opening.deposit),
            },
            spender: ESCROW,
            nonce: U256::from(nonce),
            deadline,
            witness: ChannelOpenWitness {
                payee: opening.payee,
                salt: opening.salt,
                authorizedSigner: opening.authorizedSigner,
            },
        };
        let digest = in_domain(permit2_domain(self.net.chain.chain_id()), &message);
        openWithPermit2Call {
            payee: opening.payee,
            token: opening.token,
            deposit: opening.deposit,
            salt: opening.salt,
            authorizedSigner: opening.authorizedSigner,
            from: self.payer.address,
            nonce: message.nonce,
            deadline,
            signature: self.payer.sign_digest(digest).into(),
        }
    }

    /// A pull of the token by the escrow, signed by its holder.
    pub fn token_signature(
        &self,
        holder: &Wallet,
        value: u128,
        nonce: B256,
        valid_before: U256,
    ) -> Bytes {
        let message = ReceiveWithAuthorization {
            from: holder.address,
            to: ESCROW,
            value: U256::from(value),
            validAfter: U256::ZERO,
            validBefore: valid_before,
            nonce,
        };
        crate::support::sign(&self.net, holder, &message).into()
    }

    // Adding

    pub fn authorized_top_up(
        &self,
        id: B256,
        amount: u128,
        salt: u8,
    ) -> topUpWithAuthorizationCall {
        let (from, salt) = (self.payer.address, B256::repeat_byte(salt));
        let nonce = keccak256((id, amount, from, salt).abi_encode());
        let valid_before = U256::from(self.now() + 60);
        topUpWithAuthorizationCall {
            channelId: id,
            additionalDeposit: amount,
            from,
            topUpSalt: salt,
            validAfter: U256::ZERO,
            validBefore: valid_before,
            nonce,
            signature: self.token_signature(&self.payer, amount, nonce, valid_before),
        }
    }

    pub fn permitted_top_up(&self, id: B256, amount: u128, nonce: u64) -> topUpWithPermit2Call {
        let deadline = U256::from(self.now() + 60);
        let message = raising::PermitWitnessTransferFrom {
            permitted: TokenPermissions {
                token: self.token(),
                amount: U256::from(amount),
            },
            spender: ESCROW,
            nonce: U256::from(nonce),
            deadline,
            witness: ChannelTopUpWitness { channelId: id },
        };
        let digest = in_domain(permit2_domain(self.net.chain.chain_id()), &message);
        topUpWithPermit2Call {
            channelId: id,
            additionalDeposit: amount,
            from: self.payer.address,
            nonce: message.nonce,
            deadline,
            signature: self.payer.sign_digest(digest).into(),
        }
    }

    // Vouchers, and what is done with them

    pub fn domain(&self) -> B256 {
        domain(self.net.chain.chain_id(), ESCROW)
    }

    pub fn voucher_digest(&self, id: B256, amount: u128) -> B256 {
        let message = Voucher {
            channelId: id,
            cumulativeAmount: amount,
        };
        in_domain(self.domain(), &message)
    }

    pub fn voucher_by(&self, signer: &Wallet, id: B256, amount: u128) -> Bytes {
        signer.sign_digest(self.voucher_digest(id, amount)).into()
    }

    /// A voucher of the payer's own key.
    pub fn voucher(&self, id: B256, amount: u128) -> Bytes {
        self.voucher_by(&self.payer, id, amount)
    }

    pub fn settling(&self, id: B256, amount: u128) -> settleCall {
        settleCall {
            channelId: id,
            cumulativeAmount: amount,
            signature: self.voucher(id, amount),
        }
    }

    pub fn closing(&self, id: B256, amount: u128) -> closeCall {
        closeCall {
            channelId: id,
            cumulativeAmount: amount,
            signature: self.voucher(id, amount),
        }
    }

    /// A settlement for anyone to bring, good for a minute.
    pub fn authorized_settling(
        &self,
        id: B256,
        amount: u128,
        nonce: u64,
    ) -> settleWithAuthorizationCall {
        let message = SettleAuthorization {
            channelId: id,
            cumulativeAmount: amount,
            nonce: U256::from(nonce),
            deadline: U256::from(self.now() + 60),
        };
        let digest = in_domain(self.domain(), &message);
        settleWithAuthorizationCall {
            channelId: id,
            cumulativeAmount: amount,
            nonce: message.nonce,
            deadline: message.deadline,
            payeeSignature: self.payee.sign_digest(digest).into(),
            voucherSignature: self.voucher(id, amount),
        }
    }

    /// A close for anyone to bring, good for a minute.
    pub fn authorized_closing(
        &self,
        id: B256,
        amount: u128,
        nonce: u64,
    ) -> closeWithAuthorizationCall {
        let message = CloseAuthorization {
            channelId: id,
            cumulativeAmount: amount,
            nonce: U256::from(nonce),
            deadline: U256::from(self.now() + 60),
        };
        let digest = in_domain(self.domain(), &message);
        closeWithAuthorizationCall {
            channelId: id,
            cumulativeAmount: amount,
            nonce: message.nonce,
            deadline: message.deadline,
            payeeSignature: self.payee.sign_digest(digest).into(),
            voucherSignature: self.voucher(id, amount),
        }
    }
}
