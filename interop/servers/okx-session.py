# A FastAPI shop of OKX's Python SDK that sells by MPP session, behind its own client of the SA-API.
# What a merchant does beside that, it does when it is told to.
import json
import socket
import sys

import uvicorn
from fastapi import FastAPI, Request
from mpp import Credential, Receipt
from mpp.server.mpp import Mpp
from mpp_evm import EvmMethod, FileStore, OKXSAClient
from mpp_evm.session.intent import SessionIntent
from mpp_evm.signer import PrivateKeySigner

pay_to, base_url, key, secret, passphrase, currency, payee_key, directory = sys.argv[1:]
sa = OKXSAClient(base_url=base_url, api_key=key, secret_key=secret, passphrase=passphrase)
session = SessionIntent(
    sa_client=sa,
    recipient=pay_to,
    signer=PrivateKeySigner.from_hex(payee_key),
    store=FileStore(directory),
    per_request_cost=10_000,
    fee_payer=True,
)
method = EvmMethod(intents={"session": session})
method.currency = currency
method.recipient = pay_to
method.decimals = 6
method.chain_id = 196
mpp = Mpp.create(method, realm="okx.example", secret_key="interop-secret-0123456789abcdef-0123456789")

app = FastAPI()


@app.get("/paid")
@mpp.pay(amount="0.01", intent="session", unit_type="request", suggested_deposit="20000")
async def paid(request: Request, credential: Credential, receipt: Receipt):
    return {"served": "by okxweb3-app-mpp"}


@app.get("/settle/{channel}")
async def settle(channel: str):
    return await session.settle_channel(channel)


@app.get("/status/{channel}")
async def status(channel: str):
    return (await sa.session_status(channel)).model_dump(by_alias=True)


listening = socket.create_server(("127.0.0.1", 0))
port = listening.getsockname()[1]
print(json.dumps({"url": f"http://127.0.0.1:{port}/paid"}), flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])
