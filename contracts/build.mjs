// Compiles every contract of src/ and writes ABI, creation and runtime code to out/<Name>.json.
// With --check it writes nothing and fails where out/ differs from what the sources give.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import solc from "solc";

const here = (path) => new URL(path, import.meta.url);
const check = process.argv.includes("--check");

const sources = Object.fromEntries(
  readdirSync(here("src/"))
    .filter((file) => file.endsWith(".sol"))
    .sort()
    .map((file) => [file, { content: readFileSync(here(`src/${file}`), "utf8") }]),
);

const compiled = JSON.parse(
  solc.compile(
    JSON.stringify({
      language: "Solidity",
      sources,
      settings: {
        evmVersion: "cancun",
        optimizer: { enabled: true, runs: 200 },
        // No hash of the sources in the code: the same logic gives the same bytes.
        metadata: { appendCBOR: false, bytecodeHash: "none" },
        outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
      },
    }),
  ),
);
for (const problem of compiled.errors ?? []) console.error(problem.formattedMessage);
if ((compiled.errors ?? []).length > 0) process.exit(1);

let stale = 0;
for (const file of Object.keys(sources)) {
  // The contract named like its file; what else the file declares is its own business.
  const name = file.replace(/\.sol$/, "");
  const { abi, evm } = compiled.contracts[file][name];
  const artifact = `${JSON.stringify({
    contract: name,
    compiler: solc.version().split("+")[0],
    abi,
    creation: `0x${evm.bytecode.object}`,
    runtime: `0x${evm.deployedBytecode.object}`,
  })}\n`;
  const path = here(`out/${name}.json`);
  if (!check) {
    writeFileSync(path, artifact);
    console.log(`${name}: ${evm.deployedBytecode.object.length / 2} bytes of code`);
  } else if (read(path) !== artifact) {
    console.error(`out/${name}.json is not what src/${file} gives; run contracts/rebuild`);
    stale += 1;
  }
}
process.exit(stale === 0 ? 0 : 1);

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
