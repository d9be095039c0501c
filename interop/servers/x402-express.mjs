// The stock x402 v2 express server, behind the facilitator it is given.
import express from "express";
import { paymentMiddleware, x402ResourceServer } from "@x402/express";
import { ExactEvmScheme } from "@x402/evm/exact/server";
import { HTTPFacilitatorClient } from "@x402/core/server";

const [payTo, facilitator] = process.argv.slice(2);
const app = express();
const server = new x402ResourceServer(new HTTPFacilitatorClient({ url: facilitator })).register(
  "eip155:84532",
  new ExactEvmScheme(),
);
app.use(
  paymentMiddleware(
    {
      "GET /paid": {
        accepts: { scheme: "exact", price: "$0.01", network: "eip155:84532", payTo },
        description: "An answer",
      },
    },
    server,
  ),
);
app.get("/paid", (_, response) => response.json({ served: "by @x402/express" }));
const listening = app.listen(0, "127.0.0.1", () =>
  console.log(JSON.stringify({ url: `http://127.0.0.1:${listening.address().port}/paid` })),
);
