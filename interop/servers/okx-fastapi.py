# A FastAPI shop of OKX's Python SDK, behind its own client of OKX's facilitator.
import json
import socket
import sys

import uvicorn
from fastapi import FastAPI
from x402 import x402ResourceServer
from x402.http import (
    OKXAuthConfig,
    OKXFacilitatorClient,
    OKXFacilitatorConfig,
    PaymentOption,
    RouteConfig,
)
from x402.http.middleware.fastapi import PaymentMiddlewareASGI
from x402.mechanisms.evm.deferred.server import AggrDeferredEvmScheme
from x402.mechanisms.evm.exact.server import ExactEvmScheme

pay_to, base_url, key, secret, passphrase, *_ = sys.argv[1:]
auth = OKXAuthConfig(api_key=key, secret_key=secret, passphrase=passphrase)
facilitator = OKXFacilitatorClient(OKXFacilitatorConfig(auth=auth, base_url=base_url))
server = x402ResourceServer(facilitator)
server.register("eip155:196", ExactEvmScheme()).register("eip155:196", AggrDeferredEvmScheme())
options = [
    PaymentOption(scheme=scheme, pay_to=pay_to, price="$0.01", network="eip155:196")
    for scheme in ("exact", "aggr_deferred")
]
routes = {"GET /paid": RouteConfig(accepts=options, description="An answer")}

app = FastAPI()
app.add_middleware(PaymentMiddlewareASGI, routes=routes, server=server)


@app.get("/paid")
async def paid():
    return {"served": "by okxweb3-app-x402"}


listening = socket.create_server(("127.0.0.1", 0))
port = listening.getsockname()[1]
print(json.dumps({"url": f"http://127.0.0.1:{port}/paid"}), flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])
