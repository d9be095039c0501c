"use strict";
// Pays an x402 offer with a wallet of this browser, and shows what it bought.
//
// One rule stands above the others: a payment that is signed is kept and sent again until its
// answer arrives. A new one is signed only after it has expired, so that nothing is paid twice.
(() => {
  const $ = (id) => document.getElementById(id);
  const offer = JSON.parse($("offer").textContent);
  const words = JSON.parse($("words").textContent);
  const say = (name, values = {}) =>
    words[name].replace(/\{(\w+)\}/g, (slot, key) => (key in values ? String(values[key]) : slot));

  // The clock of the seller decides what has expired; the one here may be wrong.
  const ahead = offer.now - Math.floor(Date.now() / 1000);
  const now = () => Math.floor(Date.now() / 1000) + ahead;
  const MARGIN = 10; // seconds, until a chain has seen that it is not

  // The address of this page, without what is not sent to a server.
  const url = new URL(location.href);
  url.hash = url.username = url.password = "";

  // The payment that is signed and not answered. It outlives a reload of this tab.
  const place = `tollgate:${offer.method} ${url}`;
  let kept = recall();
  function recall() {
    try {
      const found = JSON.parse(sessionStorage.getItem(place));
      return typeof found?.header === "string" && Number.isInteger(found.validBefore) ? found : null;
    } catch {
      return null;
    }
  }
  function keep(payment) {
    kept = payment;
    try {
      if (payment) sessionStorage.setItem(place, JSON.stringify(payment));
      else sessionStorage.removeItem(place);
    } catch {
      // Without a store it lives as long as the page.
    }
  }
  const expired = () => now() > kept.validBefore + MARGIN;

  // Wallets, as EIP-6963 announces them, and the one that older ones put into the window.
  const wallets = new Map();
  const legacy = { info: { uuid: "", name: "window.ethereum" } };
  function announced({ detail }) {
    if (typeof detail?.provider?.request !== "function" || !detail.info?.uuid) return;
    wallets.set(String(detail.info.uuid), detail);
    list();
  }
  function list() {
    const found = [...wallets.values()];
    const old = window.ethereum;
    if (!found.length && typeof old?.request === "function") found.push({ ...legacy, provider: old });
    const before = $("wallet").value;
    $("wallet").replaceChildren(
      ...found.map(({ info }) => new Option(String(info.name).slice(0, 60), info.uuid)),
    );
    if (found.some(({ info }) => info.uuid === before)) $("wallet").value = before;
    $("wallets").hidden = found.length < 2;
    $("none").hidden = found.length > 0;
    $("go").hidden = $("promise").hidden = !found.length;
  }
  const provider = () => wallets.get($("wallet").value)?.provider ?? window.ethereum;

  const payable = offer.ways.filter((way) => way.signing);
  // What stands there for those without this script.
  $("no-script").hidden = true;
  $("commands").open = !payable.length || offer.hasBody;
  const chosen = () => {
    const index = document.querySelector("input[name=way]:checked")?.value ?? 0;
    return payable[Number(index)];
  };
  function choose() {
    $("go").textContent = say("pay", { price: chosen().price });
    for (const details of document.querySelectorAll("details[data-way]")) {
      details.hidden = payable[Number(details.dataset.way)] !== chosen();
    }
  }

  // One thing at a time, however often a button is pressed.
  let busy = false;
  let ready = 0; // when the same payment may be sent again, in milliseconds
  function during(work) {
    return async () => {
      if (busy) return;
      busy = true;
      controls();
      try {
        await work();
      } finally {
        busy = false;
        controls();
      }
    };
  }
  function tell(text, waiting = false) {
    $("status").textContent = text;
    $("status").className = waiting ? "wait" : "";
  }
  function off(button, is) {
    button.setAttribute("aria-disabled", String(is));
  }
  function controls() {
    const focused = document.activeElement;
    const paid = !$("answer").hidden;
    $("pay").hidden = paid || Boolean(kept) || !payable.length || offer.hasBody;
    $("hold").hidden = paid || !kept;
    off($("go"), busy);
    if (!kept || paid) return;
    const wait = Math.max(0, Math.ceil((ready - Date.now()) / 1000));
    off($("retry"), busy || wait > 0);
    $("retry").textContent = wait ? say("retry_in", { seconds: wait }) : say("retry");
    const left = kept.validBefore + MARGIN + 1 - now();
    $("again").hidden = left > 0;
    off($("again"), busy);
    $("wait").textContent = left > 0 ? say("again_in", { time: clock(left) }) : say("again_now");
    if (focused === $("go")) $("retry").focus();
  }

  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

  class Told extends Error {}
  const ask = (wallet, method, params) => wallet.request(params ? { method, params } : { method });

  async function onChain(wallet, way) {
    const id = `0x${BigInt(way.signing.chain).toString(16)}`;
    const current = async () => BigInt(await ask(wallet, "eth_chainId")) === BigInt(id);
    if (await current()) return;
    tell(say("switching", { network: way.networkName }), true);
    try {
      await ask(wallet, "wallet_switchEthereumChain", [{ chainId: id }]);
    } catch (error) {
      if (error?.code === 4001 || error?.code === -32002) throw error;
      throw new Told(say("chain", { network: way.networkName }));
    }
    if (!(await current())) throw new Told(say("chain", { network: way.networkName }));
  }

  function typedData(way, authorization) {
    const fields = (text) => text.split(",").map((field) => {
      const [type, name] = field.split(" ");
      return { name, type };
    });
    const { name, version, chain } = way.signing;
    return JSON.stringify({
      types: {
        EIP712Domain: fields("string name,string version,uint256 chainId,address verifyingContract"),
        TransferWithAuthorization: fields(
          "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce",
        ),
      },
      primaryType: "TransferWithAuthorization",
      domain: { name, version, chainId: chain, verifyingContract: way.asset },
      message: authorization,
    });
  }

  async function sign() {
    const way = chosen();
    const wallet = provider();
    tell(say("connecting"), true);
    const accounts = await ask(wallet, "eth_requestAccounts");
    const from = String(accounts?.[0]);
    if (!/^0x[0-9a-f]{40}$/i.test(from)) throw new Told(say("no_account"));
    await onChain(wallet, way);
    const nonce = crypto.getRandomValues(new Uint8Array(32));
    const validBefore = now() + way.seconds;
    const authorization = {
      from,
      to: way.payTo,
      value: BigInt(way.amount).toString(),
      validAfter: "0",
      validBefore: String(validBefore),
      nonce: `0x${hex(nonce)}`,
    };
    tell(say("signing"), true);
    const signed = await ask(wallet, "eth_signTypedData_v4", [from, typedData(way, authorization)]);
    if (!/^0x([0-9a-f]{2})+$/i.test(signed)) throw new Told(say("failed", { why: "" }));
    if (now() >= validBefore) throw new Told(say("late"));
    const payload = JSON.stringify({ signature: parity(signed), authorization });
    const resource = offer.resource ? `"resource":${offer.resource},` : "";
    // The offer goes back as the text it came as.
    const json = `{"x402Version":2,${resource}"accepted":${way.accepted},"payload":${payload}}`;
    keep({ header: base64(json), validBefore, price: way.price });
  }
  // Some wallets end a signature with 0 or 1; tokens read 27 or 28.
  function parity(signature) {
    const last = signature.length === 132 ? parseInt(signature.slice(130), 16) : 27;
    return last > 1 ? signature : signature.slice(0, 130) + (last + 27).toString(16);
  }
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const base64 = (text) => btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
  const unbase64 = (text) => new TextDecoder().decode(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));

  async function pay() {
    try {
      await sign();
    } catch (error) {
      tell(reason(error));
      return;
    }
    await send();
  }
  function reason(error) {
    if (error instanceof Told) return error.message;
    if (error?.code === 4001) return say("rejected");
    if (error?.code === -32002) return say("busy");
    const why = String(error?.message ?? "").slice(0, 200).replace(/[.\s]*$/, ".");
    return say("failed", { why });
  }

  async function send() {
    tell(say("sending"), true);
    controls();
    ready = 0;
    let response, receipt, body;
    try {
      response = await fetch(url, {
        method: offer.method,
        headers: { "PAYMENT-SIGNATURE": kept.header, Accept: "*/*" },
        cache: "no-store",
        signal: AbortSignal.timeout(120_000),
      });
      receipt = receiptOf(response);
      body = await response.blob();
    } catch {
      tell(say(receipt?.success === true ? "cut_off" : "unreachable"));
      return;
    }
    await (response.ok ? deliver : hold)(response, receipt, body);
  }
  function receiptOf(response) {
    try {
      return JSON.parse(unbase64(response.headers.get("payment-response")));
    } catch {
      return null;
    }
  }

  // No answer yet: what was signed stays.
  async function hold(response, receipt, body) {
    const { code, detail } = await problem(body);
    const status = `${response.status} ${response.statusText}`.trim();
    const why = [detail, code && `(${code})`].filter(Boolean).join(" ") || status;
    ready = Date.now() + pause(response.headers.get("retry-after"));
    if (receipt?.success === true) {
      tell(say("undelivered", { why: status }));
    } else if (/_already_used$/.test(code ?? "")) {
      tell(say("used", { why }));
    } else if (response.status === 402 && expired()) {
      keep(null);
      tell(say("refused_over", { why }));
    } else if (response.status === 402) {
      tell(say("refused", { why }));
    } else if (response.status >= 500 || [408, 425, 429].includes(response.status)) {
      tell(say("unsettled", { why: code || status }));
    } else {
      tell(say("answered", { why: detail ? `${status}: ${why}` : status }));
    }
  }
  async function problem(body) {
    try {
      const { code, detail } = JSON.parse(await body.slice(0, 65536).text());
      const short = (text) => (typeof text === "string" ? text.slice(0, 200) : "");
      return { code: short(code), detail: short(detail) };
    } catch {
      return {};
    }
  }
  function pause(header) {
    if (!header) return 0;
    const wait = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
    return Math.min(Math.max(wait || 0, 0), 600_000);
  }

  async function deliver(response, receipt, body) {
    const type = (response.headers.get("content-type") ?? "").split(";")[0].trim().toLowerCase();
    $("content").replaceChildren(await shown(type, body).catch(() => paragraph(say("too_long"))));
    const link = $("download");
    // As bytes, so that no click can open it as a page of this site.
    link.href = URL.createObjectURL(new Blob([body], { type: "application/octet-stream" }));
    link.download = filename(response.headers.get("content-disposition"), type);
    link.hidden = !body.size;
    if (typeof receipt?.transaction === "string" && receipt.transaction) {
      $("transaction").textContent = receipt.transaction;
      $("receipt").hidden = false;
    }
    const price = document.createElement("strong");
    price.textContent = kept.price ?? "";
    $("heading").replaceChildren(say("paid"), " ", price);
    document.title = say("paid");
    keep(null);
    $("answer").hidden = false;
    controls();
    // Heard, not seen: the answer itself is in sight.
    tell(say("delivered"));
    $("status").className = "heard";
    $("title").focus();
  }
  async function shown(type, body) {
    if (!body.size) return paragraph(say("empty"));
    if (/^image\/(png|jpeg|gif|webp|avif|bmp|svg\+xml)$/.test(type) && body.size < 8e6) {
      const image = new Image();
      image.alt = say("image");
      image.src = `data:${type};base64,${await bytes(body)}`;
      return image;
    }
    const text = /^(text\/|application\/(.+\+)?(json|xml|javascript|x-ndjson)$)/.test(type);
    if (!text || body.size > 512 * 1024) return paragraph(say("too_long"));
    if (type === "text/html") {
      const frame = document.createElement("iframe");
      // No scripts, no forms, an origin of its own.
      frame.setAttribute("sandbox", "");
      frame.title = say("answer");
      frame.srcdoc = await body.text();
      const both = document.createDocumentFragment();
      both.append(frame, paragraph(say("plain")));
      return both;
    }
    const lines = document.createElement("pre");
    lines.tabIndex = 0;
    lines.setAttribute("role", "region");
    lines.setAttribute("aria-label", say("answer"));
    lines.textContent = await body.text();
    return lines;
  }
  function paragraph(text) {
    const element = document.createElement("p");
    element.className = "small";
    element.textContent = text;
    return element;
  }
  function bytes(body) {
    return new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.split(",")[1]);
      reader.onerror = reject;
      reader.readAsDataURL(body);
    });
  }
  function filename(disposition, type) {
    const given = /filename="?([^";]+)/i.exec(disposition ?? "")?.[1];
    const last = url.pathname.split("/").filter(Boolean).pop();
    const name = (given ?? last ?? "answer").replace(/[^\p{L}\p{N}._ -]/gu, "_").replace(/^\.+/, "");
    const ending = { "application/json": ".json", "text/plain": ".txt", "text/html": ".html" }[type] ?? "";
    const short = name.slice(0, 80) || "answer";
    return /\.\w+$/.test(short) ? short : short + ending;
  }

  // This page is named as the browser knows it, unless the seller said how.
  if (!offer.canonical) {
    $("address").textContent = url.href;
    for (const word of document.querySelectorAll("[data-url]")) {
      word.textContent = `'${url.href.replaceAll("'", "'\\''")}'`;
    }
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const line = $(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(line.textContent);
        tell(say("copied"));
      } catch {
        getSelection().selectAllChildren(line);
        tell(say("selected"));
      }
    });
  }

  $("again").textContent = say("again");
  $("again").addEventListener("click", () => {
    if (busy || !expired()) return;
    keep(null);
    // For the offer that stands now.
    location.reload();
  });
  $("retry").addEventListener("click", () => {
    if (Date.now() >= ready) during(send)();
  });
  $("go").addEventListener("click", during(() => (kept ? send() : pay())));
  if (payable.length) {
    choose();
    for (const radio of document.querySelectorAll("input[name=way]")) {
      radio.addEventListener("change", choose);
    }
    addEventListener("eip6963:announceProvider", announced);
    addEventListener("ethereum#initialized", list);
    list();
    dispatchEvent(new Event("eip6963:requestProvider"));
  }
  if (kept) tell(say("kept"));
  controls();
  setInterval(() => {
    if (kept) controls();
  }, 1000);
})();
