// What each good costs, in cents: HTTP/2 in clear text, a stream a question (GET /apples).
import { constants, createServer } from "node:http2";
import { listen } from "../serve.js";

const PRICES: ReadonlyMap<string, number> = new Map([
  ["/apples", 40],
  ["/bread", 250],
  ["/cheese", 480],
]);

const { HTTP2_HEADER_PATH: PATH, HTTP2_HEADER_STATUS: STATUS } = constants;

const server = createServer();
server.on("stream", (stream, headers) => {
  const price = PRICES.get(String(headers[PATH]));
  stream.on("error", () => undefined);
  stream.respond({ [STATUS]: price === undefined ? 404 : 200 });
  stream.end(price === undefined ? "no such good" : String(price));
});
listen(server);
