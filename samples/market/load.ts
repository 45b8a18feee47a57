// Customers: RATE pages a second, with an order for every tenth, and one who watches prices. Prints what became of it.
import { GOODS } from "./goods.js";
import { watchTicker } from "./ticker-client.js";

const { RATE = "10" } = process.env;
const REPORT_MS = 10_000;
const PATIENCE_MS = 5_000;
const PAUSE_MS = 1_000;

let seen = { pages: 0, orders: 0, prices: 0, failed: 0 };

function failed(reason: unknown): void {
  seen.failed++;
  console.error(String(reason));
}

async function ask(path: string, method: "GET" | "POST"): Promise<void> {
  const answer = await fetch(`http://web${path}`, { method, signal: AbortSignal.timeout(PATIENCE_MS) });
  const said = await answer.text();
  if (answer.status >= 500) throw new Error(`${method} ${path}: ${answer.status} ${said}`);
}

let turn = 0;
function visit(): void {
  ask("/", "GET").then(() => seen.pages++, failed);
  if (++turn % 10 !== 0) return;
  const good = GOODS[(turn / 10) % GOODS.length] ?? "";
  ask(`/${good}`, "POST").then(() => seen.orders++, failed);
}

function watchPrices(): void {
  watchTicker(
    () => seen.prices++,
    (reason) => {
      failed(reason);
      setTimeout(watchPrices, PAUSE_MS);
    },
  );
}

setInterval(visit, 1000 / Number(RATE));
watchPrices();
setInterval(() => {
  const { pages, orders, prices, failed: failures } = seen;
  console.log(`${pages} pages, ${orders} orders, ${prices} prices, ${failures} failed`);
  seen = { pages: 0, orders: 0, prices: 0, failed: 0 };
}, REPORT_MS);
process.on("SIGTERM", () => process.exit(0));
