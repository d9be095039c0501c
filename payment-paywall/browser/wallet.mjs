// A wallet that is asked as EIP-1193 says, and signs with the key of a devnet account.
import { privateKeyToAccount } from "viem/accounts";

export class Wallet {
  // What it does with the next question of a method: "refuse", a code, or a function.
  next = new Map();
  asked = [];
  // How it writes a signature.
  spell = (signature) => signature;
  signatures = [];

  constructor(key, chainId) {
    this.account = privateKeyToAccount(key);
    this.chainId = chainId;
  }

  count(method) {
    return this.asked.filter((asked) => asked.method === method).length;
  }

  async request({ method, params }) {
    this.asked.push({ method, params });
    const act = this.next.get(method);
    this.next.delete(method);
    if (act === "refuse") throw Object.assign(new Error("User rejected the request."), { code: 4001 });
    if (typeof act === "number") throw Object.assign(new Error("no"), { code: act });
    if (typeof act === "function") await act();
    switch (method) {
      case "eth_requestAccounts":
        return [this.account.address];
      case "eth_chainId":
        return `0x${this.chainId.toString(16)}`;
      case "wallet_switchEthereumChain":
        this.chainId = Number(params[0].chainId);
        return null;
      case "eth_signTypedData_v4":
        return this.sign(params);
      default:
        throw Object.assign(new Error(`no method ${method}`), { code: -32601 });
    }
  }

  async sign([from, json]) {
    const { domain, types, primaryType, message } = JSON.parse(json);
    if (from !== this.account.address) throw new Error("another account");
    // As wallets do: what is signed is for the chain that they are on.
    if (domain.chainId !== this.chainId) throw new Error("another chain");
    const { EIP712Domain, ...others } = types;
    if (EIP712Domain.length !== 4) throw new Error("another domain");
    const signature = await this.account.signTypedData({ domain, types: others, primaryType, message });
    this.signatures.push(signature);
    return this.spell(signature);
  }
}

// Puts the wallet into every document of a browser context: `window.ethereum`, or announced as
// EIP-6963 says under each of these names.
export async function inject(context, wallet, names = []) {
  await context.exposeFunction("askTestWallet", async (question) => {
    try {
      return JSON.stringify({ result: await wallet.request(JSON.parse(question)) });
    } catch (error) {
      return JSON.stringify({ error: { code: error.code, message: error.message } });
    }
  });
  await context.addInitScript((names) => {
    const provider = {
      async request(question) {
        const answer = JSON.parse(await window.askTestWallet(JSON.stringify(question)));
        if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
        return answer.result;
      },
    };
    if (!names.length) window.ethereum = provider;
    const announce = () => {
      for (const name of names) {
        const info = Object.freeze({ uuid: `id of ${name}`, name, icon: "data:,", rdns: "test" });
        const detail = Object.freeze({ info, provider });
        dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
      }
    };
    addEventListener("eip6963:requestProvider", announce);
  }, names);
}
