use devnet::facilitator::Facilitator;
use devnet::{Devnet, Wallet};
use payment_evm::random_word;

use crate::scratch::Scratch;
use crate::{Failure, Stop};

/// Test money: what the environment would say, said by a chain in this process.
pub(crate) struct TestMoney {
    pub(crate) net: Devnet,
    facilitator: Facilitator,
    channels: Scratch,
    secret: String,
}

impl TestMoney {
    pub(crate) async fn start(example: &str) -> Result<Self, Failure> {
        let net = Devnet::start().await?;
        Ok(Self {
            facilitator: Facilitator::start(&net, 0).await?,
            channels: Scratch::new(example),
            secret: random_word()?.to_string(),
            net,
        })
    }

    fn find(&self, name: &str) -> Option<String> {
        Some(match name {
            "FACILITATOR_URL" => self.facilitator.url().to_owned(),
            "PAY_TO" => self.net.seller.address.to_string(),
            "ARTIST" => Wallet::named("artist").address.to_string(),
            "RPC_URL" => self.net.rpc_url.clone(),
            "SETTLER_KEY" => self.net.seller.key.to_string(),
            "SESSION_ESCROW" => self.net.escrow.to_string(),
            "CHANNELS_DIR" => self.channels.path(),
            "MPP_REALM" => "shop.local".to_owned(),
            "MPP_SECRET_KEY" => self.secret.clone(),
            _ => return None,
        })
    }
}

/// Where settings come from.
pub(crate) enum Settings {
    Environment,
    Test(Box<TestMoney>),
}

impl Settings {
    /// The environment, if it has all of these; test money, if it has none. A shop that has lost
    /// some of its settings on the way does not sell for test money.
    pub(crate) async fn choose(example: &str, names: &[&str]) -> Result<Self, Failure> {
        let missing: Vec<_> = names
            .iter()
            .filter(|name| environment(name).is_none())
            .collect();
        match missing.first() {
            None => Ok(Self::Environment),
            Some(_) if missing.len() == names.len() => Self::test(example).await,
            Some(name) => Err(Stop::setting(name, "is not set, and others are").into()),
        }
    }

    pub(crate) async fn test(example: &str) -> Result<Self, Failure> {
        Ok(Self::Test(Box::new(TestMoney::start(example).await?)))
    }

    pub(crate) fn find(&self, name: &str) -> Option<String> {
        match self {
            Self::Environment => environment(name),
            Self::Test(money) => money.find(name),
        }
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}
