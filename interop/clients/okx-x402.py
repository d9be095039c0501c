# The x402 v2 client of OKX's Python SDK, with its own defaults and an eth-account key.
import asyncio
import json
import sys

from eth_account import Account
from x402 import x402Client
from x402.http import decode_payment_response_header
from x402.http.clients.httpx import x402HttpxClient
from x402.mechanisms.evm.exact.client import ExactEvmScheme


async def main(url, key, body=None):
    client = x402Client().register("eip155:*", ExactEvmScheme(Account.from_key(key)))
    async with x402HttpxClient(client) as http:
        method = "GET" if body is None else "POST"
        response = await http.request(method, url, content=body)
    receipt = response.headers.get("payment-response")
    if receipt is not None:
        receipt = decode_payment_response_header(receipt).model_dump(by_alias=True)
    print(json.dumps({"status": response.status_code, "body": response.text, "receipt": receipt}))


asyncio.run(main(*sys.argv[1:]))
