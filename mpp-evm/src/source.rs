use alloy_primitives::Address;
use payment_evm::wire;

use crate::Due;
use crate::mismatch::Mismatch;

/// Who a credential says has paid: `did:pkh:eip155:<chain id>:<address>`. A claim until a
/// signature or a transfer proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) chain_id: u64,
    pub(crate) address: Address,
}

impl Source {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (chain_id, account) = text.strip_prefix("did:pkh:eip155:")?.split_once(':')?;
        let canonical = !chain_id.starts_with('0') && chain_id.bytes().all(|b| b.is_ascii_digit());
        if !canonical {
            return None;
        }
        Some(Self {
            chain_id: chain_id.parse().ok()?,
            address: wire::address::parse(account).ok()?,
        })
    }

    /// Whether it names this payer on the chain of what is due.
    pub(crate) fn is(self, due: &Due, payer: Address) -> Result<(), Mismatch> {
        if self.chain_id == due.token.chain_id && self.address == payer {
            Ok(())
        } else {
            Err(Mismatch::OtherSource)
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "did:pkh:eip155:{}:{}",
            self.chain_id,
            self.address.to_checksum(None)
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_spelling_of_the_chain_any_case_of_the_address() {
        let text = "did:pkh:eip155:8453:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        let source = Source::parse(text).unwrap();
        assert_eq!(source.chain_id, 8453);
        assert_eq!(source.to_string(), text);
        let lower = text.replace(
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266",
        );
        assert_eq!(Source::parse(&lower), Some(source));
        for bad in [
            "",
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "did:pkh:eip155:08453:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "did:pkh:eip155:+8453:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "did:pkh:eip155::0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "did:pkh:eip155:99999999999999999999:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "did:pkh:eip155:8453:f39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "did:pkh:eip155:8453:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb922",
            "did:pkh:eip155:8453:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266#x",
            "did:pkh:solana:8453:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        ] {
            assert_eq!(Source::parse(bad), None, "{bad:?}");
        }
    }
}
