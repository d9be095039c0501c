use alloy_primitives::{Address, U256};
use devnet::Devnet;
use payment_core::Units;

use crate::Failure;

/// What some accounts hold of the devnet's token, to show what has moved.
#[derive(Debug)]
pub struct Purses<'n> {
    net: &'n Devnet,
    purses: Vec<Purse>,
}

#[derive(Debug)]
struct Purse {
    name: &'static str,
    account: Address,
    held: i128,
}

impl<'n> Purses<'n> {
    /// Looks into the purses of these accounts.
    ///
    /// # Errors
    ///
    /// When there is more in one than can be counted.
    pub fn open(
        net: &'n Devnet,
        accounts: impl IntoIterator<Item = (&'static str, Address)>,
    ) -> Result<Self, Failure> {
        let mut purses = Vec::new();
        for (name, account) in accounts {
            let held = held(net, account)?;
            purses.push(Purse {
                name,
                account,
                held,
            });
        }
        Ok(Self { net, purses })
    }

    /// Looks again, and prints what each has gained or lost since the last look.
    ///
    /// # Errors
    ///
    /// Unless it is what was due, in base units and in the order of the accounts.
    pub fn moved<const N: usize>(&mut self, due: [i128; N]) -> Result<(), Failure> {
        let mut moved = Vec::with_capacity(N);
        for purse in &mut self.purses {
            let now = held(self.net, purse.account)?;
            let change = now.checked_sub(purse.held).ok_or("too much moved")?;
            purse.held = now;
            moved.push((purse.name, change));
        }
        let said: Vec<_> = moved
            .iter()
            .map(|(name, change)| format!("{name} {}", signed(*change)))
            .collect();
        println!("    on chain: {} USDC", said.join(", "));
        if moved.iter().map(|(_, change)| *change).eq(due) {
            Ok(())
        } else {
            Err(format!("this does NOT add up, base units due: {due:?}").into())
        }
    }
}

fn held(net: &Devnet, account: Address) -> Result<i128, Failure> {
    Ok(net
        .chain
        .balance_of(net.token.address, account)
        .try_into()?)
}

/// In USDC.
fn signed(units: i128) -> String {
    let sign = match units {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    let size = Units::new(U256::from(units.unsigned_abs()));
    format!("{sign}{}", size.display(6))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_was_not_due_is_an_error() {
        let net = Devnet::builder().build().unwrap();
        let buyer = &net.buyers[0];
        let accounts = [("buyer", buyer.address), ("seller", net.seller.address)];
        let mut purses = Purses::open(&net, accounts).unwrap();
        let mut pay = |due| {
            let (to, units) = (net.seller.address, U256::from(10_000));
            let token = net.token.address;
            net.chain.transfer(token, buyer, to, units).unwrap();
            purses.moved(due)
        };
        assert!(pay([-10_000, 10_000]).is_ok());
        assert!(pay([-20_000, 20_000]).is_err());
        assert!(pay([-10_000, 10_001]).is_err());
    }

    #[test]
    fn amounts_are_shown_with_their_sign() {
        assert_eq!(signed(-10_000), "-0.01");
        assert_eq!(signed(1_500_000), "+1.5");
        assert_eq!(signed(0), "0");
    }
}
