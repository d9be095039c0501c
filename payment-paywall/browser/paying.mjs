// Buying, as it goes well.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

export const cases = {
  async "a signature buys the answer, and the money moves"(open) {
    const stage = await open();
    const answer = await stage.go("/weather?days=7&unit=c");
    const headers = answer.headers();
    assert.match(headers["content-security-policy"], /default-src 'none'/);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.match(await stage.page.locator("h1").innerText(), /0\.01 USDC/);
    assert.match(await stage.page.locator(".badge").innerText(), /Test network/);
    assert.equal(await stage.pay.innerText(), "Pay 0.01 USDC");
    await stage.pay.click();
    await stage.delivered(/"weather":"sunny"/);
    assert.equal(await stage.page.evaluate(() => document.activeElement.id), "title");
    assert.equal(await stage.page.evaluate(() => sessionStorage.length), 0);
    await stage.moved({ signed: 1, sent: 1, got: [10_000, 0] });
    assert.equal(stage.wallet.count("wallet_switchEthereumChain"), 0);
    return stage;
  },

  async "a token with a name beyond ASCII is chosen and paid in"(open) {
    const stage = await open();
    await stage.go("/both");
    await stage.page.getByLabel("0.01 USD₮0").check();
    assert.equal(await stage.pay.innerText(), "Pay 0.01 USD₮0");
    await stage.pay.click();
    await stage.delivered(/sunny/);
    await stage.moved({ signed: 1, sent: 1, got: [0, 10_000] });
    return stage;
  },

  async "a double click signs once"(open) {
    const stage = await open();
    await stage.go("/weather");
    await stage.pay.dblclick();
    await stage.delivered(/sunny/);
    await stage.moved({ signed: 1, sent: 1, got: [10_000, 0] });
    assert.equal(stage.wallet.count("eth_requestAccounts"), 1);
    return stage;
  },

  async "what the page says is what is paid, though the price has moved"(open) {
    const stage = await open();
    await stage.go("/rising");
    assert.equal(await stage.pay.innerText(), "Pay 0.02 USDC");
    await stage.pay.click();
    await stage.delivered(/sunny/);
    await stage.moved({ signed: 1, sent: 1, got: [20_000, 0] });
    return stage;
  },

  async "the keyboard is enough"(open) {
    const stage = await open();
    await stage.go("/both");
    const { keyboard } = stage.page;
    const focused = () => stage.page.evaluate(() => {
      const { id, name, tagName } = document.activeElement;
      return id || name || tagName;
    });
    const seen = [];
    for (let step = 0; step < 12 && seen.at(-1) !== "go"; step++) {
      await keyboard.press("Tab");
      seen.push(await focused());
      if (seen.at(-1) === "way") await keyboard.press("ArrowDown");
    }
    assert.deepEqual(seen.filter((id) => ["way", "go"].includes(id)), ["way", "go"]);
    await keyboard.press("Enter");
    await stage.delivered(/sunny/);
    assert.equal(await focused(), "title");
    await stage.moved({ signed: 1, sent: 1, got: [0, 10_000] });
    return stage;
  },

  async "a wallet on another network is asked to change"(open) {
    const stage = await open({ wallet: { chainId: 1 } });
    await stage.go("/weather");
    await stage.pay.click();
    await stage.delivered(/sunny/);
    const asked = stage.wallet.asked.map(({ method }) => method);
    assert.deepEqual(asked, [
      "eth_requestAccounts", "eth_chainId", "wallet_switchEthereumChain", "eth_chainId", "eth_signTypedData_v4",
    ]);
    await stage.moved({ signed: 1, sent: 1, got: [10_000, 0] });
    return stage;
  },

  async "a wallet that is announced is found, and one of two is chosen"(open) {
    const stage = await open({ names: ["Alpha", "<b>Beta</b>"] });
    await stage.go("/weather");
    assert.deepEqual(await stage.page.locator("#wallet option").allInnerTexts(), ["Alpha", "<b>Beta</b>"]);
    await stage.page.getByLabel("Wallet").selectOption("<b>Beta</b>");
    await stage.pay.click();
    await stage.delivered(/sunny/);
    await stage.moved({ signed: 1, sent: 1, got: [10_000, 0] });
    return stage;
  },

  async "texts, pages, pictures and files are shown or saved, and run nothing"(open) {
    const stage = await open();
    const { page } = stage;
    const buy = async (path) => {
      await stage.go(path);
      await stage.pay.click();
      await stage.delivered();
    };
    const saved = async () => {
      const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#download").click()]);
      return [download.suggestedFilename(), await readFile(await download.path())];
    };
    await buy("/text");
    assert.equal(await page.locator("#content pre").innerText(), "snow ☃ and <b>no markup</b>");
    assert.deepEqual(await saved(), ["text.txt", Buffer.from("snow ☃ and <b>no markup</b>")]);
    await buy("/picture");
    const width = await page.locator("#content img").evaluate(async (image) => {
      await image.decode();
      return image.naturalWidth;
    });
    assert.equal(width, 1);
    await buy("/file");
    assert.match(await page.locator("#content").innerText(), /Download it/);
    assert.deepEqual(await saved(), ["_we_ather.bin", Buffer.from([0, 1, 2, 3])]);
    assert.deepEqual(stage.trouble, []);
    await buy("/page");
    const frame = page.frameLocator("#content iframe");
    assert.equal(await frame.locator("h1").innerText(), "Bought");
    assert.equal(await page.locator("#content iframe").getAttribute("sandbox"), "");
    assert.notEqual(await page.title(), "stolen");
    // The browser says that it did not run the script of the page that was bought.
    stage.trouble = stage.trouble.filter((line) => !/Blocked script execution|Executing inline script violates/.test(line));
    await stage.moved({ signed: 4, sent: 4, got: [40_000, 0] });
    return stage;
  },

  async "signatures that end with 0 or 1 are taken"(open) {
    const stage = await open();
    stage.wallet.spell = (signature) =>
      signature.slice(0, 130) + { "1b": "00", "1c": "01" }[signature.slice(130)];
    await stage.go("/weather");
    await stage.pay.click();
    await stage.delivered(/sunny/);
    await stage.moved({ signed: 1, sent: 1, got: [10_000, 0] });
    return stage;
  },

  async "the address is the browser's, where the seller has not said its own"(open) {
    const stage = await open();
    await stage.page.route("**/weather*", async (route) => {
      const response = await route.fetch();
      const page = (await response.text()).replaceAll("http://127", "http://inside");
      return route.fulfill({ response, body: page.replace('"canonical":true', '"canonical":false') });
    });
    await stage.go("/weather?it's");
    const url = `${stage.shop.url}/weather?it%27s`;
    assert.equal(await stage.page.locator("#address").innerText(), url);
    assert.equal(await stage.page.locator("#line-curl").textContent(), `curl -i '${url}'`);
    return stage;
  },

  async "lines for programs are copied"(open) {
    const stage = await open();
    await stage.go("/weather?it's=$(id)");
    await stage.page.locator("summary", { hasText: "Pay from a program" }).click();
    await stage.page.getByRole("button", { name: "Copy" }).first().click();
    await stage.says("Copied");
    const copied = await stage.page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied, `pay GET '${stage.shop.url}/weather?it%27s=$(id)' --max 0.01`);
    return stage;
  },
};
