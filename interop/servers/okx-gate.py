# A FastAPI shop of OKX's Python SDK that takes MPP and x402 on one route, by its payment router.
import json
import socket
import sys

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from mpp.server.mpp import Mpp
from mpp_evm import EvmMethod, MppAdapter, MppRouteConfig, OKXSAClient
from mpp_evm.charge.intent import ChargeIntent
from paymentrouter import PaymentGate
from x402 import x402ResourceServer
from x402.adapters import X402Adapter
from x402.http import (
    OKXAuthConfig,
    OKXFacilitatorClient,
    OKXFacilitatorConfig,
    PaymentOption,
    RouteConfig,
    x402HTTPResourceServer,
)
from x402.mechanisms.evm.exact.server import ExactEvmScheme

pay_to, base_url, key, secret, passphrase, currency, *_ = sys.argv[1:]
sa = OKXSAClient(base_url=base_url, api_key=key, secret_key=secret, passphrase=passphrase)
method = EvmMethod(intents={"charge": ChargeIntent(sa_client=sa, fee_payer=True)})
method.currency = currency
method.recipient = pay_to
method.decimals = 6
method.chain_id = 196
mpp = Mpp.create(method, realm="okx.example", secret_key="interop-secret-0123456789abcdef-0123456789")

auth = OKXAuthConfig(api_key=key, secret_key=secret, passphrase=passphrase)
facilitator = OKXFacilitatorClient(OKXFacilitatorConfig(auth=auth, base_url=base_url))
server = x402ResourceServer(facilitator).register("eip155:196", ExactEvmScheme())
x402 = x402HTTPResourceServer(server, routes={})

option = PaymentOption(scheme="exact", pay_to=pay_to, price="$0.01", network="eip155:196")
both = {
    "mpp": MppRouteConfig(intent="charge", amount="0.01", description="An answer"),
    "x402": RouteConfig(accepts=option, description="An answer"),
}
gate = PaymentGate([MppAdapter(mpp), X402Adapter(x402)])

app = FastAPI()


@app.get("/paid", dependencies=[Depends(gate.for_route(both))])
async def paid(request: Request):
    result = request.state.payment_result
    if isinstance(result, dict):
        headers = result["headers"]
    else:
        headers = {"Payment-Receipt": result.to_payment_receipt()}
    return JSONResponse({"served": "by okxweb3-app-paymentrouter"}, headers=headers)


listening = socket.create_server(("127.0.0.1", 0))
port = listening.getsockname()[1]
print(json.dumps({"url": f"http://127.0.0.1:{port}/paid"}), flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])
