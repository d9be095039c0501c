use alloy_primitives::Address;
use mpp_evm::session::{Keeper, OnchainEscrow, Session};
use payment_evm::{LocalSigner, Settler, Token};
use payment_store::FileChannelStore;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};

use crate::Failure;
use crate::config::Sessions;

/// Channels in files, deposits in the escrow contract.
type FileSession = Session<OnchainEscrow, FileChannelStore>;

/// What buyers pay by, and what looks after it.
pub(crate) async fn open(
    sessions: Sessions,
    settler: Settler,
    token: Token,
    pay_to: Address,
) -> Result<(FileSession, Upkeep), Failure> {
    let mut escrow = OnchainEscrow::connect(settler, sessions.escrow)
        .await
        .map_err(|error| format!("SESSION_ESCROW: {error}"))?;
    if let Some(key) = sessions.payee_key {
        let payee = LocalSigner::from_hex(std::str::from_utf8(key.expose())?)
            .map_err(|_| "PAY_TO_KEY: is not a private key")?;
        if payee.address() != pay_to {
            return Err("PAY_TO_KEY: is not the key of PAY_TO".into());
        }
        escrow = escrow.relayed_for(payee);
    }
    // The contract pays a channel out at the word of its payee alone.
    if escrow.payee() != pay_to {
        return Err("PAY_TO_KEY: is missing: SETTLER_KEY is not the key of PAY_TO".into());
    }
    let store = FileChannelStore::open(&sessions.channels)
        .map_err(|error| format!("CHANNELS_DIR: {error}"))?;
    let mut session = Session::new(token, pay_to, escrow).store(store);
    if let Some(least) = sessions.min_deposit {
        session = session.min_deposit(least);
    }
    let keeper = Keeper::new(session.desk()).settle_after(sessions.settle_after);
    Ok((session, Upkeep(keeper)))
}

/// Settles what was earned, and answers payers who close without us.
pub(crate) struct Upkeep(Keeper<OnchainEscrow, FileChannelStore>);

/// An upkeep that is at work.
pub(crate) struct Begun {
    stop: oneshot::Sender<()>,
    keeper: JoinHandle<()>,
}

impl Upkeep {
    pub(crate) fn begin(self) -> Begun {
        let (stop, stopped) = oneshot::channel();
        let keeper = self.0.run(async {
            let _ = stopped.await;
        });
        Begun {
            stop,
            keeper: tokio::spawn(keeper),
        }
    }
}

impl Begun {
    /// Waits until what was begun is done.
    pub(crate) async fn end(self) -> Result<(), JoinError> {
        drop(self.stop);
        self.keeper.await
    }
}
