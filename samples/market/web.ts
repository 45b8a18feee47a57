// What customers see: HTTP/1, a page of the catalog's goods (GET /), and orders, which it passes on (POST /apples).
import type { ServerResponse } from "node:http";
import { serve } from "../serve.js";

interface Good {
  readonly good: string;
  readonly cents: number;
  readonly count: number;
}

async function show(response: ServerResponse): Promise<void> {
  const answer = await fetch("http://catalog/");
  if (!answer.ok) throw new Error(await answer.text());
  const goods = (await answer.json()) as Good[];
  const lines = goods.map(
    ({ good, cents, count }) => `${good}: ${(cents / 100).toFixed(2)}, ${count} left\n`,
  );
  response.end(lines.join(""));
}

async function order(path: string, response: ServerResponse): Promise<void> {
  const answer = await fetch(`http://orders${path}`, { method: "POST" });
  response.statusCode = answer.status;
  response.end(await answer.text());
}

serve(({ method, url = "/" }, response) => {
  if (url === "/ready") {
    response.end("ok\n");
    return;
  }
  (method === "POST" ? order(url, response) : show(response)).catch((error: unknown) => {
    response.statusCode = 502;
    response.end(`${String(error)}\n`);
  });
});
