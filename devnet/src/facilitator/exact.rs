use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use serde_json::{Value, json};

use crate::token::ITollToken;
use crate::{CallError, Chain, Wallet};

/// A payment by EIP-3009, as a request has it.
struct Payment<'a> {
    asset: Address,
    network: &'a str,
    pay_to: Address,
    amount: U256,
    equal: bool,
    from: Address,
    call: ITollToken::transferWithAuthorization_1Call,
}

/// Whether the payment would settle now.
pub(crate) fn verify(chain: &Chain, settler: &Wallet, body: &Value) -> Value {
    let payment = match read(chain, body) {
        Ok(payment) => payment,
        Err(reason) => return json!({"isValid": false, "invalidReason": reason}),
    };
    let payer = payment.from.to_checksum(None);
    match refusal(chain, settler, &payment) {
        Some(reason) => json!({"isValid": false, "invalidReason": reason, "payer": payer}),
        None => json!({"isValid": true, "payer": payer}),
    }
}

/// Settles the payment on chain.
pub(crate) fn settle(chain: &Chain, settler: &Wallet, body: &Value) -> Value {
    let network = &body["paymentRequirements"]["network"];
    let no = |reason: &str| json!({"success": false, "errorReason": reason, "transaction": "", "network": network});
    let payment = match read(chain, body) {
        Ok(payment) => payment,
        Err(reason) => return no(reason),
    };
    if let Some(reason) = refusal(chain, settler, &payment) {
        return no(reason);
    }
    match chain.send(settler, payment.asset, payment.call.abi_encode()) {
        Ok(receipt) if receipt.status() => json!({
            "success": true,
            "transaction": receipt.transaction_hash,
            "network": payment.network,
            "payer": payment.from.to_checksum(None),
        }),
        Ok(_) => no("invalid_exact_evm_transaction_failed"),
        Err(_) => no("unexpected_settle_error"),
    }
}

fn refusal(chain: &Chain, settler: &Wallet, payment: &Payment<'_>) -> Option<&'static str> {
    if payment.call.to != payment.pay_to {
        return Some("invalid_exact_evm_recipient_mismatch");
    }
    let value = payment.call.value;
    if value < payment.amount || (payment.equal && value != payment.amount) {
        return Some("invalid_exact_evm_payload_authorization_value_mismatch");
    }
    let call = Bytes::from(payment.call.abi_encode());
    match chain.call_as(settler.address, payment.asset, call) {
        Ok(_) => None,
        Err(CallError::Reverted { .. }) => Some(diagnose(chain, payment)),
        Err(_) => Some("unexpected_verify_error"),
    }
}

fn diagnose(chain: &Chain, payment: &Payment<'_>) -> &'static str {
    let used = ITollToken::authorizationStateCall {
        authorizer: payment.from,
        nonce: payment.call.nonce,
    };
    if chain.read(payment.asset, &used).is_ok_and(|used| used) {
        return "invalid_exact_evm_nonce_already_used";
    }
    if chain.balance_of(payment.asset, payment.from) < payment.call.value {
        return "invalid_exact_evm_insufficient_balance";
    }
    let now = U256::from(chain.now());
    if now >= payment.call.validBefore {
        return "invalid_exact_evm_payload_authorization_valid_before";
    }
    if now <= payment.call.validAfter {
        return "invalid_exact_evm_payload_authorization_valid_after";
    }
    "invalid_exact_evm_signature"
}

fn read<'a>(chain: &Chain, body: &'a Value) -> Result<Payment<'a>, &'static str> {
    let wanted = &body["paymentRequirements"];
    let payload = &body["paymentPayload"]["payload"];
    let version = body["x402Version"].as_u64().ok_or("invalid_x402_version")?;
    let network = wanted["network"].as_str().ok_or("invalid_network")?;
    let ours = format!("eip155:{}", chain.chain_id());
    let known = match version {
        2 => network == ours,
        1 => network == "base-sepolia" && ours == "eip155:84532",
        _ => return Err("invalid_x402_version"),
    };
    if !known {
        return Err("invalid_network");
    }
    if wanted["scheme"] != "exact" {
        return Err("unsupported_scheme");
    }
    let amount = if version == 1 {
        "maxAmountRequired"
    } else {
        "amount"
    };
    let authorization = &payload["authorization"];
    let signature: Bytes = parsed(&payload["signature"])?;
    let signature: [u8; 65] = signature
        .as_ref()
        .try_into()
        .map_err(|_| "invalid_payload")?;
    let from = parsed(&authorization["from"])?;
    Ok(Payment {
        asset: parsed(&wanted["asset"])?,
        network,
        pay_to: parsed(&wanted["payTo"])?,
        amount: parsed(&wanted[amount])?,
        equal: version == 2,
        from,
        call: ITollToken::transferWithAuthorization_1Call {
            from,
            to: parsed(&authorization["to"])?,
            value: parsed(&authorization["value"])?,
            validAfter: parsed(&authorization["validAfter"])?,
            validBefore: parsed(&authorization["validBefore"])?,
            nonce: parsed::<B256>(&authorization["nonce"])?,
            signature: Bytes::copy_from_slice(&signature),
        },
    })
}

fn parsed<T: std::str::FromStr>(value: &Value) -> Result<T, &'static str> {
    let text = value.as_str().ok_or("invalid_payload")?;
    text.parse().map_err(|_| "invalid_payload")
}
