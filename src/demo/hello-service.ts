import { Agent, get } from "node:http";
import { text } from "node:stream/consumers";
import { serve } from "./service-process.js";

// The service that calls another one, by name and through the proxy of its environment, as most HTTP clients can.
const proxy = new URL(process.env["http_proxy"] ?? "");
const agent = new Agent({ keepAlive: true });

function askWorld(): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      host: proxy.hostname,
      port: proxy.port,
      path: "http://world/",
      headers: { host: "world" },
      agent,
    };
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
