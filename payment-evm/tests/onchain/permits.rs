use alloy_primitives::{Address, B256, U256};
use devnet::PERMIT2;
use payment_evm::permit2::{self, ChargePermit, Spelling, TokenPermissions, TransferDetails};
use payment_evm::{CallFault, ChainFault, EvmSignature, SendFault, SignedPermit};

use crate::scene::{Scene, approve, signer};

fn permit(scene: &Scene, amounts: &[u64], nonce: u64) -> (ChargePermit, Vec<TransferDetails>) {
    let token = scene.token();
    let permitted = amounts
        .iter()
        .map(|amount| TokenPermissions {
            token,
            amount: U256::from(*amount),
        })
        .collect();
    let payees = [scene.net.seller.address, Address::repeat_byte(0x55)];
    let transfers = payees
        .into_iter()
        .zip(amounts)
        .map(|(to, amount)| TransferDetails {
            to,
            requested_amount: U256::from(*amount),
        })
        .collect();
    let permit = ChargePermit {
        permitted,
        spender: scene.settler.address(),
        nonce: U256::from(nonce),
        deadline: U256::from(scene.net.chain.now() + 3600),
        challenge_hash: B256::repeat_byte(7),
        external_id: "order 7".to_owned(),
    };
    (permit, transfers)
}

fn sign(scene: &Scene, permit: &ChargePermit, spelling: Spelling) -> EvmSignature {
    let domain = permit2::domain(scene.settler.chain_id(), PERMIT2);
    signer(&scene.net.buyers[0])
        .sign(&permit.digest(&domain, spelling))
        .unwrap()
}

async fn scene() -> Scene {
    let scene = Scene::new().await;
    let buyer = &scene.net.buyers[0];
    scene
        .net
        .chain
        .send(buyer, scene.token(), approve(PERMIT2, 1_000_000))
        .unwrap();
    scene
}

#[tokio::test]
async fn permits_pay_single_and_batch_in_both_spellings() {
    let scene = scene().await;
    let (token, owner) = (scene.token(), scene.net.buyers[0].address);
    let allowed = scene
        .settler
        .allowance(token, owner, PERMIT2)
        .await
        .unwrap();
    assert_eq!(allowed, U256::from(1_000_000));
    let mut nonce = 0;
    for spelling in [Spelling::Canonical, Spelling::Spaced] {
        for amounts in [&[700][..], &[600, 50][..]] {
            nonce += 1;
            let (permit, transfers) = permit(&scene, amounts, nonce);
            let signature = sign(&scene, &permit, spelling);
            let (permit, transfers, signature) = (&permit, &transfers[..], &signature);
            let call = SignedPermit {
                permit,
                spelling,
                owner,
                transfers,
                signature,
            };
            scene
                .settler
                .simulate_permit_witness_transfer(PERMIT2, &call)
                .await
                .unwrap();
            let mined = scene
                .settler
                .permit_witness_transfer(PERMIT2, &call)
                .await
                .unwrap();
            for one in transfers {
                let found = mined.transfer(token, owner, one.to, one.requested_amount);
                assert!(found.is_some(), "{spelling:?} {one:?}");
            }
            assert_eq!(mined.transfers(token).count(), amounts.len());
        }
    }
    assert_eq!(scene.paid(), U256::from(2 * (700 + 600)));
}

#[tokio::test]
async fn a_permit_settles_only_in_the_spelling_it_was_signed_in() {
    let scene = scene().await;
    let owner = scene.net.buyers[0].address;
    let (permit, transfers) = permit(&scene, &[700], 1);
    let signature = sign(&scene, &permit, Spelling::Spaced);
    let (permit, transfers, signature) = (&permit, &transfers[..], &signature);
    let spelling = Spelling::Canonical;
    let call = SignedPermit {
        permit,
        spelling,
        owner,
        transfers,
        signature,
    };
    let simulated = scene
        .settler
        .simulate_permit_witness_transfer(PERMIT2, &call)
        .await;
    assert!(
        matches!(simulated, Err(CallFault::Reverted(_))),
        "{simulated:?}"
    );
    let sent = scene.settler.permit_witness_transfer(PERMIT2, &call).await;
    assert!(
        matches!(sent, Err(SendFault::NotSent(ChainFault::Reverted { .. }))),
        "{sent:?}"
    );
    assert_eq!(scene.paid(), U256::ZERO);
}

#[tokio::test]
async fn a_permit_for_another_spender_is_refused() {
    let scene = scene().await;
    let owner = scene.net.buyers[0].address;
    let (mut permit, transfers) = permit(&scene, &[700], 1);
    permit.spender = scene.net.seller.address;
    let spelling = Spelling::Canonical;
    let signature = sign(&scene, &permit, spelling);
    let (permit, transfers, signature) = (&permit, &transfers[..], &signature);
    let call = SignedPermit {
        permit,
        spelling,
        owner,
        transfers,
        signature,
    };
    let simulated = scene
        .settler
        .simulate_permit_witness_transfer(PERMIT2, &call)
        .await;
    assert!(
        matches!(simulated, Err(CallFault::Reverted(_))),
        "{simulated:?}"
    );
}

#[tokio::test]
async fn transfers_and_permissions_come_in_pairs() {
    let scene = scene().await;
    let owner = scene.net.buyers[0].address;
    let spelling = Spelling::Canonical;
    for (amounts, count) in [(&[700][..], 0), (&[600, 50][..], 1), (&[][..], 0)] {
        let (permit, transfers) = permit(&scene, amounts, 1);
        let signature = sign(&scene, &permit, spelling);
        let (permit, transfers, signature) = (&permit, &transfers[..count], &signature);
        let call = SignedPermit {
            permit,
            spelling,
            owner,
            transfers,
            signature,
        };
        let sent = scene.settler.permit_witness_transfer(PERMIT2, &call).await;
        assert!(
            matches!(sent, Err(SendFault::NotSent(ChainFault::Transfers))),
            "{sent:?}"
        );
    }
}
