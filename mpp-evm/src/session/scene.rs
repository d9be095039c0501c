//! A chain with an escrow, a payer and a payee on it, for the tests beside.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy_consensus::TxEip1559;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use devnet::{Devnet, IPaymentChannelEscrow, ITollToken, PERMIT2, Wallet};
use payment_core::{Clock, Denied, ManualClock, Timestamp};
use payment_evm::permit2::domain as permit2_domain;
use payment_evm::{Authorization, LocalSigner, Settler, SettlerOptions, Token};

use super::fixture::challenge;
use super::{
    Channel, ChannelId, ChannelStore, CheckedDeposit, CheckedVoucher, DepositProof, Desk, Escrow,
    Hold, Ledger, LedgerError, MemoryChannelStore, OnchainEscrow, Opening, Purpose, SignedVoucher,
    Voucher, escrow_domain, top_up_nonce,
};

pub(crate) const DEPOSIT: u128 = 1_000_000;

pub(crate) struct Scene {
    pub(crate) net: Devnet,
    /// Chain and seller read the same one.
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) escrow: OnchainEscrow,
    pub(crate) token: Token,
}

pub(crate) fn signer(wallet: &Wallet) -> LocalSigner {
    LocalSigner::from_hex(&wallet.key.to_string()).unwrap()
}

