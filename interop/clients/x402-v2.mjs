// The stock x402 v2 fetch client, with its own defaults and spend controls.
import { wrapFetchWithPaymentFromConfig, decodePaymentResponseHeader } from "@x402/fetch";
import { ExactEvmScheme } from "@x402/evm";
import { privateKeyToAccount } from "viem/accounts";

const [url, key, body] = process.argv.slice(2);
const request = body === undefined ? {} : { method: "POST", body };
const pay = wrapFetchWithPaymentFromConfig(fetch, {
  schemes: [{ network: "eip155:*", client: new ExactEvmScheme(privateKeyToAccount(key)) }],
});
const response = await pay(url, request);
const receipt = response.headers.get("payment-response");
console.log(
  JSON.stringify({
    status: response.status,
    body: await response.text(),
    receipt: receipt && decodePaymentResponseHeader(receipt),
  }),
);
