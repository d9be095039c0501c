// The stock MPP server: evm/charge, settled through the facilitator it is given.
import { createServer } from "node:http";
import { Mppx } from "mppx/server";
import { assets, evm } from "mppx/evm/server";

const [recipient, facilitator] = process.argv.slice(2);
const mppx = Mppx.create({
  realm: "mppx.example",
  secretKey: "interop-secret-0123456789abcdef-0123456789",
  methods: [
    evm.charge({ currency: assets.baseSepolia.USDC, recipient, x402: { facilitator } }),
  ],
});
const handler = async (request) => {
  const result = await mppx.charge({ amount: "0.01" })(request);
  if (result.status === 402) return result.challenge;
  return result.withReceipt(Response.json({ served: "by mppx" }));
};
const server = createServer(async (incoming, outgoing) => {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value));
  const url = `http://${incoming.headers.host}${incoming.url}`;
  const response = await handler(new Request(url, { method: incoming.method, headers }));
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
});
server.listen(0, "127.0.0.1", () =>
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/paid` })),
);
