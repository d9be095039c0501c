//! A buyer who asks two questions out of one channel, and closes it.

use payment_client::{Buyer, Session, SessionBudget, SpendLimit};
use payment_core::{Network, usd};
use payment_evm::LocalSigner;
use stage::{Failure, Purses, Stage};

use crate::{DEPOSIT, TOKEN};

/// Tokens that are promised beyond those that came: fewer vouchers, and more to lose.
const AHEAD: u64 = 8;

pub(crate) async fn take(stage: &Stage, shop: &str) -> Result<(), Failure> {
    let net = stage.devnet()?;
    let wallet = net.buyers.first().ok_or("there is no buyer")?;
    let accounts = [
        ("buyer", wallet.address),
        ("seller", net.seller.address),
        ("escrow", net.escrow),
    ];
    let mut purses = Purses::open(net, accounts)?;
    let chain = net.chain.chain_id();
    let buyer = Buyer::builder(LocalSigner::from_hex(&wallet.key.to_string())?)
        .spend_limit(SpendLimit::per_payment(usd!("0.01")).total(usd!("0.05")))
        .network(Network::eip155(chain))
        .build()?;
    let mut session = buyer
        .session(SessionBudget::deposit(DEPOSIT).total(usd!("0.01")))
        .escrow(chain, net.escrow)
        .start()?;

    let chat = format!("{shop}/chat");
    let first = "Hello?";
    println!("POST /chat {first:?}");
    stage::unpaid(stage::http()?.post(&chat).body(first)).await?;
    let greeted = ask(&mut session, &chat, first, 0).await?;
    purses.moved([-2_000, 0, 2_000])?;

    let second = "What is a payment channel?";
    println!("POST /chat {second:?}");
    let tokens = ask(&mut session, &chat, second, greeted).await?;
    purses.moved([-4_000, 0, 4_000])?;

    let closed = session.close().await?.ok_or("there was no channel")?;
    if closed.dispute().is_some() {
        return Err("seller and buyer disagree".into());
    }
    println!(
        "closed: {tokens} tokens at ${TOKEN} are ${}",
        closed.spent()
    );
    println!("    ${} come back", closed.refunded());
    let spent = i128::from(tokens).checked_mul(100).ok_or("too much")?;
    purses.moved([6_000 - spent, spent, -6_000])
}

/// Asks, reads and pays; how many tokens there were by now.
async fn ask(
    session: &mut Session<LocalSigner>,
    chat: &str,
    question: &'static str,
    before: u64,
) -> Result<u64, Failure> {
    let call = session.post(chat).body(question);
    let mut answer = call.ahead(AHEAD).stream().await?;
    let mut last = answer.usage();
    println!("    channel {}", last.standing().channel);
    println!(
        "    deposit ${}, voucher for ${}",
        last.deposited(),
        last.promised()
    );
    let mut tokens: Vec<String> = Vec::new();
    while let Some(token) = answer.next().await? {
        // What had to be promised before this token came.
        let usage = answer.usage();
        if usage.standing().promised > last.standing().promised {
            println!("        {}", tokens.join(" "));
            tokens.clear();
            if usage.standing().deposit > last.standing().deposit {
                println!(
                    "    nothing is left: the deposit is raised to ${}",
                    usage.deposited()
                );
            }
            println!("    voucher for ${}", usage.promised());
            last = usage;
        }
        tokens.push(token.data);
    }
    println!("        {}", tokens.join(" "));
    let usage = answer.usage();
    let (count, all) = (answer.units(), answer.units().saturating_add(before));
    println!(
        "    {count} tokens at ${TOKEN}; spent ${} by now",
        usage.spent()
    );
    let counted = usage.receipt().and_then(|receipt| receipt.units);
    match counted == Some(all) && usage.dispute().is_none() {
        true => Ok(all),
        false => Err("seller and buyer count differently".into()),
    }
}
