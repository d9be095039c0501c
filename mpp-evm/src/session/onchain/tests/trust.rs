//! Contracts that sessions can't rely on.

use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::SolCall;
use devnet::{Fault, Rpc};
use payment_evm::Settler;

use super::super::super::scene::{Scene, connect, quick, signer};
use super::super::calls::IEscrow;
use super::super::{EscrowError, OnchainEscrow};
use crate::session::{ChannelId, Escrow, Opening, escrow_domain};

const PLACE: Address = Address::repeat_byte(0xee);

/// Code that answers each of these functions with a word, and any other with eight of zero.
fn answering(answers: &[([u8; 4], B256)]) -> Bytes {
    let mut code = Vec::new();
    for (selector, word) in answers {
        // calldata[0..4] == selector? else on to the next
        code.extend([0x5f, 0x35, 0x60, 0xe0, 0x1c, 0x63]);
        code.extend(selector);
        let next = u16::try_from(code.len() + 6 + 33 + 6).unwrap();
        code.extend([0x14, 0x15, 0x61]);
        code.extend(next.to_be_bytes());
        code.push(0x57);
        // return word
        code.push(0x7f);
        code.extend(word.as_slice());
        code.extend([0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]);
        assert_eq!(code.len(), usize::from(next));
        code.push(0x5b);
    }
    code.extend([0x61, 0x01, 0x00, 0x5f, 0xf3]);
    code.into()
}

fn grace(seconds: u64) -> ([u8; 4], B256) {
    let word = B256::left_padding_from(&seconds.to_be_bytes());
    (IEscrow::CLOSE_GRACE_PERIODCall::SELECTOR, word)
}

async fn connected(scene: &Scene, code: Bytes) -> Result<OnchainEscrow, EscrowError> {
    scene.net.chain.place_code(PLACE, code);
    let key = signer(&scene.net.seller);
    let settler = Settler::connect(&scene.net.rpc_url, key, quick()).await;
    OnchainEscrow::connect(settler.unwrap(), PLACE).await
}

#[tokio::test]
async fn t67_an_escrow_that_grants_less_than_ten_minutes_is_not_used() {
    let scene = Scene::new().await;
    let chain_id = scene.net.chain.chain_id();
    let domain = escrow_domain(chain_id, PLACE).separator();
    let sample = Opening {
        payer: Address::repeat_byte(1),
        payee: Address::repeat_byte(2),
        token: Address::repeat_byte(3),
        salt: B256::repeat_byte(4),
        authorized_signer: Address::repeat_byte(5),
        escrow: PLACE,
        chain_id,
    };
    let separator = (IEscrow::domainSeparatorCall::SELECTOR, domain);
    let name = (IEscrow::computeChannelIdCall::SELECTOR, sample.id().word());
    let good = connected(&scene, answering(&[grace(600), separator, name])).await;
    assert!(good.is_ok(), "{good:?}");

    let short = connected(&scene, answering(&[grace(599), separator, name])).await;
    assert!(
        matches!(short, Err(EscrowError::ShortGrace { .. })),
        "{short:?}"
    );
    let other = (separator.0, B256::repeat_byte(1));
    let other = connected(&scene, answering(&[grace(600), other, name])).await;
    assert!(matches!(other, Err(EscrowError::OtherDomain)), "{other:?}");
    let other = (name.0, B256::repeat_byte(1));
    let other = connected(&scene, answering(&[grace(600), separator, other])).await;
    assert!(matches!(other, Err(EscrowError::OtherNames)), "{other:?}");
}

#[tokio::test]
async fn what_is_no_escrow_is_not_used() {
    let scene = Scene::new().await;
    let none = connected(&scene, Bytes::new()).await;
    assert!(
        matches!(none, Err(EscrowError::NoContract(PLACE))),
        "{none:?}"
    );
    let token = scene.net.chain.code_at(scene.token.address);
    let token = connected(&scene, token).await;
    assert!(matches!(token, Err(EscrowError::Interface)), "{token:?}");
    // Answers nothing to everything.
    let nothing = connected(&scene, Bytes::from_static(&[0])).await;
    assert!(
        matches!(nothing, Err(EscrowError::Interface)),
        "{nothing:?}"
    );
    // Our own, at another place, is another domain to the vouchers and still right in itself.
    let moved = scene.net.chain.code_at(scene.net.escrow);
    assert!(connected(&scene, moved).await.is_ok());
}

#[tokio::test]
async fn a_node_that_does_not_answer_tells_nothing_of_the_contract() {
    let mut scene = Scene::new().await;
    let escrow = connect(&scene.net, &scene.net.seller, &scene.clock).await;
    let id = scene.open(1);
    scene
        .net
        .rpc
        .fail_next_calling("eth_call", 1, Fault::Http500);
    assert_eq!(
        escrow.state(id).await.unwrap_err().code(),
        "chain_unavailable"
    );
    assert!(escrow.state(id).await.unwrap().is_some());
    assert_eq!(
        escrow.state(ChannelId::new(B256::ZERO)).await.unwrap(),
        None
    );
    scene.net.rpc = Rpc::default();
    let settler = escrow.settler.clone();
    let dead = OnchainEscrow::connect(settler, scene.net.escrow).await;
    assert!(matches!(dead, Err(EscrowError::Unavailable(_))), "{dead:?}");
}
