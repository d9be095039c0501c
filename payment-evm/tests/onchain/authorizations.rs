use alloy_primitives::{Address, B256, U256};
use payment_evm::{CallFault, ChainFault, SendFault};

use crate::scene::Scene;

#[tokio::test]
async fn an_authorization_pays_and_the_receipt_says_so() {
    let scene = Scene::new().await;
    let (token, settler) = (scene.token(), &scene.settler);
    let (authorization, signature) = scene.authorization(10_000, 1);
    let (from, to, value) = (authorization.from, authorization.to, authorization.value);
    settler
        .simulate_transfer_with_authorization(token, &authorization, &signature)
        .await
        .unwrap();
    assert_eq!(scene.paid(), U256::ZERO);
    assert!(
        !settler
            .authorization_used(token, from, authorization.nonce)
            .await
            .unwrap()
    );

    let mined = settler
        .transfer_with_authorization(token, &authorization, &signature)
        .await
        .unwrap();
    assert_eq!(scene.paid(), value);
    assert_eq!(settler.balance_of(token, to).await.unwrap(), value);
    assert!(
        settler
            .authorization_used(token, from, authorization.nonce)
            .await
            .unwrap()
    );
    assert!(mined.success);
    assert_eq!(mined.sender, settler.address());
    assert!(mined.transfer(token, from, to, value).is_some());
    assert!(mined.transfer(token, from, to, U256::from(9_999)).is_none());
    assert!(mined.transfer(to, from, to, value).is_none());
    let found = settler.mined(mined.hash).await.unwrap().unwrap();
    assert_eq!(
        found.transfer(token, from, to, value),
        mined.transfer(token, from, to, value)
    );
    let made = settler.block_time(mined.block_number).await.unwrap();
    assert!(made.seconds() <= scene.net.chain.now());
}

#[tokio::test]
async fn a_replay_is_refused_and_not_sent() {
    let scene = Scene::new().await;
    let (authorization, signature) = scene.authorization(10_000, 1);
    let pay = || {
        scene
            .settler
            .transfer_with_authorization(scene.token(), &authorization, &signature)
    };
    pay().await.unwrap();
    let height = scene.net.chain.height();
    let again = pay().await.unwrap_err();
    assert!(
        matches!(again, SendFault::NotSent(ChainFault::Reverted { .. })),
        "{again:?}"
    );
    assert_eq!(scene.net.chain.height(), height);
    assert_eq!(scene.paid(), U256::from(10_000));
    let simulated = scene.settler.simulate_transfer_with_authorization(
        scene.token(),
        &authorization,
        &signature,
    );
    assert!(matches!(simulated.await, Err(CallFault::Reverted(_))));
}

#[tokio::test]
async fn two_at_once_with_one_nonce_pay_once() {
    let scene = Scene::new().await;
    scene.net.chain.pause_mining(true);
    let (authorization, signature) = scene.authorization(10_000, 1);
    let pay = || {
        scene
            .settler
            .transfer_with_authorization(scene.token(), &authorization, &signature)
    };
    let mine = async {
        scene.wait_for(2).await;
        scene.net.chain.mine();
    };
    let (one, two, ()) = tokio::join!(pay(), pay(), mine);
    let failed = [one, two]
        .into_iter()
        .filter_map(Result::err)
        .collect::<Vec<_>>();
    assert!(
        matches!(failed[..], [SendFault::Reverted { .. }]),
        "{failed:?}"
    );
    assert_eq!(scene.paid(), U256::from(10_000));
    let SendFault::Reverted { hash } = failed[0] else {
        unreachable!()
    };
    let found = scene.settler.mined(hash).await.unwrap().unwrap();
    assert!(!found.success);
    assert_eq!(found.transfers(scene.token()).count(), 0);
}

#[tokio::test]
async fn an_address_without_a_contract_is_never_called() {
    let scene = Scene::new().await;
    let (authorization, signature) = scene.authorization(10_000, 1);
    let nowhere = Address::repeat_byte(0x77);
    let (settler, height) = (&scene.settler, scene.net.chain.height());
    let sent = settler
        .transfer_with_authorization(nowhere, &authorization, &signature)
        .await;
    assert!(
        matches!(sent, Err(SendFault::NotSent(ChainFault::NoContract { .. }))),
        "{sent:?}"
    );
    let simulated = settler
        .simulate_transfer_with_authorization(nowhere, &authorization, &signature)
        .await;
    assert!(matches!(
        simulated,
        Err(CallFault::Unavailable(ChainFault::NoContract { .. }))
    ));
    assert_eq!(scene.net.chain.height(), height);
    assert!(settler.code_at(nowhere).await.unwrap().is_empty());
    assert!(
        settler
            .balance_of(nowhere, settler.address())
            .await
            .is_err()
    );
    assert!(
        settler
            .authorization_used(nowhere, nowhere, B256::ZERO)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_wrong_signature_is_refused_before_sending() {
    let scene = Scene::new().await;
    let (mut authorization, signature) = scene.authorization(10_000, 1);
    authorization.value = U256::from(20_000);
    let sent = scene
        .settler
        .transfer_with_authorization(scene.token(), &authorization, &signature)
        .await;
    assert!(
        matches!(sent, Err(SendFault::NotSent(ChainFault::Reverted { .. }))),
        "{sent:?}"
    );
}
