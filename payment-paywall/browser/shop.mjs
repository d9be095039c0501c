// The shop of the test, in a process of its own.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export async function openShop(program) {
  const child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
  const about = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", (line) => resolve(JSON.parse(line)));
    child.once("exit", (code) => reject(new Error(`the shop ended with ${code}`)));
    child.once("error", reject);
  });
  return {
    ...about,
    // What the seller holds of each token, in base units.
    async balances() {
      return (await (await fetch(`${about.url}/control/balances`)).json()).map(BigInt);
    },
    // The seller's node, `silent` or `well`.
    async node(state) {
      const answer = await fetch(`${about.url}/control/node/${state}`, { method: "POST" });
      if (!answer.ok) throw new Error(`the node can't be ${state}`);
    },
    // It ends with its input.
    close: () => child.stdin.end(),
  };
}