pub(crate) fn quick() -> SettlerOptions {
    let options = SettlerOptions::default().poll_every(Duration::from_millis(5));
    options.mined_within(Duration::from_millis(200))
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(now.as_secs())));
        let hand = Arc::clone(&clock);
        let net = Devnet::builder().clock(Arc::new(move || hand.now().seconds()));
        let net = net.start().await.unwrap();
        let devnet::Token {
            address,
            chain_id,
            name,
            symbol,
            version,
            decimals,
            ..
        } = net.token.clone();
        let token = Token::custom(chain_id, address, symbol, decimals, name, version);
        let escrow = connect(&net, &net.seller, &clock).await;
        for spender in [net.escrow, PERMIT2] {
            let value = U256::MAX;
            let call = ITollToken::approveCall { spender, value };
            let sent = net.chain.send(&net.buyers[0], address, call.abi_encode());
            assert!(sent.unwrap().status());
        }
        Self {
            net,
            clock,
            escrow,
            token,
        }
    }

    pub(crate) fn buyer(&self) -> &Wallet {
        &self.net.buyers[0]
    }

    /// What an account holds, in base units.
    pub(crate) fn balance(&self, account: Address) -> u128 {
        self.net.chain.balance_of(self.token.address, account).to()
    }

    /// What the seller has got, in base units.
    pub(crate) fn income(&self) -> u128 {
        self.balance(self.net.seller.address)
    }

    /// How many transactions the seller has sent.
    pub(crate) fn sent(&self) -> u64 {
        self.net.chain.pending_nonce(self.net.seller.address)
    }

    pub(crate) fn opening(&self, salt: u8) -> Opening {
        Opening {
            payer: self.buyer().address,
            payee: self.net.seller.address,
            token: self.token.address,
            salt: B256::repeat_byte(salt),
            authorized_signer: Address::ZERO,
            escrow: self.net.escrow,
            chain_id: self.net.chain.chain_id(),
        }
    }

    fn authorization(&self, amount: u128, nonce: B256) -> DepositProof {
        let authorization = Authorization {
            from: self.buyer().address,
            to: self.net.escrow,
            value: U256::from(amount),
            valid_after: U256::ZERO,
            valid_before: U256::from(self.net.chain.now() + 300),
            nonce,
        };
        let digest = authorization.receive_digest(&self.token.domain());
        let signature = signer(self.buyer()).sign(&digest).unwrap();
        DepositProof::Authorization {
            authorization,
            signature,
        }
    }

    pub(crate) fn open_by(
        &self,
        opening: Opening,
        amount: u128,
        proof: DepositProof,
    ) -> CheckedDeposit {
        CheckedDeposit {
            channel: opening.id(),
            purpose: Purpose::Open(opening),
            payer: opening.payer,
            amount,
            proof,
            challenge: Arc::new(challenge().clone()),
        }
    }

    /// A signed opening that nobody has brought to the contract.
    pub(crate) fn authorized_opening(&self, salt: u8) -> CheckedDeposit {
        let opening = self.opening(salt);
        let proof = self.authorization(DEPOSIT, opening.nonce());
        self.open_by(opening, DEPOSIT, proof)
    }

    pub(crate) fn permitted_opening(&self, salt: u8, nonce: u64) -> CheckedDeposit {
        let opening = self.opening(salt);
        let message = typed::opening::PermitWitnessTransferFrom {
            permitted: self.permission(DEPOSIT),
            spender: self.net.escrow,
            nonce: U256::from(nonce),
            deadline: U256::from(self.net.chain.now() + 300),
            witness: typed::ChannelOpenWitness {
                payee: opening.payee,
                salt: opening.salt,
                authorizedSigner: opening.authorized_signer,
            },
        };
        let proof = self.permit(message.nonce, message.deadline, &message);
        self.open_by(opening, DEPOSIT, proof)
    }

    fn top_up_by(
        &self,
        id: ChannelId,
        amount: u128,
        salt: B256,
        proof: DepositProof,
    ) -> CheckedDeposit {
        CheckedDeposit {
            channel: id,
            purpose: Purpose::TopUp { salt },
            payer: self.buyer().address,
            amount,
            proof,
            challenge: Arc::new(challenge().clone()),
        }
    }

    pub(crate) fn authorized_top_up(
        &self,
        id: ChannelId,
        amount: u128,
        salt: u8,
    ) -> CheckedDeposit {
        let salt = B256::repeat_byte(salt);
        let nonce = top_up_nonce(id, amount, self.buyer().address, salt);
        self.top_up_by(id, amount, salt, self.authorization(amount, nonce))
    }

    pub(crate) fn permitted_top_up(
        &self,
        id: ChannelId,
        amount: u128,
        nonce: u64,
    ) -> CheckedDeposit {
        let message = typed::raising::PermitWitnessTransferFrom {
            permitted: self.permission(amount),
            spender: self.net.escrow,
            nonce: U256::from(nonce),
            deadline: U256::from(self.net.chain.now() + 300),
            witness: typed::ChannelTopUpWitness {
                channelId: id.word(),
            },
        };
        let proof = self.permit(message.nonce, message.deadline, &message);
        self.top_up_by(id, amount, B256::ZERO, proof)
    }

    pub(crate) fn found_top_up(&self, id: ChannelId, amount: u128, hash: B256) -> CheckedDeposit {
        self.top_up_by(id, amount, B256::ZERO, DepositProof::Hash(hash))
    }

    fn permission(&self, amount: u128) -> typed::TokenPermissions {
        typed::TokenPermissions {
            token: self.token.address,
            amount: U256::from(amount),
        }
    }

    fn permit(
        &self,
        nonce: U256,
        deadline: U256,
        message: &impl alloy_sol_types::SolStruct,
    ) -> DepositProof {
        let domain = permit2_domain(self.net.chain.chain_id(), PERMIT2);
        let signature = signer(self.buyer()).sign(&domain.digest_of(message));
        DepositProof::Permit2 {
            nonce,
            deadline,
            signature: signature.unwrap(),
        }
    }

    // What the payer sends itself

    /// Sends a call to the contract; the hash, whether it succeeds or not.
    pub(crate) fn call(&self, by: &Wallet, call: &impl SolCall) -> B256 {
        let sent = self.net.chain.send(by, self.net.escrow, call.abi_encode());
        sent.unwrap().transaction_hash
    }

    pub(crate) fn open_itself(&self, opening: &Opening, deposit: u128) -> B256 {
        let call = IPaymentChannelEscrow::openCall {
            payee: opening.payee,
            token: opening.token,
            deposit,
            salt: opening.salt,
            authorizedSigner: opening.authorized_signer,
        };
        self.call(self.buyer(), &call)
    }

    pub(crate) fn open(&self, salt: u8) -> ChannelId {
        let opening = self.opening(salt);
        self.open_itself(&opening, DEPOSIT);
        opening.id()
    }

    pub(crate) fn request_close(&self, id: ChannelId) {
        let call = IPaymentChannelEscrow::requestCloseCall {
            channelId: id.word(),
        };
        self.call(self.buyer(), &call);
    }

    /// A signed deposit, as anybody could bring it.
    pub(crate) fn bring_as(&self, by: &Wallet, data: Bytes) -> bool {
        let sent = self.net.chain.send(by, self.net.escrow, data);
        sent.unwrap().status()
    }

    /// The same, but it waits to be mined.
    pub(crate) fn queue(&self, by: &Wallet, data: Bytes) {
        let transaction = by.sign_transaction(TxEip1559 {
            chain_id: self.net.chain.chain_id(),
            nonce: self.net.chain.pending_nonce(by.address),
            gas_limit: 500_000,
            max_fee_per_gas: 100_000_000_000,
            max_priority_fee_per_gas: 1_000_000,
            to: TxKind::Call(self.net.escrow),
            value: U256::ZERO,
            access_list: Default::default(),
            input: data,
        });
        self.net.chain.submit(&transaction.encoded_2718()).unwrap();
    }

    /// Lets other tasks run until so many transactions wait to be mined.
    pub(crate) async fn wait_for(&self, transactions: usize) {
        while self.net.chain.waiting() < transactions {
            tokio::task::yield_now().await;
        }
    }

    // Vouchers

    pub(crate) fn voucher(&self, id: ChannelId, cumulative: u128) -> SignedVoucher {
        self.voucher_by(self.buyer(), id, cumulative)
    }

    pub(crate) fn voucher_by(&self, by: &Wallet, id: ChannelId, cumulative: u128) -> SignedVoucher {
        let domain = escrow_domain(self.net.chain.chain_id(), self.net.escrow);
        let channel = id;
        let digest = Voucher {
            channel,
            cumulative,
        }
        .digest(&domain);
        let signature = signer(by).sign(&digest).unwrap();
        SignedVoucher {
            cumulative,
            signature,
        }
    }

    pub(crate) fn checked(&self, id: ChannelId, cumulative: u128) -> CheckedVoucher {
        let domain = escrow_domain(self.net.chain.chain_id(), self.net.escrow);
        let signature = self.voucher(id, cumulative).signature;
        let channel = id;
        let voucher = Voucher {
            channel,
            cumulative,
        };
        CheckedVoucher::recover(voucher, signature, &domain, self.buyer().address).unwrap()
    }
}

