// A tab with a wallet, watched: what is said to its console, what it may not do, where it goes.
import assert from "node:assert/strict";
import { Wallet, inject } from "./wallet.mjs";

export class Stage {
  trouble = [];
  payments = [];

  static async open({ browser, shop }, { wallet = {}, context = {}, names } = {}) {
    const stage = new Stage();
    stage.shop = shop;
    stage.wallet = new Wallet(shop.key, wallet.chainId ?? shop.chainId);
    stage.context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"], ...context });
    if (wallet !== "none") await inject(stage.context, stage.wallet, names);
    stage.page = await stage.context.newPage();
    stage.watch();
    stage.before = await shop.balances();
    return stage;
  }

  watch() {
    const { page } = this;
    page.setDefaultTimeout(15_000);
    page.on("dialog", (dialog) => {
      this.trouble.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("pageerror", (error) => this.trouble.push(`error: ${error}`));
    page.on("console", (message) => {
      // Chromium writes a line for every answer of 4xx and 5xx, and for what a case cuts off.
      const told = /^Failed to load resource: (the server responded with|net::ERR_(FAILED|CONTENT_LENGTH))/;
      const loud = ["error", "warning"].includes(message.type());
      if (loud && !told.test(message.text())) this.trouble.push(`console: ${message.text()}`);
    });
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.origin !== this.shop.url && !["data:", "blob:", "about:"].includes(url.protocol)) {
        this.trouble.push(`foreign: ${url}`);
      }
      const payment = request.headers()["payment-signature"];
      if (payment) this.payments.push(payment);
    });
  }

  async go(path) {
    const answer = await this.page.goto(this.shop.url + path);
    assert.equal(answer.status(), 402);
    return answer;
  }

  get pay() {
    return this.page.locator("#go");
  }
  get retry() {
    return this.page.locator("#retry");
  }
  get again() {
    return this.page.locator("#again");
  }

  // Waits until the page says this.
  async says(text) {
    await this.page.locator("#status", { hasText: text }).waitFor();
  }

  async delivered(text) {
    await this.page.locator("#answer").waitFor();
    if (text) assert.match(await this.page.locator("#content").innerText(), text);
    assert.match(await this.page.locator("#transaction").innerText(), /^0x[0-9a-f]{64}$/);
  }

  // What the seller got since the tab was opened, of each token.
  async got() {
    const now = await this.shop.balances();
    return now.map((balance, index) => Number(balance - this.before[index]));
  }

  // So many payments were asked of the wallet, they all reached the shop as they were signed, and
  // this much moved on chain.
  async moved({ signed, sent, got }) {
    assert.equal(this.wallet.signatures.length, signed, "signatures");
    assert.equal(this.payments.length, sent, "requests with a payment");
    assert.ok(new Set(this.payments).size <= signed, "a payment is sent again as it was");
    assert.deepEqual(await this.got(), got, "what moved on chain");
  }

  async close() {
    await this.context.close();
    assert.deepEqual(this.trouble, []);
  }
}
