use alloy_primitives::{Address, U256};
use mpp_evm::session::Escrow;
use payment_core::Units;
use serde_json::{Value, json};

use crate::Failure;
use crate::reading::Reading;
use crate::report::Report;
use crate::shop::{Shop, WORD};

/// How a balance has changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moved {
    In(U256),
    Out(U256),
}

impl Moved {
    fn between(before: U256, after: U256) -> Self {
        match after.checked_sub(before) {
            Some(gained) => Self::In(gained),
            None => Self::Out(before.saturating_sub(after)),
        }
    }
}

pub(crate) fn balances<const N: usize>(shop: &Shop, accounts: &[(&str, Address); N]) -> [U256; N] {
    accounts.map(|(_, account)| shop.net.chain.balance_of(shop.net.token.address, account))
}

/// What moved on chain; `false` when it is not what was due.
pub(crate) fn table<const N: usize>(
    shop: &Shop,
    accounts: &[(&str, Address); N],
    before: &[U256; N],
    due: &[Moved; N],
    report: &mut Report,
) -> bool {
    let after = balances(shop, accounts);
    let shown = |units: U256| Units::new(units).display(shop.token.decimals);
    let mut words = format!("What moved on chain, in {}:\n", shop.token.symbol);
    words += &format!(
        "      {:<16} {:>12} {:>12} {:>9}\n",
        "account", "before", "after", "moved"
    );
    let mut rows: Vec<Value> = Vec::new();
    let mut as_due = true;
    for (at, (name, account)) in accounts.iter().enumerate() {
        let (old, new) = (before[at], after[at]);
        let moved = Moved::between(old, new);
        as_due &= moved == due[at];
        let moved = match moved {
            Moved::In(U256::ZERO) => shown(U256::ZERO),
            Moved::In(units) => format!("+{}", shown(units)),
            Moved::Out(units) => format!("-{}", shown(units)),
        };
        words += &format!(
            "      {name:<16} {:>12} {:>12} {moved:>9}\n",
            shown(old),
            shown(new)
        );
        rows.push(json!({"account": account, "name": name, "before": old.to_string(), "after": new.to_string()}));
    }
    let total = |balances: &[U256; N]| {
        balances
            .iter()
            .fold(U256::ZERO, |sum, x| sum.saturating_add(*x))
    };
    words += &format!(
        "      {:<16} {:>12} {:>12}",
        "together",
        shown(total(before)),
        shown(total(&after))
    );
    report.step("balances", json!({"rows": rows}), &words);
    as_due && total(before) == total(&after)
}

/// The channel as buyer, seller and chain see it; `false` when they don't agree.
pub(crate) async fn channel(
    shop: &Shop,
    read: &Reading,
    report: &mut Report,
) -> Result<bool, Failure> {
    let word = u128::try_from(WORD.to_units(shop.token.decimals)?.get())?;
    let words = u128::try_from(read.text.len())?;
    let books = shop.desk.load(read.channel).await?;
    let chain = shop.desk.escrow().state(read.channel).await?;
    let chain = chain.ok_or("the escrow has no such channel")?;
    let refunded = chain.deposit.saturating_sub(chain.settled);
    let held = shop
        .net
        .chain
        .balance_of(shop.net.token.address, shop.net.escrow);

    let shown = |units: u128| Units::new(U256::from(units)).display(shop.token.decimals);
    let deposits: Vec<_> = read.deposits.iter().map(|part| shown(*part)).collect();
    report.step(
        "channel",
        json!({
            "deposits": read.deposits.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "deposited": chain.deposit.to_string(),
            "spent": books.spent().to_string(),
            "settled": chain.settled.to_string(),
            "refunded": refunded.to_string(),
            "escrow": held.to_string(),
            "closed": chain.finalized,
        }),
        &format!(
            "The channel, in {}:\n      \
             {:<16} {:>9}   {}, says the escrow\n      \
             {:<16} {:>9}   {words} words at {}, say the books of the shop\n      \
             {:<16} {:>9}   to the seller, says the escrow\n      \
             {:<16} {:>9}   to the buyer\n      \
             {:<16} {:>9}",
            shop.token.symbol,
            "deposited",
            shown(chain.deposit),
            deposits.join(" + "),
            "spent",
            shown(books.spent()),
            shown(word),
            "settled",
            shown(chain.settled),
            "refunded",
            shown(refunded),
            "left in escrow",
            Units::new(held).display(shop.token.decimals),
        ),
    );
    let due = words.checked_mul(word);
    let agreed = [read.spent, books.spent(), chain.settled];
    Ok(read.deposits.len() == 2
        && chain.deposit == read.deposits.iter().sum::<u128>()
        && agreed.iter().all(|spent| due == Some(*spent))
        && chain.finalized
        && held.is_zero())
}