pub(crate) type TestDesk = Desk<OnchainEscrow, MemoryChannelStore>;

impl Scene {
    pub(crate) fn desk(&self) -> TestDesk {
        let ledger = Arc::new(Ledger::new(MemoryChannelStore::default()));
        let (payee, token) = (self.net.seller.address, self.token.address);
        Desk::new(Arc::new(self.escrow.clone()), ledger, payee, token)
            .clock(Arc::clone(&self.clock))
    }

    /// Opens a channel, accepts these vouchers one after the other, and charges.
    pub(crate) async fn used(
        &self,
        desk: &TestDesk,
        salt: u8,
        vouchers: &[u128],
        spent: u128,
    ) -> ChannelId {
        let id = self.open(salt);
        desk.adopt(id).await.unwrap();
        for cumulative in vouchers {
            self.accept(desk, id, *cumulative).await;
        }
        self.spend(desk, id, spent).await.unwrap();
        id
    }

    pub(crate) async fn accept<E: Escrow, S: ChannelStore>(
        &self,
        desk: &Desk<E, S>,
        id: ChannelId,
        cumulative: u128,
    ) {
        let voucher = self.checked(id, cumulative);
        let step = |channel: &Channel| Ok((channel.accept(&voucher, 0)?, ()));
        desk.ledger().apply(id, step).await.unwrap();
    }

    pub(crate) async fn spend<E: Escrow, S: ChannelStore>(
        &self,
        desk: &Desk<E, S>,
        id: ChannelId,
        amount: u128,
    ) -> Result<Channel, LedgerError> {
        let now = desk.now();
        let until = now.plus(Duration::from_secs(60));
        let hold = Hold {
            id: 1,
            amount,
            until,
        };
        let step =
            |channel: &Channel| Ok((channel.hold(hold, now)?.commit(1, amount, 1, now)?, ()));
        Ok(desk.ledger().apply(id, step).await?.0)
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// An escrow whose transactions this wallet sends.
pub(crate) async fn connect(
    net: &Devnet,
    wallet: &Wallet,
    clock: &Arc<ManualClock>,
) -> OnchainEscrow {
    let settler = Settler::connect(&net.rpc_url, signer(wallet), quick());
    let escrow = OnchainEscrow::connect(settler.await.unwrap(), net.escrow).await;
    let patience = Duration::from_millis(200);
    escrow.unwrap().clock(Arc::clone(clock)).patience(patience)
}

/// The last part of the problem's type, of a definite no.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(outcome: Result<T, Denied>) -> String {
    match outcome {
        Err(Denied::Refused(refusal)) => {
            let kind = refusal.problem().kind.clone();
            kind.rsplit_once("/problems/")
                .map_or_else(|| kind.to_string(), |(_, name)| name.to_owned())
        }
        other => panic!("{other:?}"),
    }
}

#[allow(missing_docs)]
mod typed {
    alloy_sol_types::sol! {
        struct TokenPermissions { address token; uint256 amount; }
        struct ChannelOpenWitness { address payee; bytes32 salt; address authorizedSigner; }
        struct ChannelTopUpWitness { bytes32 channelId; }
    }

    pub(super) mod opening {
        use super::{ChannelOpenWitness, TokenPermissions};
        alloy_sol_types::sol! {
            struct PermitWitnessTransferFrom { TokenPermissions permitted; address spender; uint256 nonce; uint256 deadline; ChannelOpenWitness witness; }
        }
    }

    pub(super) mod raising {
        use super::{ChannelTopUpWitness, TokenPermissions};
        alloy_sol_types::sol! {
            struct PermitWitnessTransferFrom { TokenPermissions permitted; address spender; uint256 nonce; uint256 deadline; ChannelTopUpWitness witness; }
        }
    }
}
