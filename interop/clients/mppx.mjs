// The stock MPP client, paying evm/charge with an EIP-3009 authorization.
import { privateKeyToAccount } from "viem/accounts";
import { Mppx } from "mppx/client";
import { assets, evm } from "mppx/evm/client";

const [url, key, body] = process.argv.slice(2);
const request = body === undefined ? {} : { method: "POST", body };
const mppx = Mppx.create({
  polyfill: false,
  methods: [
    evm.charge({
      account: privateKeyToAccount(key),
      currencies: [assets.baseSepolia.USDC],
      maxAmount: "0.50",
    }),
  ],
});
const response = await mppx.fetch(url, request);
const receipt = response.headers.get("payment-receipt");
console.log(
  JSON.stringify({
    status: response.status,
    body: await response.text(),
    receipt: receipt && JSON.parse(Buffer.from(receipt, "base64url").toString()),
  }),
);
