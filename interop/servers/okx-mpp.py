# A FastAPI shop of OKX's Python SDK that sells by MPP charge, behind its own client of the SA-API.
import json
import socket
import sys

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from mpp import Credential, Receipt
from mpp.server.mpp import Mpp
from mpp_evm import EvmMethod, OKXSAClient
from mpp_evm.charge.intent import ChargeIntent

pay_to, base_url, key, secret, passphrase, currency, *_ = sys.argv[1:]
sa = OKXSAClient(base_url=base_url, api_key=key, secret_key=secret, passphrase=passphrase)
method = EvmMethod(intents={"charge": ChargeIntent(sa_client=sa, fee_payer=True)})
method.currency = currency
method.recipient = pay_to
method.decimals = 6
method.chain_id = 196
mpp = Mpp.create(method, realm="okx.example", secret_key="interop-secret-0123456789abcdef-0123456789")

app = FastAPI()


@app.get("/paid")
@mpp.pay(amount="0.01", intent="charge", description="An answer")
async def paid(request: Request, credential: Credential, receipt: Receipt):
    headers = {"Payment-Receipt": receipt.to_payment_receipt()}
    return JSONResponse({"served": "by okxweb3-app-mpp"}, headers=headers)


listening = socket.create_server(("127.0.0.1", 0))
port = listening.getsockname()[1]
print(json.dumps({"url": f"http://127.0.0.1:{port}/paid"}), flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])
