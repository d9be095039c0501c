//! Credentials, signed before anything is timed.

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use mpp_core::Challenge;
use mpp_evm::buyer::{Bill, Consent};
use mpp_evm::session::ChannelId;
use payment_core::{Clock, SystemClock, Units};
use payment_evm::LocalSigner;
use tollgate_benches::Failure;
use tollgate_benches::session::{Wallet, open_channel};
use x402_core::wire::{PAYMENT_REQUIRED, PAYMENT_SIGNATURE, decode, encode, v2};
use x402_evm::buyer;

use crate::asked::Credential;
use crate::shop::{Shop, Shops};

/// The most that is signed for, in base units.
const MOST: u64 = 20_000;
/// What one request costs.
const PRICE: u128 = 10_000;

/// Signed x402 payments, version 2, each with a nonce of its own.
pub(crate) async fn x402(shop: &Shop, count: usize) -> Result<Vec<Credential>, Failure> {
    let headers = shop.challenge()?;
    let header = headers.get(PAYMENT_REQUIRED).ok_or("no x402 offer")?;
    let required: v2::PaymentRequired = decode(header.as_bytes())?;
    let offer = required.accepts.first().ok_or("no x402 offer")?;
    let signer = LocalSigner::random()?;
    let mut payments = Vec::with_capacity(count);
    for _ in 0..count {
        let now = SystemClock.now();
        let payment = buyer::pay_v2(&required.resource, offer, &signer, now).await?;
        payments.push((PAYMENT_SIGNATURE, encode(&payment)?.try_into()?));
    }
    Ok(payments)
}

/// An x402 payment of somebody's that somebody else has signed.
pub(crate) async fn x402_of_another_signer(shop: &Shop) -> Result<Credential, Failure> {
    let [(_, mine), (_, theirs)] = [
        x402(shop, 1).await?.remove(0),
        x402(shop, 1).await?.remove(0),
    ];
    let [mut mine, theirs] = [
        decode::<serde_json::Value>(mine.as_bytes())?,
        decode::<serde_json::Value>(theirs.as_bytes())?,
    ];
    mine["payload"]["signature"] = theirs["payload"]["signature"].clone();
    Ok((PAYMENT_SIGNATURE, encode(&mine)?.try_into()?))
}

fn challenge(shop: &Shop) -> Result<Challenge, Failure> {
    let headers = shop.challenge()?;
    let header = headers.get(WWW_AUTHENTICATE).ok_or("no MPP challenge")?;
    Ok(Challenge::parse(header.to_str()?)?)
}

async fn charge(challenge: &Challenge, signer: &LocalSigner) -> Result<Credential, Failure> {
    let consent = Consent::up_to(Units::from(MOST), SystemClock.now());
    let value = Bill::read(challenge, &[])?
        .authorize(signer, consent)
        .await?;
    Ok((AUTHORIZATION, value))
}

/// Signed MPP charges, each over a challenge of its own that this shop has issued.
pub(crate) async fn mpp(shop: &Shop, count: usize) -> Result<Vec<Credential>, Failure> {
    let signer = LocalSigner::random()?;
    let mut charges = Vec::with_capacity(count);
    for _ in 0..count {
        charges.push(charge(&challenge(shop)?, &signer).await?);
    }
    Ok(charges)
}

/// Vouchers of one channel, each for one request more.
pub(crate) async fn vouchers(shops: &Shops, count: usize) -> Result<Vec<Credential>, Failure> {
    let wallet = Wallet::new(&shops.session.challenge()?)?;
    let id = ChannelId::new(payment_evm::random_word()?);
    let ledger = &shops.ledger;
    ledger.open(open_channel(id, wallet.address())?).await?;
    let voucher = |at: usize| Ok((AUTHORIZATION, wallet.voucher(id, PRICE * at as u128)?));
    (1..=count).map(voucher).collect()
}

/// A charge over a challenge that looks like one of this shop's, and is not.
pub(crate) async fn mpp_forged(shop: &Shop) -> Result<Credential, Failure> {
    let [mut forged, other] = [challenge(shop)?, challenge(shop)?];
    forged.id = other.id;
    charge(&forged, &LocalSigner::random()?).await
}

/// A charge over a challenge of this shop's that somebody else than its payer has signed.
pub(crate) async fn mpp_of_another_signer(shop: &Shop) -> Result<Credential, Failure> {
    let challenge = challenge(shop)?;
    let read = |(_, value): Credential| -> Result<serde_json::Value, Failure> {
        let token = value.as_bytes().strip_prefix(b"Payment ");
        let json = mpp_core::RawCredential::decode(token.ok_or("no token")?)?;
        Ok(serde_json::to_value(json.read()?)?)
    };
    let mine = charge(&challenge, &LocalSigner::random()?).await?;
    let theirs = charge(&challenge, &LocalSigner::random()?).await?;
    let (mut mine, theirs) = (read(mine)?["payload"].clone(), read(theirs)?);
    mine["signature"] = theirs["payload"]["signature"].clone();
    let value = mpp_core::buyer::answer(&challenge, None, &mine)?;
    Ok((AUTHORIZATION, value))
}
