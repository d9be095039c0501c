// How it looks, and to whom: pictures in light and dark and on a small screen, and what axe finds.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const screens = {
  light: { colorScheme: "light", viewport: { width: 1024, height: 860 } },
  dark: { colorScheme: "dark", viewport: { width: 1024, height: 860 } },
  small: { colorScheme: "light", viewport: { width: 320, height: 640 }, hasTouch: true },
  "small-dark": { colorScheme: "dark", viewport: { width: 320, height: 640 } },
};

export function looks(folder) {
  const cases = {};
  for (const [name, context] of Object.entries(screens)) {
    cases[`nobody is left out: ${name}`] = async (open) => {
      const stage = await open({ context: { ...context, reducedMotion: "reduce" } });
      const { page } = stage;
      const look = async (view) => {
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${view} is ${wide} pixels too wide`);
        await page.screenshot({ path: `${folder}/${name}-${view}.png`, fullPage: true });
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run(document));
        const found = violations.map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes[0].html}`);
        assert.deepEqual(found, [], view);
      };
      await stage.go("/weather?days=7");
      await look("offer");
      await stage.go("/both");
      for (const summary of await page.locator("summary:visible").all()) await summary.click();
      await look("choice");
      let answer;
      const asked = new Promise((ask) => {
        stage.wallet.next.set("eth_signTypedData_v4", () => new Promise((_, refuse) => {
          answer = () => refuse(Object.assign(new Error("no"), { code: 4001 }));
          ask();
        }));
      });
      await stage.pay.click();
      await asked;
      await look("signing");
      answer();
      await stage.says("You refused");
      await look("refused");
      await page.route("**/weather", (route) =>
        "payment-signature" in route.request().headers() ? route.abort() : route.continue());
      await stage.go("/weather");
      await stage.pay.click();
      await stage.says("The answer did not arrive");
      await look("lost");
      await page.unrouteAll();
      await stage.retry.click();
      await stage.delivered(/sunny/);
      await look("paid");
      await stage.go("/mpp");
      await look("program");
      return stage;
    };
  }
  return cases;
}
