// Buying, as it goes wrong: nothing is paid twice, and the page says what happened.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";

const paid = (request) => "payment-signature" in request.headers();

export const cases = {
  async "a refusal in the wallet is said, and asked again"(open) {
    const stage = await open();
    await stage.go("/weather");
    for (const method of ["eth_requestAccounts", "eth_signTypedData_v4"]) {
      stage.wallet.next.set(method, "refuse");
      await stage.pay.click();
      await stage.says("You refused in your wallet. Nothing was paid.");
    }
    await stage.moved({ signed: 0, sent: 0, got: [0, 0] });
    await stage.pay.click();
    await stage.delivered(/sunny/);
    await stage.moved({ signed: 1, sent: 1, got: [10_000, 0] });
    return stage;
  },

  async "a wallet that stays on another network signs nothing"(open) {
    const stage = await open({ wallet: { chainId: 1 } });
    await stage.go("/weather");
    stage.wallet.next.set("wallet_switchEthereumChain", 4902);
    await stage.pay.click();
    await stage.says("Your wallet is not on Base Sepolia");
    stage.wallet.next.set("wallet_switchEthereumChain", "refuse");
    await stage.pay.click();
    await stage.says("You refused in your wallet");
    await stage.moved({ signed: 0, sent: 0, got: [0, 0] });
    return stage;
  },

  async "a wallet that answers nonsense or not at all sends nothing"(open) {
    const stage = await open();
    await stage.go("/weather");
    stage.wallet.spell = () => "0xnonsense";
    await stage.pay.click();
    await stage.says("Your wallet could not sign");
    stage.wallet.next.set("eth_requestAccounts", -32002);
    await stage.pay.click();
    await stage.says("Your wallet is waiting for an answer");
    stage.wallet.account = { ...stage.wallet.account, address: "<b>0x</b>" };
    await stage.pay.click();
    await stage.says("Your wallet named no account");
    assert.deepEqual(stage.payments, []);
    assert.deepEqual(await stage.got(), [0, 0]);
    return stage;
  },

  async "a signature that comes after its time is not sent"(open) {
    const stage = await open();
    await stage.page.clock.install();
    await stage.go("/weather");
    stage.wallet.next.set("eth_signTypedData_v4", () => stage.page.clock.fastForward(301_000));
    await stage.pay.click();
    await stage.says("The signature came too late");
    await stage.moved({ signed: 1, sent: 0, got: [0, 0] });
    assert.ok(await stage.pay.isVisible());
    return stage;
  },

  async "a request that is lost is repeated with the same signature"(open) {
    const stage = await open();
    await stage.go("/weather");
    let lost = 2;
    await stage.page.route("**/weather", (route) =>
      paid(route.request()) && lost-- > 0 ? route.abort() : route.continue());
    await stage.pay.click();
    await stage.says("The answer did not arrive");
    assert.ok(await stage.pay.isHidden(), "nothing new can be signed");
    assert.ok(await stage.again.isHidden(), "nothing new can be signed");
    assert.equal(await stage.page.evaluate(() => document.activeElement.id), "retry");
    await stage.retry.click();
    await stage.says("The answer did not arrive");
    await stage.retry.dblclick();
    await stage.delivered(/sunny/);
    await stage.moved({ signed: 1, sent: 3, got: [10_000, 0] });
    return stage;
  },

  async "a payment outlives a reload"(open) {
    const stage = await open();
    await stage.go("/weather?a=b");
    await stage.page.route("**/weather*", (route) => (paid(route.request()) ? route.abort() : route.continue()));
    await stage.pay.click();
    await stage.says("The answer did not arrive");
    await stage.page.unrouteAll();
    await stage.page.reload();
    await stage.says("You have signed a payment for this");
    assert.ok(await stage.pay.isHidden());
    // Of another address nothing is kept.
    await stage.go("/weather?a=c");
    assert.ok(await stage.pay.isVisible());
    await stage.go("/weather?a=b");
    await stage.retry.click();
    await stage.delivered(/sunny/);
    await stage.moved({ signed: 1, sent: 2, got: [10_000, 0] });
    await stage.page.reload();
    assert.ok(await stage.pay.isVisible());
    return stage;
  },

  async "an answer that is lost costs nothing again"(open) {
    const stage = await open();
    await stage.go("/weather");
    let lost = 1;
    await stage.page.route("**/weather", async (route) => {
      if (!paid(route.request()) || lost-- <= 0) return route.continue();
      await route.fetch();
      return route.abort();
    });
    await stage.pay.click();
    await stage.says("The answer did not arrive");
    assert.deepEqual(await stage.got(), [10_000, 0]);
    await stage.retry.click();
    await stage.says("This payment was used: ");
    assert.ok(await stage.pay.isHidden());
    await stage.moved({ signed: 1, sent: 2, got: [10_000, 0] });
    return stage;
  },

  async "an outcome that is not known is followed up, not paid again"(open) {
    const stage = await open();
    await stage.page.clock.install();
    await stage.go("/weather");
    await stage.shop.node("silent");
    await stage.pay.click();
    await stage.says("It is not known yet whether the payment went through");
    // Retry-After: the button waits as long.
    assert.match(await stage.retry.innerText(), /Try again in \d+ s/);
    assert.equal(await stage.retry.getAttribute("aria-disabled"), "true");
    await stage.retry.dispatchEvent("click");
    assert.equal(stage.payments.length, 1, "not before its time");
    await stage.shop.node("well");
    await stage.page.clock.runFor(3000);
    assert.equal(await stage.retry.innerText(), "Try again");
    await stage.retry.click();
    await stage.delivered(/sunny/);
    await stage.moved({ signed: 1, sent: 2, got: [10_000, 0] });
    return stage;
  },

  async "paid and not delivered is told apart"(open) {
    const stage = await open();
    await stage.go("/broken");
    await stage.pay.click();
    await stage.says("You have paid, but the answer was 500");
    await stage.retry.click();
    await stage.says("You have paid, but the answer was 500");
    await stage.moved({ signed: 1, sent: 2, got: [10_000, 0] });
    return stage;
  },

  async "a refused payment says why, and a new one waits until it has expired"(open) {
    const stage = await open();
    await stage.page.clock.install();
    await stage.go("/weather");
    // Somebody changes what was signed on its way.
    await stage.page.route("**/weather", (route) => {
      const header = route.request().headers()["payment-signature"];
      if (!header) return route.continue();
      const payment = JSON.parse(Buffer.from(header, "base64").toString());
      payment.payload.authorization.value = "10001";
      const changed = Buffer.from(JSON.stringify(payment)).toString("base64");
      return route.continue({ headers: { ...route.request().headers(), "payment-signature": changed } });
    });
    await stage.pay.click();
    await stage.says("the payment is not of the price (invalid_exact_evm_payload_authorization_value_mismatch)");
    const signed = () => JSON.parse(Buffer.from(stage.payments[0], "base64").toString());
    const seconds = Number(signed().accepted.maxTimeoutSeconds);
    await stage.page.clock.runFor((seconds - 2) * 1000);
    assert.ok(await stage.again.isHidden(), "it can still settle");
    assert.ok(await stage.pay.isHidden(), "it can still settle");
    await stage.page.clock.runFor(30_000);
    await stage.page.unrouteAll();
    assert.ok(await stage.again.isVisible());
    await stage.again.click();
    await stage.pay.waitFor();
    await stage.moved({ signed: 1, sent: 1, got: [0, 0] });
    return stage;
  },

  async "a payment that was refused after its end is let go"(open) {
    const stage = await open();
    await stage.page.clock.install();
    await stage.go("/weather");
    let answer = (route) => route.abort();
    await stage.page.route("**/weather", (route) => (paid(route.request()) ? answer(route) : route.continue()));
    await stage.pay.click();
    await stage.says("The answer did not arrive");
    await stage.page.clock.fastForward(320_000);
    await stage.again.waitFor();
    answer = (route) => route.fulfill({ status: 402, json: { code: "too_late", detail: "it <i>expired</i>" } });
    await stage.retry.click();
    await stage.says("not accepted: it <i>expired</i> (too_late). It has expired");
    assert.ok(await stage.pay.isVisible());
    assert.equal(await stage.page.evaluate(() => sessionStorage.length), 0);
    await stage.moved({ signed: 1, sent: 2, got: [0, 0] });
    return stage;
  },

  async "an answer of another kind keeps the payment, and Retry-After may be a date"(open) {
    const stage = await open();
    await stage.page.clock.install();
    await stage.go("/weather");
    const time = await stage.page.evaluate(() => new Date(Date.now() + 60_000).toUTCString());
    const answers = [
      { status: 404, json: { detail: "nothing here", code: "gone" } },
      { status: 429, headers: { "retry-after": time }, body: "<h1>slowly</h1>" },
    ];
    await stage.page.route("**/weather", (route) =>
      paid(route.request()) && answers.length ? route.fulfill(answers.shift()) : route.continue());
    await stage.pay.click();
    await stage.says("The answer was 404 Not Found: nothing here (gone). You can send the same payment again");
    await stage.retry.click();
    await stage.says("It is not known yet whether the payment went through (429 Too Many Requests)");
    assert.match(await stage.retry.innerText(), /Try again in (59|60) s/);
    await stage.page.clock.runFor(61_000);
    await stage.retry.click();
    await stage.delivered(/sunny/);
    await stage.moved({ signed: 1, sent: 3, got: [10_000, 0] });
    return stage;
  },

  async "an answer that is cut off keeps the payment"(open) {
    const stage = await open();
    const receipt = Buffer.from(JSON.stringify({ success: true, transaction: "0x1" })).toString("base64");
    const server = createServer((_, response) => {
      response.writeHead(200, { "content-length": 99, "payment-response": receipt });
      response.write("half", () => response.destroy());
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    await stage.go("/weather");
    let cut = 1;
    await stage.page.route("**/weather", (route) =>
      paid(route.request()) && cut-- > 0
        ? route.continue({ url: `http://127.0.0.1:${server.address().port}/` })
        : route.continue());
    await stage.pay.click();
    await stage.says("You have paid, but the answer was cut off");
    await stage.retry.click();
    await stage.delivered(/sunny/);
    await stage.moved({ signed: 1, sent: 2, got: [10_000, 0] });
    server.close();
    return stage;
  },

  async "a clock that is wrong signs what the seller takes"(open) {
    const stage = await open();
    await stage.page.clock.install({ time: new Date("2020-01-01T00:00:00Z") });
    await stage.go("/weather");
    await stage.pay.click();
    await stage.delivered(/sunny/);
    await stage.moved({ signed: 1, sent: 1, got: [10_000, 0] });
    return stage;
  },

  async "hostile texts stay texts"(open) {
    const stage = await open();
    await stage.go("/hostile/%3Cscript%3Ealert(1)%3C/script%3E'%22?%3Cimg%20src=x%20onerror=alert(2)%3E=\"'><b>");
    assert.equal(await stage.page.locator("script").count(), 3);
    assert.equal(await stage.page.locator("main img").count(), 1, "the logo");
    assert.match(await stage.page.locator("main").innerText(), /<img src=x onerror=alert\(1\)><\/script><script>/);
    await stage.pay.click();
    await stage.delivered(/sunny/);
    await stage.moved({ signed: 1, sent: 1, got: [10_000, 0] });
    return stage;
  },

  async "without a wallet or a way for one the lines for programs are shown"(open) {
    const stage = await open({ wallet: "none" });
    await stage.go("/weather");
    assert.ok(await stage.page.getByText("No wallet was found").isVisible());
    assert.ok(await stage.pay.isHidden());
    await stage.go("/mpp");
    assert.ok(await stage.page.getByText("can't pay this").isVisible());
    assert.ok(await stage.page.locator("#line-pay").isVisible());
    assert.match(await stage.page.locator("main").innerText(), /Pay from a program/);
    return stage;
  },

  async "without JavaScript the lines for programs are shown"(open) {
    const stage = await open({ wallet: "none", context: { javaScriptEnabled: false } });
    await stage.go("/weather");
    assert.ok(await stage.page.getByText("needs JavaScript").isVisible());
    assert.ok(await stage.page.locator("#pay").isHidden());
    assert.match(await stage.page.locator("#line-curl").innerText(), /^curl -i 'http.*\/weather'$/);
    return stage;
  },
};
