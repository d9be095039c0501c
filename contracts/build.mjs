// Compiles every contract of src/ and writes ABI, creation and runtime code to out/<Name>.json, with
// the hashes of the sources it was built from. With --check it writes nothing and fails where out/
// differs from what the sources give.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import solc from "solc";

const here = (path) => new URL(path, import.meta.url);
const check = process.argv.includes("--check");

let stale = 0;
for (const file of readdirSync(here("src/"), { recursive: true }).sort()) {
  if (!file.endsWith(".sol")) continue;
  // The contract named like its file; what else the file declares is its own business.
  const name = file.replace(/^.*\//, "").replace(/\.sol$/, "");
  const { abi, evm, metadata } = compile(file)[name];
  const sources = JSON.parse(metadata).sources;
  const artifact = `${JSON.stringify({
    contract: name,
    compiler: solc.version().split("+")[0],
    packages: packagesOf(Object.keys(sources)),
    // keccak256 of each file, as the compiler read it. A path of src/, or one that starts with a package.
    sources: Object.fromEntries(Object.entries(sources).map(([path, { keccak256 }]) => [path, keccak256])),
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

// Each file is compiled alone, so that its code does not depend on its neighbours.
function compile(file) {
  const output = ["abi", "metadata", "evm.bytecode.object", "evm.deployedBytecode.object"];
  const job = {
    language: "Solidity",
    sources: { [file]: { content: readFileSync(here(`src/${file}`), "utf8") } },
    settings: {
      evmVersion: "cancun",
      optimizer: { enabled: true, runs: 200 },
      // No hash of the sources in the code: the same logic gives the same bytes.
      metadata: { appendCBOR: false, bytecodeHash: "none" },
      outputSelection: { [file]: { "*": output } },
    },
  };
  const compiled = JSON.parse(solc.compile(JSON.stringify(job), { import: resolve }));
  // Warnings about installed packages are their makers' business.
  const problems = (compiled.errors ?? []).filter(
    ({ severity, sourceLocation }) => severity === "error" || !sourceLocation?.file.startsWith("@"),
  );
  for (const problem of problems) console.error(problem.formattedMessage);
  if (problems.length > 0) process.exit(1);
  return compiled.contracts[file];
}

// An import is a file of src/ or of an installed package.
function resolve(path) {
  const contents = read(here(`src/${path}`)) ?? read(here(`node_modules/${path}`));
  return contents === undefined ? { error: `no file ${path}` } : { contents };
}

// Which version of each package the sources came from.
function packagesOf(paths) {
  const names = paths.filter((path) => path.startsWith("@")).map((path) => path.split("/").slice(0, 2).join("/"));
  return Object.fromEntries(
    [...new Set(names)].map((name) => [
      name,
      JSON.parse(readFileSync(here(`node_modules/${name}/package.json`), "utf8")).version,
    ]),
  );
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
