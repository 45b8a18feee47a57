import { Agent, get, type RequestOptions } from "node:http";
import { text } from "node:stream/consumers";
import { serve } from "../serve.js";

// The service that calls another one by name, as most HTTP clients can: through the proxy of its environment when there is one.
const proxy = process.env["http_proxy"];
const agent = new Agent({ keepAlive: true });

function wayToWorld(): RequestOptions {
  if (proxy === undefined) return { host: "world", path: "/" };
  const { hostname, port } = new URL(proxy);
  return { host: hostname, port, path: "http://world/", headers: { host: "world" } };
}

function askWorld(): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const options = { ...wayToWorld(), agent };
    get(options, (response) => {
      text(response).then((body) => {
        resolve({ status: response.statusCode ?? 0, body });
      }, reject);
    }).on("error", reject);
  });
}

serve((_request, response) => {
  askWorld().then(
    ({ status, body }) => {
      response.statusCode = status;
      response.end(status === 200 ? `Hello, ${body}!\n` : body);
    },
    (error: unknown) => {
      response.statusCode = 502;
      response.end(`${String(error)}\n`);
    },
  );
});
