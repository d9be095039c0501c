// main.mjs <chromium> <shop> <folder for pictures> [part of a case's name]
import { mkdir } from "node:fs/promises";
import { chromium } from "playwright-core";
import { looks } from "./looks.mjs";
import { cases as paying } from "./paying.mjs";
import { openShop } from "./shop.mjs";
import { Stage } from "./stage.mjs";
import { cases as trouble } from "./trouble.mjs";

const [executablePath, program, folder, only = ""] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const shop = await openShop(program);
const browser = await chromium.launch({
  executablePath,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const failed = [];
try {
  for (const [name, run] of Object.entries({ ...paying, ...trouble, ...looks(folder) })) {
    if (!name.includes(only)) continue;
    const started = Date.now();
    let stage;
    try {
      await run(async (options) => (stage = await Stage.open({ browser, shop }, options)));
      await stage.close();
      console.log(`ok      ${name} (${Date.now() - started} ms)`);
    } catch (error) {
      failed.push(name);
      console.log(`FAILED  ${name}\n${error.stack}\n${(stage?.trouble ?? []).join("\n")}`);
      await stage?.page.screenshot({ path: `${folder}/failed-${failed.length}.png`, fullPage: true }).catch(() => {});
      await stage?.context.close().catch(() => {});
    }
  }
} finally {
  await browser.close();
  shop.close();
}
console.log(failed.length ? `${failed.length} failed` : `all well; pictures are in ${folder}`);
process.exit(failed.length ? 1 : 0);
