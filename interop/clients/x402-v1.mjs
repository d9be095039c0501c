// The stock x402 v1 fetch client. It knows no v2 header: it reads the 402 body.
import { createWalletClient, http } from "viem";
import { baseSepolia } from "viem/chains";
import { privateKeyToAccount } from "viem/accounts";
import { wrapFetchWithPayment } from "x402-fetch";

const [url, key, body] = process.argv.slice(2);
const request = body === undefined ? {} : { method: "POST", body };
const wallet = createWalletClient({
  account: privateKeyToAccount(key),
  chain: baseSepolia,
  transport: http("http://127.0.0.1:1"), // signing asks no chain
});
const response = await wrapFetchWithPayment(fetch, wallet)(url, request);
const receipt = response.headers.get("x-payment-response");
console.log(
  JSON.stringify({
    status: response.status,
    body: await response.text(),
    receipt: receipt && JSON.parse(atob(receipt)),
  }),
);
